//! Backends that are dead, slow, strangers, or several.

use std::time::{Duration, Instant};

use portcullis_config::{Transport, UpstreamHttp};
use portcullis_testkit::{Authority, RecordingUpstream, Reply, free_port};

use crate::site::{HSTS, NAME, Site, route, upstream};

fn tls(ca: std::path::PathBuf, name: &str) -> Transport {
    Transport::Tls { ca, ca_span: None, name: Some(name.to_owned()) }
}

#[test]
fn a_dead_backend_is_a_bad_gateway_with_hsts() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
    backend.stop();
    let answer = site.client().get("/").expect("an answer");
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    let line = site.access().wait_for(|line| line["status"] == 502).expect("an access line");
    assert_eq!(line["upstream"]["id"], "app");
}

#[test]
fn a_strangers_certificate_is_a_bad_gateway_and_so_is_a_wrong_name() {
    let (ours, stranger) = (Authority::new("ours"), Authority::new("stranger"));
    let good =
        RecordingUpstream::tls(&ours, &["backend.test"], |_| Reply::new(200, "good")).expect("a backend");
    let bad =
        RecordingUpstream::tls(&stranger, &["backend.test"], |_| Reply::new(200, "bad")).expect("a backend");
    let site = Site::with(&good, |config, dir| {
        let ca = ours.write(dir, "ours").expect("written");
        config.upstreams = vec![
            upstream("good", &[good.address().to_string()], tls(ca.clone(), "backend.test")),
            upstream("bad", &[bad.address().to_string()], tls(ca.clone(), "backend.test")),
            upstream("misnamed", &[good.address().to_string()], tls(ca, "other.test")),
        ];
        config.routes = vec![
            route("bad", &[NAME], "/bad", "bad"),
            route("misnamed", &[NAME], "/misnamed", "misnamed"),
            route("good", &[NAME], "/", "good"),
        ];
    });
    assert_eq!(site.client().get("/").expect("an answer").text(), "good");
    for path in ["/bad", "/misnamed"] {
        let answer = site.client().get(path).expect("an answer");
        assert_eq!(answer.status, 502, "{path}");
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS), "{path}");
        let line = site.access().wait_for(|line| line["path"] == path).expect("an access line");
        assert_eq!(line["refusal"], "upstream_tls", "{path}");
    }
    assert!(bad.bytes().is_empty() && bad.requests().is_empty());
}

#[test]
fn a_pooled_connection_serves_only_those_who_would_trust_it() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let backend =
        RecordingUpstream::tls(&ours, &["backend.test"], |_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::with(&backend, |config, dir| {
        let (ours, other) =
            (ours.write(dir, "ours").expect("written"), other.write(dir, "other").expect("written"));
        let servers = [backend.address().to_string()];
        config.upstreams = vec![
            upstream("ours", &servers, tls(ours, "backend.test")),
            upstream("other", &servers, tls(other, "backend.test")),
        ];
        config.routes = vec![route("other", &[NAME], "/other", "other"), route("ours", &[NAME], "/", "ours")];
    });
    let mut wire = site.client().connect().expect("connected");
    for (path, status) in [("/", 200), ("/", 200), ("/other", 502)] {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
        assert_eq!(wire.answer().expect("an answer").status, status, "{path}");
    }
    assert_eq!(backend.requests().len(), 2);
}

#[test]
fn several_servers_take_turns_and_the_dead_ones_are_passed_over() {
    let name = |name: &'static str| move |_: &_| Reply::new(200, name);
    let one = RecordingUpstream::plain(name("one")).expect("a backend");
    let two = RecordingUpstream::plain(name("two")).expect("a backend");
    let dead = free_port();
    let site = Site::with(&one, |config, _| {
        let servers = [one.address().to_string(), dead.to_string(), two.address().to_string()];
        config.upstreams = vec![upstream("app", &servers, Transport::Plaintext)];
    });
    let mut answers: Vec<String> = (0..6)
        .map(|_| {
            let request =
                format!("POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
            site.client().exchange(request.as_bytes()).expect("an answer").text()
        })
        .collect();
    answers.sort_unstable();
    assert_eq!(answers.len(), 6);
    assert!(answers.iter().all(|answer| answer == "one" || answer == "two"), "{answers:?}");
    assert!(answers.contains(&"one".to_owned()) && answers.contains(&"two".to_owned()), "{answers:?}");
}

#[test]
fn a_silent_backend_is_a_gateway_timeout() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "late").after(Duration::from_secs(10)))
        .expect("a backend");
    let site =
        Site::with(&backend, |config, _| config.upstreams[0].read_timeout = Duration::from_millis(500));
    let began = Instant::now();
    let answer = site.client().get("/").expect("an answer");
    assert_eq!(answer.status, 504);
    assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn garbage_from_a_backend_is_a_bad_gateway() {
    let backend = RecordingUpstream::plain(|_| Reply::raw("this is not HTTP\r\n\r\n")).expect("a backend");
    let site = Site::before(&backend);
    let answer = site.client().get("/").expect("an answer");
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
}

#[test]
fn names_are_resolved_and_unknown_ones_are_a_bad_gateway() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let port = backend.address().port();
    let site = Site::with(&backend, |config, _| {
        config.upstreams = vec![
            upstream("named", &[format!("localhost:{port}")], Transport::Plaintext),
            upstream("nowhere", &["nowhere.invalid:80".to_owned()], Transport::Plaintext),
        ];
        config.upstreams[1].http = UpstreamHttp::Auto;
        config.routes =
            vec![route("nowhere", &[NAME], "/nowhere", "nowhere"), route("named", &[NAME], "/", "named")];
    });
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
    let answer = site.client().get("/nowhere").expect("an answer");
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
}
