//! Who a request comes from: rules, records and backends have one answer to it, and no stranger has a say in it.

use portcullis_config::{Config, ForwardedField};
use portcullis_testkit::{Client, RecordingUpstream, Reply};

use crate::site::{NAME, Site};

fn backend() -> RecordingUpstream {
    RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend")
}

/// An edge whose rules refuse one address.
fn site(backend: &RecordingUpstream, change: impl FnOnce(&mut Config)) -> Site {
    Site::with(backend, |config, dir| {
        let rule = "SecRule REMOTE_ADDR \"@streq 203.0.113.66\" \"id:901,phase:1,deny,status:403,log\"\n";
        let path = dir.join("rules.conf");
        let rules = std::fs::read_to_string(&path).expect("rules") + rule;
        std::fs::write(path, rules).expect("written");
        change(config);
    })
}

fn loopback() -> Vec<ipnet::IpNet> {
    vec!["127.0.0.0/8".parse().expect("a prefix")]
}

fn request(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

/// The last request's address as the backend was told it.
fn told(backend: &RecordingUpstream) -> Vec<String> {
    let requests = backend.requests();
    let last = requests.last().expect("a request");
    let ours = |name: &str| name.contains("forwarded-for") || name == "forwarded" || name == "x-real-ip";
    let fields = last.headers.iter().filter(|(name, _)| ours(&name.to_ascii_lowercase()));
    fields.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn outside_of_trust_nothing_is_believed_nor_passed_on() {
    let backend = backend();
    let site = site(&backend, |_| {});
    let spoofed = "X-Forwarded-For: 203.0.113.66\r\nForwarded: for=203.0.113.66\r\nX-Real-IP: 203.0.113.66\r\nX_Forwarded_For: 203.0.113.66\r\n";
    assert_eq!(site.client().exchange(&request(spoofed)).expect("an answer").status, 200);
    assert_eq!(told(&backend), ["127.0.0.1"]);
    let line = site.access().wait_for(|line| line["status"] == 200).expect("a line");
    assert!(line["client"].as_str().expect("text").starts_with("127.0.0.1:"), "{line}");
    assert!(line["peer"].is_null(), "{line}");
}

#[test]
fn a_trusted_proxy_is_believed_as_far_as_it_saw() {
    let backend = backend();
    let site = site(&backend, |config| config.client.trusted_proxies = loopback());
    for (fields, status, client) in [
        ("X-Forwarded-For: 203.0.113.66, 203.0.113.7\r\n", 200, "203.0.113.7"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 2001:db8::7, 127.0.0.9\r\n", 200, "2001:db8::7"),
        ("X-Forwarded-For: 203.0.113.7, unknown\r\nForwarded: for=203.0.113.66\r\n", 200, "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.66\r\n", 403, "203.0.113.66"),
    ] {
        let answer = site.client().exchange(&request(fields)).expect("an answer");
        assert_eq!(answer.status, status, "{fields}");
        if status == 200 {
            assert_eq!(told(&backend), [client], "{fields}");
        }
        let id = answer.header("x-request-id").expect("an id");
        let line = site.access().wait_for(|line| line["request_id"] == id.as_str()).expect("a line");
        assert!(line["client"].as_str().expect("text").contains(client), "{line}");
        assert_eq!(line["peer"].is_null(), client == "127.0.0.1", "{line}");
    }
    // What the gate refuses is recorded under the client's address as well.
    let bad =
        format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 203.0.113.8\r\nBad Name: x\r\n\r\n");
    let answer = site.client().exchange(bad.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 400);
    let line = site.access().wait_for(|line| line["status"] == 400).expect("a line");
    assert_eq!(line["client"], "203.0.113.8:0", "{line}");
}

#[test]
fn only_the_configured_field_is_read() {
    let backend = backend();
    let site = site(&backend, |config| {
        config.client.trusted_proxies = loopback();
        config.client.forwarded_field = ForwardedField::Forwarded;
    });
    let fields = "X-Forwarded-For: 203.0.113.66\r\nForwarded: for=\"[2001:db8::5]:80\";proto=https\r\n";
    assert_eq!(site.client().exchange(&request(fields)).expect("an answer").status, 200);
    assert_eq!(told(&backend), ["2001:db8::5"]);
}

#[test]
fn a_proxy_protocol_header_says_whose_the_connection_is() {
    let backend = backend();
    let site = site(&backend, |config| config.client.proxy_protocol_from = loopback());
    let v1 = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24".to_vec();
    v2.extend("2001:db8::7".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    v2.extend([0; 16]);
    v2.extend([0x12, 0x67, 0x01, 0xbb]);
    for (preamble, client, recorded) in
        [(v1.as_bytes(), "203.0.113.7", "203.0.113.7:4711"), (&v2, "2001:db8::7", "[2001:db8::7]:4711")]
    {
        let client_of = site.client().preamble(preamble);
        let answer = client_of.exchange(&request("X-Forwarded-For: 203.0.113.66\r\n")).expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(told(&backend), [client]);
        let id = answer.header("x-request-id").expect("an id");
        let line = site.access().wait_for(|line| line["request_id"] == id.as_str()).expect("a line");
        assert_eq!(line["client"], recorded, "{line}");
        assert!(line["peer"].as_str().expect("text").starts_with("127.0.0.1:"), "{line}");
    }
    let blocked = site.client().preamble("PROXY TCP4 203.0.113.66 198.51.100.1 1 443\r\n");
    assert_eq!(blocked.exchange(&request("")).expect("an answer").status, 403);
    // A check of the balancer's own.
    let own = site.client().preamble(&b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"[..]);
    assert_eq!(own.exchange(&request("")).expect("an answer").status, 200);
    assert_eq!(told(&backend), ["127.0.0.1"]);
    let plain: Client = site.plain_client().preamble(v1);
    assert_eq!(plain.exchange(&request("")).expect("an answer").status, 308);
    let line = site.access().wait_for(|line| line["status"] == 308).expect("a line");
    assert_eq!(line["client"], "203.0.113.7:4711", "{line}");
}

#[test]
fn a_proxy_protocol_header_is_due_from_some_and_from_nobody_else() {
    let backend = backend();
    let site = site(&backend, |config| config.client.proxy_protocol_from = loopback());
    assert!(site.client().get("/").is_err(), "a header was due");
    let line = site.access().wait_for(|line| line["refusal"] == "bad_proxy_header").expect("a line");
    assert_eq!(line["type"], "connection");
    let stranger = Site::before(&backend);
    let spoofing = stranger.client().preamble("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
    assert!(spoofing.get("/").is_err(), "no header was due: this is a bad handshake");
    stranger.access().wait_for(|line| line["refusal"] == "handshake_failed").expect("a line");
    assert_eq!(backend.connections(), 0);
}
