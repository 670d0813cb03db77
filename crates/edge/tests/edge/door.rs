//! Bounds of the door that no other topic has: requests of a connection, connections of an address, the least rate of a body, and who is
//! turned away first.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use portcullis_config::{ClientCert, Host};
use portcullis_pki::{
    Algorithm, Authority, ClientKey, CustomerId, Directory, Files as _, NewRegister, Registrar, init,
};
use portcullis_testkit::{Client, H2Wire, RecordingUpstream, Reply};
use time::OffsetDateTime;

use crate::site::{NAME, Site};

fn backend() -> RecordingUpstream {
    RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend")
}

fn request() -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").into_bytes()
}

#[test]
fn a_connection_serves_so_many_requests_and_says_which_is_the_last() {
    const GOAWAY: u8 = 7;
    let backend = backend();
    let site = Site::with(&backend, |config, _| {
        config.limits.requests_per_connection = 3;
        config.limits.h2_streams = 5;
    });
    let mut wire = site.client().connect().expect("connected");
    for number in 1..=3 {
        wire.send(&request()).expect("sent");
        let answer = wire.answer().expect("an answer");
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        assert_eq!((answer.status, closes), (200, number == 3), "request {number}");
    }
    let _ = wire.send(&request());
    assert!(wire.rest().map_or(true, |rest| rest.is_empty()), "a fourth answer");

    let mut wire = H2Wire::connect(&site.client()).expect("connected");
    let fields: [(&str, &[u8]); 4] =
        [(":method", b"GET"), (":scheme", b"https"), (":authority", NAME.as_bytes()), (":path", b"/")];
    for stream in [1, 3, 5] {
        wire.send_headers(stream, &fields, true).expect("sent");
        let frames = wire.until(|frame| frame.stream == stream && frame.flags & 1 == 1).expect("frames");
        assert!(frames.iter().any(|frame| frame.stream == stream && frame.status() == Some(200)));
        assert!(stream == 5 || !frames.iter().any(|frame| frame.kind == GOAWAY), "{frames:?}");
    }
    // Whoever does not want to know of the goodbye gets no more than could have been on its way.
    let more = (3..100).map(|index| 2 * index + 1).take_while(|stream| {
        let sent = wire.send_headers(*stream, &fields, true);
        let answered = wire.until(|frame| frame.stream == *stream && frame.flags & 1 == 1);
        sent.is_ok() && answered.is_ok_and(|frames| frames.iter().any(|frame| frame.status() == Some(200)))
    });
    let more = more.count();
    assert!(more <= 6, "{more} requests after the last");
    site.access().wait_for(|line| line["refusal"] == "h2_flood").expect("a line");
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
}

#[test]
fn an_address_has_so_many_connections_and_an_ipv6_network_as_well() {
    let backend = backend();
    let site = Site::with(&backend, |config, _| {
        config.client.proxy_protocol_from = vec!["127.0.0.0/8".parse().expect("a prefix")];
        config.limits.connections_per_address = 2;
        config.limits.idle_timeout = Duration::from_secs(60);
    });
    let from = |address: &str| {
        let (family, here) = if address.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
        site.client().preamble(format!("PROXY {family} {address} {here} 4711 443\r\n"))
    };
    let mut open = Vec::new();
    for address in ["203.0.113.1", "203.0.113.1", "2001:db8::1", "2001:db8::2"] {
        open.push(from(address).connect().expect("connected"));
    }
    for address in ["203.0.113.1", "2001:db8::3"] {
        assert!(from(address).get("/").is_err(), "{address}");
        let line = site.access().wait_for(|line| {
            line["refusal"] == "address_limit"
                && line["client"].as_str().is_some_and(|client| client.contains(address))
        });
        assert_eq!(line.expect("a line")["type"], "connection");
    }
    for address in ["203.0.113.2", "2001:db8:0:1::1"] {
        assert_eq!(from(address).get("/").expect("an answer").status, 200, "{address}");
    }
    drop(open);
    let deadline = Instant::now() + Duration::from_secs(30);
    while from("203.0.113.1").get("/").is_err() {
        assert!(Instant::now() < deadline, "places are not given back");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_body_keeps_to_the_least_rate_or_is_refused_long_before_its_time_is_over() {
    let backend = backend();
    let site = Site::with(&backend, |config, _| {
        config.limits.body_timeout = Duration::from_secs(60);
        config.limits.body_grace = Duration::from_secs(1);
        config.limits.body_rate = 2048;
    });
    let send = |chunk: usize, count: usize| {
        let mut wire = site.client().connect().expect("connected");
        let length = chunk * count;
        let head = format!("POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {length}\r\n\r\n");
        wire.send(head.as_bytes()).expect("sent");
        let began = Instant::now();
        for _ in 0..count {
            if began.elapsed() > Duration::from_secs(20) || wire.send(&vec![b'x'; chunk]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        (wire.answer().map_or(0, |answer| answer.status), began.elapsed())
    };
    // 160 bytes a second at most, then 20 KiB a second at most for twice the grace.
    let (status, time) = send(16, 1000);
    assert!(matches!(status, 408 | 0) && time < Duration::from_secs(15), "{status} after {time:?}");
    site.access().wait_for(|line| line["refusal"] == "body_timeout").expect("a line");
    let (status, time) = send(2048, 20);
    assert!(status == 200 && time > Duration::from_secs(2), "{status} after {time:?}");
    assert_eq!(backend.requests().len(), 1);
}

/// A register with one customer; its chain and key.
fn register(dir: &Path) -> (String, String) {
    let now = OffsetDateTime::now_utc();
    let new = NewRegister {
        environment: "test",
        algorithm: Algorithm::P256,
        lifetime: time::Duration::days(1000),
        certificate_lifetime: time::Duration::days(90),
        longest_certificate: time::Duration::days(90),
        longest_key: time::Duration::days(90),
        crl_lifetime: time::Duration::days(30),
        passphrase: None,
    };
    std::fs::create_dir(dir).expect("made");
    init(Directory::lock(dir).expect("locked"), None, new, "test", now).expect("a register");
    let text = |name| Directory::new(dir).read(name).expect("readable").expect("there");
    let authority = Authority::open(&text("ca.pem"), &text("ca.key")).expect("an authority");
    let mut registrar =
        Registrar::open(Directory::lock(dir).expect("locked"), "test", now).expect("a registrar");
    let id = CustomerId::parse("acme").expect("an id");
    registrar.add(id.clone(), "Acme", |_| {}).expect("added");
    let key = ClientKey::generate(Algorithm::P256).expect("a key");
    let prepared = registrar.prepare(&id, key, None, &authority).expect("prepared");
    registrar.record(&prepared).expect("recorded");
    let key = prepared.key.private_pem().expect("a key made here").to_string();
    (prepared.chain_pem(), key)
}

/// What a processor is waited for is never less than the clock's grain, so for some target the queue of an idle machine is one that
/// stands: long enough to turn strangers away, not long enough to turn everybody away.
#[test]
fn strangers_are_turned_away_before_customers() {
    let backend = backend();
    let mut held = None;
    let site = Site::with(&backend, |config, dir| {
        let pki = dir.join("pki");
        held = Some(register(&pki));
        config.pki.dir = Some(pki);
        config.hosts = vec![Host { names: vec![NAME.to_owned()], client_cert: ClientCert::Optional }];
    });
    let (chain, key) = held.expect("a certificate");
    let (stranger, customer) = (site.client(), site.client().with_certificate(&chain, &key));
    assert_eq!(customer.get("/").expect("an answer").status, 200);
    let status = |client: &Client| client.get("/").map_or(0, |answer| answer.status);
    let deadline = Instant::now() + Duration::from_secs(120);
    let (mut strangers_first, mut customers_first) = (0, 0);
    for target in [200, 400, 800, 1_600, 5_000, 20_000, 80_000].iter().cycle() {
        if strangers_first >= 10 || Instant::now() > deadline {
            break;
        }
        site.configure(|config| config.limits.queue_time = Duration::from_micros(*target));
        site.reload().expect("a good configuration");
        let turn = Instant::now();
        while strangers_first < 10 && turn.elapsed() < Duration::from_secs(2) {
            match (status(&stranger), status(&customer), status(&stranger)) {
                (503, 200, 503) => strangers_first += 1,
                (200, 503, 200) => customers_first += 1,
                _ => {}
            }
        }
    }
    println!("strangers first {strangers_first} times, customers first {customers_first} times");
    assert!(strangers_first >= 10 && customers_first < strangers_first);
    let line = site.access().wait_for(|line| line["refusal"] == "shed").expect("a line");
    assert!(line["customer"].is_null(), "{line}");
}
