//! The listeners without TLS.

use portcullis_testkit::{RecordingUpstream, Reply};

use crate::site::Site;

#[test]
fn plain_http_is_sent_to_https_and_nowhere_else() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    for (request, status, location) in [
        (
            "GET /a?b=<c> HTTP/1.1\r\nHost: EDGE.test:8080\r\n\r\n",
            308,
            Some("https://edge.test:8443/a?b=%3Cc%3E"),
        ),
        (
            "POST /a HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 3\r\n\r\nabc",
            308,
            Some("https://edge.test:8443/a"),
        ),
        ("GET / HTTP/1.1\r\nHost: stranger.test\r\n\r\n", 421, None),
        ("GET / HTTP/1.0\r\n\r\n", 400, None),
        ("GET / HTTP/1.1\nHost: edge.test\n\n", 400, None),
        ("GET / HTTP/1.1\r\nHost: edge.test\r\nX: y\r\n z\r\n\r\n", 400, None),
    ] {
        let answer = site.plain_client().exchange(request.as_bytes()).expect(request);
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.header("location").as_deref(), location, "{request}");
        assert_eq!(answer.header("strict-transport-security"), None, "{request}");
        assert!(answer.header("x-request-id").is_some(), "{request}");
    }
    let line = site.access().wait_for(|line| line["status"] == 308).expect("an access line");
    assert!(line["tls"].is_null());
    assert_eq!(backend.connections(), 0);
}

#[test]
fn operators_see_numbers_and_states() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let mut site = Site::before(&backend);
    site.client().get("/").expect("an answer");
    site.client().get("/evil").expect("an answer");
    let metrics = site.metrics();
    for name in [
        "http_server_request_duration_seconds_count",
        "portcullis_waf_decisions_total{action=\"block\",route=\"all\"} 1",
        "portcullis_waf_rule_matches_total{route=\"all\",rule_id=\"101\"} 1",
        "portcullis_upstream_plaintext_requests_total{upstream=\"app\"} 1",
        "portcullis_tls_handshakes_total{result=\"ok\"} 2",
        "portcullis_config_reload_success 1",
    ] {
        assert!(metrics.contains(name), "{name}\n{metrics}");
    }
    let admin = site.admin_client();
    assert_eq!(admin.get("/readyz").expect("an answer").status, 200);
    assert_eq!(admin.get("/livez").expect("an answer").status, 200);
    assert_eq!(admin.get("/other").expect("an answer").status, 404);
    assert!(site.drain().join().expect("joined"));
}

#[test]
fn a_failed_handshake_leaves_a_record() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::before(&backend);
    let address = site.running().addresses().https[0];
    let mut wire = portcullis_testkit::Client::plain(address).connect().expect("connected");
    wire.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n").expect("sent");
    let _ = wire.rest();
    let line = site.access().wait_for(|line| line["refusal"] == "handshake_failed").expect("an access line");
    assert_eq!(line["type"], "connection");
    let _silent = portcullis_testkit::Client::plain(address).connect().expect("connected");
    site.access().wait_for(|line| line["refusal"] == "handshake_timeout").expect("an access line");
}

#[test]
fn connections_beyond_the_limit_are_closed_at_once() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend");
    let site = Site::with(&backend, |config, _| config.limits.connections = 2);
    let held: Vec<_> = (0..2).map(|_| site.client().connect().expect("connected")).collect();
    assert!(site.client().connect().is_err());
    site.access().wait_for(|line| line["refusal"] == "connection_limit").expect("an access line");
    // Operators have room of their own: an edge under attack is not taken for a dead one.
    assert_eq!(site.admin_client().get("/livez").expect("an answer").status, 200);
    drop(held);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
}
