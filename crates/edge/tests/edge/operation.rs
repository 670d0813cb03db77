//! Reload and drain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use portcullis_testkit::{RecordingUpstream, Reply, h2_exchange, http::Request};

use crate::site::{HSTS, NAME, Site, told};

#[test]
fn a_good_reload_takes_effect_and_a_bad_one_does_not() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    assert_eq!(site.client().get("/?q=fresh").expect("an answer").status, 200);
    let rules = site.dir.path().join("rules.conf");
    let old = std::fs::read_to_string(&rules).expect("read");
    let new = format!("{old}\nSecRule ARGS \"@contains fresh\" \"id:999,phase:2,deny,status:403,log\"\n");
    std::fs::write(&rules, &new).expect("written");
    site.reload().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(site.client().get("/?q=fresh").expect("an answer").status, 403);

    std::fs::write(&rules, format!("{new}\nSecRuleX nonsense\n")).expect("written");
    let error = site.reload().expect_err("a bad reload");
    assert!(told(&error).contains("rules.conf"), "{}", told(&error));
    assert_eq!(site.client().get("/?q=fresh").expect("an answer").status, 403, "the old rules are in force");
    assert!(site.metrics().contains("portcullis_config_reload_success 0"));

    std::fs::write(&rules, old).expect("written");
    site.configure(|config| config.listen.public_https_port = 1);
    assert!(told(&site.reload().expect_err("listeners cannot change")).contains("restart"));
}

#[test]
fn a_reload_takes_a_new_certificate() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let mut site = Site::before(&backend);
    let other = portcullis_testkit::Authority::new("a new one");
    other.leaf(&[NAME]).write(site.dir.path(), "server").expect("written");
    site.reload().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(site.client().get("/").is_err(), "the old authority no longer fits");
    site.authority = other;
    assert_eq!(site.client().get("/").expect("an answer").status, 200);

    std::fs::write(site.dir.path().join("server.key"), "no key").expect("written");
    assert!(told(&site.reload().expect_err("a bad reload")).contains("server.key"));
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
}

#[test]
fn ten_reloads_under_load_fail_no_request() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop, served) = (site.client(), Arc::clone(&stop), Arc::clone(&served));
            std::thread::spawn(move || {
                let mut wire = client.connect().expect("connected");
                while !stop.load(Ordering::Relaxed) {
                    wire.send(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
                    let answer = wire.answer().expect("an answer");
                    assert_eq!(answer.status, 200);
                    if served.fetch_add(1, Ordering::Relaxed) % 20 == 0
                        || answer.header("connection").is_some()
                    {
                        wire = client.connect().expect("connected");
                    }
                }
            })
        })
        .collect();
    let rules = site.dir.path().join("rules.conf");
    let good = std::fs::read_to_string(&rules).expect("read");
    for round in 0..10 {
        let bad = round % 2 == 1;
        std::fs::write(&rules, if bad { "SecRule nonsense" } else { &good }).expect("written");
        assert_eq!(site.reload().is_err(), bad);
        std::thread::sleep(Duration::from_millis(50));
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request failed");
    }
    assert!(served.load(Ordering::Relaxed) > 20);
}

#[test]
fn a_drain_lets_requests_end_and_closes_what_is_idle() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "late").after(Duration::from_millis(800)))
        .expect("a backend");
    let mut site = Site::before(&backend);
    let client = site.client();
    let mut idle = client.connect().expect("connected");
    let mut busy = client.connect().expect("connected");
    busy.send(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
    let over_h2 = {
        let client = client.clone();
        let request = Request::get(format!("https://{NAME}/h2")).body(()).expect("a request");
        std::thread::spawn(move || h2_exchange(&client, request, b""))
    };
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let drained = site.drain();
    let answer = busy.answer().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "late"));
    assert_eq!(over_h2.join().expect("joined").expect("an answer").status, 200);
    assert!(idle.rest().map_or(true, |rest| rest.is_empty()));
    assert!(client.connect().is_err(), "nobody is accepted any more");
    assert!(drained.join().expect("joined"), "the drain was in time");
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_drain_ends_when_its_time_is_over() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "late").after(Duration::from_secs(20)))
        .expect("a backend");
    let mut site = Site::with(&backend, |config, _| {
        config.drain_timeout = Duration::from_millis(500);
        config.upstreams[0].read_timeout = Duration::from_secs(30);
    });
    let mut busy = site.client().connect().expect("connected");
    busy.send(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    assert!(!site.drain().join().expect("joined"));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_standing_queue_turns_strangers_away_until_it_is_gone() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "fine")).expect("a backend");
    let site = Site::with(&backend, |config, _| {
        config.limits.queue_time = Duration::from_millis(10);
        config.limits.handshake_timeout = Duration::from_secs(30);
        config.limits.head_timeout = Duration::from_secs(30);
    });
    let client = site.client();
    // Work that keeps both workers busy, more of it than they can do.
    let busy = site.spawn(async {
        for _ in 0..30 {
            for _ in 0..3 {
                tokio::spawn(async { std::thread::sleep(Duration::from_millis(100)) });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    let shed = std::iter::repeat_with(|| client.get("/").expect("an answer"))
        .take_while(|_| Instant::now() < deadline)
        .find(|answer| answer.status != 200)
        .expect("an answer of refusal");
    assert_eq!(shed.status, 503);
    assert_eq!(shed.header("retry-after").as_deref(), Some("1"));
    assert_eq!(shed.header("strict-transport-security").as_deref(), Some(HSTS));
    site.access().wait_for(|line| line["refusal"] == "shed").expect("an access line");
    busy.abort();
    let served = std::iter::repeat_with(|| client.get("/").expect("an answer").status)
        .take_while(|_| Instant::now() < deadline + Duration::from_secs(60))
        .any(|status| status == 200);
    assert!(served, "the queue is gone and everybody is served again");
}

#[test]
fn every_reason_to_refuse_has_its_counter_from_the_start() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "fine")).expect("a backend");
    let metrics = Site::before(&backend).metrics();
    let counters = metrics.lines().filter(|line| line.starts_with("portcullis_refusals_total{")).count();
    assert!(counters > 30, "{metrics}");
    assert!(metrics.contains("portcullis_refusals_total{reason=\"upstream_tls\"} 0"), "{metrics}");
}
