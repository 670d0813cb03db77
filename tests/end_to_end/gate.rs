//! Heads that never become a request: each has its status, and an access line that says why.

use std::{
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::Client;

use crate::support::{assert_refusal, house};

#[test]
fn malformed_and_oversized_heads_have_their_status_and_a_line() {
    let house = house(|_| {});
    let long = "a".repeat(20_000);
    let many = (0..200).map(|index| format!("X-{index}: 1\r\n")).collect::<String>();
    let cases: Vec<(u16, String)> = vec![
        (400, "complete garbage\r\n\r\n".to_owned()),
        (400, "GET /\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n".to_owned()),
        (400, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc".to_owned()),
        (
            400,
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
        (400, "GET / HTTP/1.1\nHost: localhost\n\n".to_owned()),
        (431, format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")),
        (414, format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
    ];
    let mut access = house.edge.access();
    for (status, request) in cases {
        let answer = house.edge.client().exchange(request.as_bytes()).unwrap();
        println!("{}", request.chars().take(80).collect::<String>());
        assert_refusal(&answer, status);
        let id = answer.header("x-request-id").unwrap();
        let line = access.wait_for(|line| line["request_id"] == id.as_str()).unwrap();
        assert_eq!(line["status"], status, "{line}");
        assert!(line["refusal"].is_string(), "{line}");
    }
    assert_eq!(house.upstream.bytes().len(), 0);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_408_in_time() {
    let house = house(|config| config.limits = "head_timeout = \"1s\"".to_owned());
    let begun = Instant::now();
    let mut wire = house.edge.client().timeout(Duration::from_secs(10)).connect().unwrap();
    for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if wire.send(&[*byte]).is_err() || begun.elapsed() > Duration::from_millis(2_000) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    let answer = wire.answer().unwrap();
    assert_refusal(&answer, 408);
    let id = answer.header("x-request-id").unwrap();
    let line = house.edge.access().wait_for(|line| line["request_id"] == id.as_str()).unwrap();
    assert_eq!(line["status"], 408, "{line}");
}

#[test]
fn a_slow_body_is_408_and_never_arrives() {
    let house = house(|config| config.limits = "body_timeout = \"1s\"".to_owned());
    let mut wire = house.edge.client().connect().unwrap();
    wire.send(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc",
    )
    .unwrap();
    assert_refusal(&wire.answer().unwrap(), 408);
    assert_eq!(house.upstream.bytes().len(), 0);
}

#[test]
fn plain_http_is_redirected_and_never_proxied() {
    let port = portcullis_testkit::free_port();
    let house = house(|config| config.http = Some(port));
    let client = Client::plain(port);
    let answer = client.exchange(b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(answer.status, 308);
    let location = format!("https://localhost:{}/a?b=c", house.edge.https().port());
    assert_eq!(answer.header("location").as_deref(), Some(location.as_str()));
    assert!(answer.header("strict-transport-security").is_none(), "RFC 6797 section 7.2");
    assert_eq!(house.upstream.bytes().len(), 0);
}

#[test]
fn requests_one_after_the_other_on_one_connection() {
    let house = house(|_| {});
    let mut wire = house.edge.client().connect().unwrap();
    for index in 0..20 {
        wire.send(
            format!("GET /{index} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
        let answer = wire.answer().unwrap();
        assert!(answer.text().starts_with(&format!("GET /{index} ")), "{}", answer.text());
    }
    // Two at once: the second waits its turn.
    let two = "GET /a HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n".repeat(2);
    wire.send(two.as_bytes()).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(wire.answer().unwrap().status, 200);
}
