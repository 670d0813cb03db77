//! The demo backend, behind an edge that speaks TLS to it.

use portcullis_config::Transport;
use portcullis_edge::{DemoBackend, DemoOptions};
use portcullis_testkit::{Authority, RecordingUpstream, Reply, h2_exchange, http::Request};

use crate::site::{HANDSHAKE, NAME, Site, upstream};

#[test]
fn the_demo_backend_tells_what_reached_it_and_answers_as_asked() {
    let unused = RecordingUpstream::plain(|_| Reply::new(200, "unused")).expect("a backend");
    let authority = Authority::new("of the demo backend");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let (certificate, key) = authority.leaf(&["127.0.0.1"]).write(dir.path(), "demo").expect("written");
    let listen = "127.0.0.1:0".parse().expect("an address");
    let options = DemoOptions { listen, certificate, key, empty: false };
    let demo = runtime.block_on(DemoBackend::start(&options)).unwrap_or_else(|error| panic!("{error}"));
    let site = Site::with(&unused, |config, dir| {
        let ca = authority.write(dir, "demo-ca").expect("written");
        let transport = Transport::Tls { ca, ca_span: None, name: None };
        config.upstreams = vec![upstream("app", &[demo.address().to_string()], transport)];
        config.upstreams[0].http = portcullis_config::UpstreamHttp::Auto;
    });

    let request =
        format!("POST /echo HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    let answer = site.client().exchange(request.as_bytes()).expect("an answer");
    let echo: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(
        (&echo["method"], &echo["path"], &echo["body_bytes"]),
        (&"POST".into(), &"/echo".into(), &3.into())
    );
    assert_eq!(echo["body_sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(echo["protocol"], "HTTP/2.0", "both ends offer it");

    let wanted = r#"{"status": 203, "headers": {"X-Wanted": "yes"}, "encodedBody": "aGVsbG8="}"#;
    let request = Request::post(format!("https://{NAME}/reflect")).body(()).expect("a request");
    let answer = h2_exchange(&site.client(), request, wanted.as_bytes()).expect("an answer");
    assert_eq!((answer.status, answer.header("x-wanted").as_deref()), (203, Some("yes")));
    assert_eq!(answer.body, b"hello");

    // HTTP/2 has no such handshake (RFC 9113, section 8.6): what the backend gets is a plain request, and both sides of it have an end.
    let mut wire = site.client().connect().expect("connected");
    wire.send(HANDSHAKE.as_bytes()).expect("sent");
    let everything = String::from_utf8_lossy(&wire.rest().expect("the end")).into_owned();
    let (head, body) = everything.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let echo: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        (&echo["path"], &echo["body_bytes"], &echo["protocol"]),
        (&"/socket".into(), &0.into(), &"HTTP/2.0".into())
    );
    let line = site.access().wait_for(|line| line["path"] == "/socket").expect("an access line");
    assert_eq!((&line["status"], &line["refusal"]), (&200.into(), &serde_json::Value::Null));
    site.block_on(async {});
}
