//! Heads that are refused before anything else reads them: the right status, HSTS, a record, nothing at the backend.

use std::time::{Duration, Instant};

use portcullis_testkit::{RecordingUpstream, Reply};

use crate::site::{HSTS, Site};

fn cases() -> Vec<(Vec<u8>, u16, &'static str)> {
    let host = "Host: edge.test\r\n";
    let text = |text: String| text.into_bytes();
    vec![
        (text(format!("GARBAGE\r\n{host}\r\n")), 400, "bad_request_line"),
        (text("\u{16}\u{3}\u{1}garbage".to_owned()), 400, "bad_request_line"),
        (text("GET / HTTP/1.1\nHost: edge.test\n\n".to_owned()), 400, "bad_line_end"),
        (text("GET / HTTP/1.1\r\n\r\n".to_owned()), 400, "bad_host"),
        (text(format!("GET / HTTP/1.1\r\n{host}{host}\r\n")), 400, "bad_host"),
        (text("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()), 400, "bad_host"),
        (text(format!("GET /\0 HTTP/1.1\r\n{host}\r\n")), 400, "bad_target"),
        (text(format!("GET /a#b HTTP/1.1\r\n{host}\r\n")), 400, "bad_target"),
        (text(format!("GET / HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n")), 400, "bad_field"),
        (text(format!("GET / HTTP/1.1\r\n{host}X : a\r\n\r\n")), 400, "bad_field"),
        (text(format!("GET / HTTP/1.1\r\n{host}X: a\0b\r\n\r\n")), 400, "bad_field"),
        (text(format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n")), 400, "bad_framing"),
        (
            text(format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )),
            400,
            "bad_framing",
        ),
        (
            text(format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n")),
            501,
            "unknown_transfer_coding",
        ),
        (text(format!("GET / HTTP/3.0\r\n{host}\r\n")), 505, "unknown_version"),
        (text(format!("CONNECT edge.test:443 HTTP/1.1\r\n{host}\r\n")), 405, "method_not_allowed"),
        (text(format!("TRACE / HTTP/1.1\r\n{host}\r\n")), 405, "method_not_allowed"),
        (text(format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(5000))), 414, "target_too_long"),
        (text(format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "a".repeat(9000))), 431, "field_too_large"),
        (text(format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(100))), 431, "too_many_fields"),
        (text(format!("GET / HTTP/1.1\r\n{host}X: {}", "a".repeat(20_000))), 431, "head_too_large"),
        (text("GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n".to_owned()), 421, "unknown_host"),
        (text("GET /none HTTP/1.1\r\nHost: other.test\r\n\r\n".to_owned()), 421, "misdirected"),
        (text(format!("GET / HTTP/1.1\r\n{host}Expect: miracles\r\n\r\n")), 417, "unmet_expectation"),
    ]
}

#[test]
fn refused_heads_are_answered_recorded_and_go_nowhere() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    let mut access = site.access();
    for (request, status, reason) in cases() {
        let shown = request.get(..60.min(request.len())).unwrap_or(&request).escape_ascii().to_string();
        let answer = site.client().exchange(&request).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(answer.status, status, "{shown}");
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS), "{shown}");
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{shown}");
        assert_eq!(answer.header("server"), None, "{shown}");
        let id = answer.header("x-request-id").expect("a request id");
        assert!(answer.text().contains(&id), "{shown}");
        let line = access.wait_for(|line| line["request_id"] == id.as_str()).expect("an access line");
        assert_eq!(line["refusal"], reason, "{shown}");
        assert_eq!(line["status"], status, "{shown}");
    }
    assert_eq!(backend.connections(), 0);
    assert!(site.metrics().contains("portcullis_refusals_total{reason=\"bad_line_end\"} 1"));
}

#[test]
fn a_slow_head_is_answered_at_its_deadline() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    let began = Instant::now();
    wire.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\nX: ").expect("sent");
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(150));
        if wire.send(b"a").is_err() {
            break;
        }
    }
    let answer = wire.answer().expect("an answer");
    assert_eq!(answer.status, 408);
    assert!(began.elapsed() < Duration::from_secs(3));
    site.access().wait_for(|line| line["refusal"] == "head_timeout").expect("an access line");
    assert_eq!(backend.connections(), 0);
}

#[test]
fn rules_see_heads_that_the_gate_refused() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    site.client().exchange(b"GET / HTTP/1.1\r\n\r\n").expect("an answer");
    let event = site.audit().wait_for(|event| event["rules"][0]["id"] == 104).expect("an audit event");
    assert_eq!(event["status"], 400);
    assert_eq!(event["refusal"], "bad_host");
}

#[test]
fn rules_see_the_raw_target_and_the_backend_an_encoded_one() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    let answer = site
        .client()
        .exchange(b"GET /p?q=<\xc3\xa9> HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n")
        .expect("an answer");
    assert_eq!(answer.status, 200);
    site.audit().wait_for(|event| event["rules"][0]["id"] == 102).expect("an audit event");
    assert_eq!(backend.requests()[0].target, "/p?q=%3C%C3%A9%3E");
}

#[test]
fn pipelined_requests_are_served_in_turn() {
    let backend =
        RecordingUpstream::plain(|request| Reply::new(200, request.target.clone())).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(
        b"POST /one HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 3\r\n\r\nabcGET /two HTTP/1.1\r\nHost: edge.test\r\n\r\n",
    )
    .expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "/one");
    assert_eq!(wire.answer().expect("an answer").text(), "/two");
    wire.send(b"GET /three HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n").expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "/three");
    assert!(wire.rest().expect("the end").is_empty());
}

#[test]
fn an_idle_connection_is_closed() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n").expect("sent");
    wire.answer().expect("an answer");
    let began = Instant::now();
    assert!(wire.rest().map_or(true, |rest| rest.is_empty()));
    assert!(began.elapsed() >= Duration::from_millis(1500) && began.elapsed() < Duration::from_secs(6));
}
