//! Answers: HSTS once on each, held while they are inspected, and what backend and client are told of each other.

use std::io::{Read as _, Write as _};

use portcullis_config::AuditScope;
use portcullis_testkit::{RecordingUpstream, Reply, h2_exchange, h2_raw, http::Request};

use crate::site::{HSTS, NAME, Site};

fn get(path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n{fields}\r\n").into_bytes()
}

fn h2_get(path: &str) -> Request<()> {
    Request::get(format!("https://{NAME}{path}")).body(()).expect("a request")
}

#[test]
fn hsts_stands_once_whatever_the_backend_said() {
    let backend = RecordingUpstream::plain(|_| {
        Reply::new(200, "ok")
            // A backend cannot name our own fields away either.
            .header("Connection", "keep-alive, X-Hop, Strict-Transport-Security, X-Request-Id")
            .header("X-Hop", "1")
            .header("Strict-Transport-Security", "max-age=1")
            .header("strict-transport-security", "max-age=2")
    })
    .expect("a backend");
    let site = Site::before(&backend);
    let answer = site.client().get("/").expect("an answer");
    let values: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("strict-transport-security"))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect();
    assert_eq!(values, [HSTS]);
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("x-hop"), None);
    let answer = h2_exchange(&site.client(), h2_get("/"), b"").expect("an answer");
    assert_eq!(answer.headers.get_all("strict-transport-security").iter().collect::<Vec<_>>(), [HSTS]);
}

#[test]
fn what_the_backend_is_told() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let fields = "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Customer-Id: 1\r\n\
        X_Customer_Id: 1\r\nClient-Cert: :AA==:\r\nX-Request-Id: chosen-by-client\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
        Keep-Alive: 1\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: h2c\r\nAccept-Encoding: gzip\r\nX-End: 1\r\n";
    let answer = site.client().exchange(&get("/", fields)).expect("an answer");
    assert_eq!(answer.header("x-request-id").as_deref(), Some("chosen-by-client"));
    let request = &backend.requests()[0];
    assert_eq!(request.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(request.header("x-forwarded-host").as_deref(), Some(NAME));
    assert_eq!(request.header("x-request-id").as_deref(), Some("chosen-by-client"));
    assert_eq!(request.header("host").as_deref(), Some(NAME));
    assert_eq!(request.header("x-end").as_deref(), Some("1"));
    for name in [
        "x_forwarded_for",
        "forwarded",
        "x-customer-id",
        "x_customer_id",
        "client-cert",
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "accept-encoding",
    ] {
        assert_eq!(request.header(name), None, "{name}");
    }
    let answer = site
        .client()
        .exchange(&get("/", "X-Request-Id: has space\r\nConnection: close\r\n"))
        .expect("an answer");
    assert_eq!(answer.header("x-request-id").expect("an id").len(), 36);
}

#[test]
fn cookies_of_http2_reach_the_backend_as_one_field() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let mut request = h2_get("/");
    request.headers_mut().append("cookie", "a=1".parse().expect("a value"));
    request.headers_mut().append("cookie", "b=2".parse().expect("a value"));
    h2_exchange(&site.client(), request, b"").expect("an answer");
    let received = &backend.requests()[0];
    assert_eq!(received.header("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(received.header("host").as_deref(), Some(NAME));
}

#[test]
fn answers_are_held_until_they_are_inspected() {
    let backend = RecordingUpstream::plain(|request| {
        let text = match request.target.as_str() {
            path if path.starts_with("/secret") => "one SECRET two",
            "/long" => return Reply::new(200, vec![b'x'; 300_000]).header("Content-Type", "text/plain"),
            _ => "one open two",
        };
        let reply = Reply::new(200, text);
        match request.target.as_str() {
            "/leak" => reply.header("X-Leak", "1"),
            path if path.ends_with("binary") => reply.header("Content-Type", "application/octet-stream"),
            path if path.ends_with("chunked") => reply.header("Content-Type", "text/plain").chunked(3),
            _ => reply.header("Content-Type", "text/plain"),
        }
    })
    .expect("a backend");
    let site = Site::before(&backend);
    for (path, status) in [
        ("/open", 200),
        ("/open-chunked", 200),
        ("/secret", 403),
        ("/secret-chunked", 403),
        ("/leak", 403),
        ("/secret-binary", 200),
        ("/long", 200),
    ] {
        let answer = site.client().get(path).expect(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS), "{path}");
        let of_h2 = h2_exchange(&site.client(), h2_get(path), b"").expect(path);
        assert_eq!(of_h2.status, status, "{path} over HTTP/2");
        if status == 200 {
            assert_eq!(of_h2.body, answer.body, "{path}");
        } else {
            assert!(!answer.text().contains("SECRET"), "{path}");
            assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{path}");
        }
    }
    let line = site.access().wait_for(|line| line["path"] == "/secret").expect("an access line");
    assert_eq!(
        (&line["status"], &line["upstream"]["status"], &line["refusal"]),
        (&403.into(), &200.into(), &"waf".into())
    );
    assert_eq!(line["waf"]["rules"], serde_json::json!([401]));
}

#[test]
fn a_head_request_gets_a_head() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "body").header("Content-Type", "text/plain"))
        .expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    for (path, status) in [("/", 200), ("/evil", 403), ("/", 200)] {
        wire.send(format!("HEAD {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
        assert_eq!(wire.answer_to_head().expect("an answer").status, status);
    }
}

#[test]
fn an_old_client_gets_no_chunks() {
    let backend =
        RecordingUpstream::plain(|_| Reply::new(200, "body of chunks").chunked(4)).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(b"GET / HTTP/1.0\r\nHost: edge.test\r\n\r\n").expect("sent");
    let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
    assert!(everything.ends_with("\r\n\r\nbody of chunks"), "{everything}");
    assert!(!everything.to_ascii_lowercase().contains("transfer-encoding"), "{everything}");
}

#[test]
fn a_dropped_request_gets_no_answer() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(&get("/", "X-Probe: drop\r\n")).expect("sent");
    assert!(wire.rest().map_or(true, |rest| rest.is_empty()));
    site.access().wait_for(|line| line["waf"]["rules"] == serde_json::json!([103])).expect("an access line");
    assert_eq!(backend.connections(), 0);
}

#[test]
fn malformed_http2_requests_are_counted_and_recorded() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::with(&backend, |config, _| config.log.audit_scope = AuditScope::All);
    let fields: [(&str, &[u8]); 4] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", b"edge.test"),
        (":path", b"/?q=<script>"),
    ];
    let frames = h2_raw(&site.client(), &fields).expect("frames");
    assert!(frames.iter().any(|frame| frame.kind == 3 || frame.kind == 7), "{frames:?}");
    let line = site.access().wait_for(|line| line["refusal"] == "h2_stream_error").expect("an access line");
    assert_eq!(line["type"], "connection");
    assert!(site.metrics().contains("portcullis_h2_stream_errors_total 1"));
    assert_eq!(backend.connections(), 0);
}

#[test]
fn connect_over_http2_is_refused_and_recorded() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let request = Request::connect("edge.test:443").body(()).expect("a request");
    let answer = h2_exchange(&site.client(), request, b"").expect("an answer");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
    site.access().wait_for(|line| line["refusal"] == "method_not_allowed").expect("an access line");
}

#[test]
fn a_websocket_passes_after_its_handshake_was_inspected() {
    let backend = RecordingUpstream::plain(|_| {
        Reply::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello from the other protocol")
    })
    .expect("a backend");
    let site = Site::before(&backend);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut wire = site.client().connect().expect("connected");
    wire.send(&get("/socket", upgrade)).expect("sent");
    let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
    assert!(everything.starts_with("HTTP/1.1 101"), "{everything}");
    assert!(everything.ends_with("hello from the other protocol"), "{everything}");
    let answer = site.client().exchange(&get("/evil", upgrade)).expect("an answer");
    assert_eq!(answer.status, 403);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_websocket_that_falls_silent_is_closed_without_an_answer_in_it() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("an address").to_string();
    let silent = std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().expect("a connection");
        let hello =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello";
        // Nobody agrees before being asked: the end of the handshake is waited for.
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a handshake");
            asked.extend(byte);
        }
        stream.write_all(hello.as_bytes()).expect("sent");
        // Longer than the edge's read timeout: it is the edge that ends this.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let unused = RecordingUpstream::plain(|_| Reply::new(200, "unused")).expect("a backend");
    let site = Site::with(&unused, |config, _| config.upstreams[0].servers = vec![address]);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut wire = site.client().connect().expect("connected");
    wire.send(&get("/socket", upgrade)).expect("sent");
    let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
    assert!(everything.starts_with("HTTP/1.1 101"), "{everything}");
    assert!(everything.ends_with("\r\n\r\nhello"), "{everything}");
    silent.join().expect("the edge closed");
}
