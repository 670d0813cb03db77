//! Bodies: whole before the backend sees a byte, intact when they arrive, refused when they are too long, too slow or evil.

use std::time::Duration;

use portcullis_testkit::{RecordingUpstream, Reply, h2_exchange, http::Request};

use crate::site::{HSTS, NAME, Site};

fn big() -> Vec<u8> {
    (0..5 * 1024 * 1024_u32).map(|number| b'a' + u8::try_from(number % 23).expect("small")).collect()
}

fn length_echo() -> RecordingUpstream {
    RecordingUpstream::plain(|request| Reply::new(200, request.body.len().to_string())).expect("a backend")
}

fn chunked(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: {NAME}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(70_001) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn with_length(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    request
}

fn h2_post(path: &str) -> Request<()> {
    Request::post(format!("https://{NAME}{path}")).body(()).expect("a request")
}

#[test]
fn five_mebibytes_arrive_intact_by_every_framing() {
    let backend = length_echo();
    let site = Site::before(&backend);
    let body = big();
    let mut wire = site.client().connect().expect("connected");
    wire.send(&with_length("/length", &body)).expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), body.len().to_string());
    wire.send(&chunked("/chunked", &body)).expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), body.len().to_string());
    wire.send(&chunked("/empty", b"")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "0");
    wire.send(&with_length("/small", b"abcde")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "5");
    let answer = h2_exchange(&site.client(), h2_post("/h2"), &body).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer.body), body.len().to_string());

    let requests = backend.requests();
    for path in ["/length", "/chunked", "/h2"] {
        let request = requests.iter().find(|request| request.target == path).expect(path);
        assert!(request.body == body, "{path} was changed on its way");
        assert_eq!(request.header("content-length"), Some(body.len().to_string()), "{path}");
        assert_eq!(request.header("transfer-encoding"), None, "{path}");
    }
}

#[test]
fn nothing_is_sent_on_before_the_whole_body_is_here() {
    let backend = length_echo();
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 4\r\n\r\nab").expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((backend.connections(), backend.bytes().len()), (0, 0));
    wire.send(b"cd").expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "4");
}

#[test]
fn what_the_rules_refuse_never_reaches_the_backend() {
    let backend = length_echo();
    let site = Site::before(&backend);
    let mut evil = big();
    evil.extend_from_slice(b"EVIL");
    let form = b"POST /form HTTP/1.1\r\nHost: edge.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\na=attack";
    let requests: [Vec<u8>; 6] = [
        with_length("/length", &evil),
        chunked("/chunked", &evil),
        form.to_vec(),
        b"GET /?q=attack HTTP/1.1\r\nHost: edge.test\r\n\r\n".to_vec(),
        b"GET /evil HTTP/1.1\r\nHost: edge.test\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: edge.test\r\nX-Probe: evil\r\n\r\n".to_vec(),
    ];
    for request in requests {
        let answer = site.client().exchange(&request).expect("an answer");
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
        // An id of digits may hold any number.
        let text = answer.text().replace(&answer.header("x-request-id").expect("an id"), "");
        assert!(!text.contains("201") && !text.contains("Evil"), "rules are not told outward");
    }
    let answer = h2_exchange(&site.client(), h2_post("/h2"), &evil).expect("an answer");
    assert_eq!(answer.status, 403);
    let answer = h2_exchange(&site.client(), h2_post("/evil"), &big()).expect("an answer");
    assert_eq!(answer.status, 403);
    assert_eq!((backend.connections(), backend.bytes().len()), (0, 0));

    let event = site.audit().wait_for(|event| event["path"] == "/length").expect("an audit event");
    assert_eq!(event["rules"][0]["id"], 201);
    assert_eq!(event["blocked"], true);
    assert!(!event.to_string().contains("EVIL"), "no value is recorded");
}

#[test]
fn a_kept_connection_survives_a_refusal_that_left_nothing_unread() {
    let backend = length_echo();
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(&with_length("/x", b"EVIL")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 403);
    wire.send(&with_length("/y", b"good")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").text(), "4");
}

#[test]
fn too_long_is_refused_by_length_and_by_count() {
    let backend = length_echo();
    let site = Site::with(&backend, |config, _| config.routes[0].body_bytes = 100_000);
    let long = vec![b'x'; 200_000];
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 200000\r\n\r\n").expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 413);
    assert_eq!(site.client().exchange(&chunked("/", &long)).expect("an answer").status, 413);
    assert_eq!(h2_exchange(&site.client(), h2_post("/"), &long).expect("an answer").status, 413);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_slow_body_is_refused_at_its_deadline() {
    let backend = length_echo();
    let site = Site::with(&backend, |config, _| config.limits.body_timeout = Duration::from_secs(1));
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 100\r\n\r\n").expect("sent");
    for _ in 0..7 {
        std::thread::sleep(Duration::from_millis(200));
        let _ = wire.send(b"x");
    }
    assert_eq!(wire.answer().expect("an answer").status, 408);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn broken_chunks_are_refused_before_the_backend() {
    let backend = length_echo();
    let site = Site::before(&backend);
    for body in ["zz\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n"] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let answer = site.client().exchange(request.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 400, "{body:?}");
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
    }
    assert_eq!(backend.connections(), 0);
}

#[test]
fn continue_is_said_by_the_edge_and_once() {
    let backend = length_echo();
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"POST / HTTP/1.1\r\nHost: edge.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    wire.send(b"abc").expect("sent");
    let answer = wire.answer().expect("an answer");
    assert_eq!((answer.status, answer.interim), (200, vec![100]));
    assert_eq!(backend.requests()[0].header("expect"), None);
}

#[test]
fn no_room_for_a_body_is_said_at_once() {
    let backend = length_echo();
    let site = Site::with(&backend, |config, _| config.limits.buffered_bytes = 1000);
    let answer = site.client().exchange(&with_length("/", &[b'x'; 5000])).expect("an answer");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    let answer = site.client().exchange(&with_length("/", &[b'x'; 500])).expect("an answer");
    assert_eq!(answer.status, 200, "room is given back");
}
