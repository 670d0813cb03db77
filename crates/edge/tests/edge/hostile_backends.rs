//! Backends that answer what could be read two ways, or switch protocols unasked: a bad gateway, whatever was asked and however.

use std::{
    io::{Read, Write as _},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use portcullis_config::Transport;
use portcullis_testkit::{Authority, RecordingUpstream, Reply, h2_exchange, http::Request};
use rustls::{ServerConfig, ServerConnection};

use crate::site::{HANDSHAKE, HSTS, NAME, Site};

const ANSWERS: [(&str, &str); 18] = [
    ("two lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    ("a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc"),
    ("a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
    ("an empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nabc"),
    ("an overflowing length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc"),
    ("another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc"),
    (
        "two codings",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("no HTTP", "220 mail.test ESMTP\r\n\r\n"),
    ("garbage", "\x16\x03\x01garbage\r\n\r\n"),
    ("an unknown version", "HTTP/3.0 200 OK\r\n\r\n"),
    ("no status", "HTTP/1.1 OK\r\n\r\n"),
    ("a status beyond all", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n"),
    ("a NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
    ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
    ("nothing", ""),
    (
        "an unasked switch",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ),
];

#[test]
fn what_is_no_answer_is_a_bad_gateway() {
    for (name, bytes) in ANSWERS {
        let backend = RecordingUpstream::plain(move |_| Reply::raw(bytes)).expect("a backend");
        let site = Site::before(&backend);
        let answer = site.client().get("/a").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer.status, 502, "{name}");
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS), "{name}");
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{name}");
        let request = Request::get(format!("https://{NAME}/b")).body(()).expect("a request");
        let answer =
            h2_exchange(&site.client(), request, b"").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer.status, 502, "{name} over HTTP/2");
    }
}

/// A backend that does what it is told with each connection, one after the other.
fn scripted(
    connections: usize,
    script: impl Fn(std::net::TcpStream) + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let served = thread::spawn(move || {
        for _ in 0..connections {
            let (stream, _) = listener.accept().expect("a connection");
            script(stream);
        }
    });
    (address, served)
}

fn site_before(address: SocketAddr, change: impl FnOnce(&mut portcullis_config::Config)) -> Site {
    let unused = RecordingUpstream::plain(|_| Reply::new(200, "unused")).expect("a backend");
    Site::with(&unused, |config, _| {
        config.upstreams[0].servers = vec![address.to_string()];
        change(config);
    })
}

fn head(stream: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    head
}

#[test]
fn what_is_sent_before_the_tunnel_stands_waits_for_it() {
    let (address, served) = scripted(1, |mut stream| {
        head(&mut stream);
        thread::sleep(Duration::from_millis(400));
        let hello = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(hello).expect("sent");
        let mut early = [0; 5];
        stream.read_exact(&mut early).expect("the early bytes");
        stream.write_all(&early).expect("sent");
    });
    let site = site_before(address, |_| {});
    let mut wire = site.client().connect().expect("connected");
    wire.send(HANDSHAKE.as_bytes()).expect("sent");
    thread::sleep(Duration::from_millis(150));
    wire.send(b"early").expect("sent");
    let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
    assert!(everything.starts_with("HTTP/1.1 101") && everything.ends_with("\r\n\r\nearly"), "{everything}");
    served.join().expect("served");
}

#[test]
fn a_tunnel_stands_though_the_backend_agrees_before_the_request_has_ended() {
    const AGREED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello";
    // Which of the two the edge hears of first is chance.
    const TIMES: usize = 12;
    let authority = Authority::new("backend authority");
    let mut tls = ServerConfig::clone(&authority.leaf(&["backend.test"]).server_config(&["http/1.1"]));
    // The answer comes along with the TLS handshake: it is there when the request is sent.
    tls.send_half_rtt_data = true;
    let tls = Arc::new(tls);
    let (address, served) = scripted(TIMES, move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&tls)).expect("a connection");
        connection.writer().write_all(AGREED).expect("kept");
        let mut wire = rustls::Stream::new(&mut connection, &mut stream);
        head(&mut wire);
        thread::sleep(Duration::from_millis(20));
        wire.write_all(b" and goodbye").expect("the tunnel stands");
        wire.conn.send_close_notify();
        wire.flush().expect("sent");
    });
    let directory = tempfile::tempdir().expect("a directory");
    let ca = authority.write(directory.path(), "ca").expect("written");
    let site = site_before(address, |config| {
        let name = Some("backend.test".to_owned());
        config.upstreams[0].transport = Transport::Tls { ca, ca_span: None, name };
    });
    for _ in 0..TIMES {
        let mut wire = site.client().connect().expect("connected");
        wire.send(HANDSHAKE.as_bytes()).expect("sent");
        let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
        assert!(everything.starts_with("HTTP/1.1 101"), "{everything}");
        assert!(everything.ends_with("hello and goodbye"), "{everything}");
    }
    served.join().expect("served");
}

#[test]
fn a_declined_tunnel_is_closed_behind_its_answer_however_that_comes() {
    const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let (address, served) = scripted(2, |mut stream| {
        head(&mut stream);
        stream.write_all(EARLY.as_bytes()).expect("sent");
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n").expect("sent");
        for part in ["2\r\nde\r\n", "6\r\nclined\r\n", "0\r\n\r\n"] {
            thread::sleep(Duration::from_millis(50));
            stream.write_all(part.as_bytes()).expect("sent");
        }
    });
    let site = site_before(address, |_| {});
    for early in ["", "x"] {
        let mut wire = site.client().connect().expect("connected");
        wire.send(HANDSHAKE.as_bytes()).expect("sent");
        thread::sleep(Duration::from_millis(20));
        wire.send(early.as_bytes()).expect("sent");
        let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
        assert!(everything.contains("HTTP/1.1 403 ") && everything.contains("clined"), "{everything}");
        assert!(everything.ends_with("0\r\n\r\n"), "{everything}");
    }
    served.join().expect("served");
}

#[test]
fn a_declined_tunnel_leaves_no_bytes_to_be_taken_for_a_request() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "declined").after(Duration::from_millis(400)))
        .expect("a backend");
    let site = Site::before(&backend);
    let mut wire = site.client().connect().expect("connected");
    wire.send(HANDSHAKE.as_bytes()).expect("sent");
    thread::sleep(Duration::from_millis(150));
    let _ = wire.send(b"GET /smuggled HTTP/1.1\r\nHost: edge.test\r\n\r\n");
    assert_eq!(wire.answer().expect("an answer").text(), "declined");
    assert!(wire.answer_or_end().map_or(true, |more| more.is_none()), "the connection is over");
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_switch_to_something_else_is_none() {
    let backend = RecordingUpstream::plain(|_| {
        Reply::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nhello")
    })
    .expect("a backend");
    let site = Site::before(&backend);
    assert_eq!(site.client().exchange(HANDSHAKE.as_bytes()).expect("an answer").status, 502);
}

#[test]
fn an_answer_without_end_ends_at_its_time() {
    let (address, served) = scripted(1, |mut stream| {
        head(&mut stream);
        let begun =
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(begun).expect("sent");
        while stream.write_all(b"3\r\nabc\r\n").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let site = site_before(address, |config| config.limits.answer_timeout = Duration::from_secs(1));
    let mut wire = site.client().connect().expect("connected");
    wire.send(format!("GET /events HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
    assert!(wire.answer().is_err(), "half an answer is told from a whole one");
    site.access().wait_for(|line| line["refusal"] == "answer_timeout").expect("an access line");
    served.join().expect("the edge let its backend go");
}
