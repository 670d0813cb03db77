//! How fast. Quotas are so slow to recover that no test depends on how fast it runs.

use std::time::Duration;

use portcullis_config::{Config, RateKey, RateLimit};
use portcullis_testkit::{Answer, RecordingUpstream, Reply};

use crate::site::{HSTS, NAME, Site};

fn backend() -> RecordingUpstream {
    RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend")
}

fn site(backend: &RecordingUpstream, limits: Vec<RateLimit>, change: impl FnOnce(&mut Config)) -> Site {
    Site::with(backend, |config, _| {
        config.client.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a prefix")];
        config.rate_limits.limits = limits;
        change(config);
    })
}

fn limit(id: &str, key: &[RateKey], burst: u32) -> RateLimit {
    let burst = burst.try_into().expect("not zero");
    RateLimit {
        id: id.to_owned(),
        key: key.to_vec(),
        routes: Vec::new(),
        customers: Vec::new(),
        rate: Some((burst, Duration::from_secs(3600), burst)),
        concurrent: None,
        keys: 1000,
        shadow: false,
    }
}

fn get(site: &Site, client: &str, fields: &str) -> Answer {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nX-Forwarded-For: {client}\r\n{fields}\r\n"
    );
    site.client().exchange(request.as_bytes()).expect("an answer")
}

#[test]
fn who_asks_too_much_is_told_when_to_come_again() {
    let backend = backend();
    let site = site(&backend, vec![limit("per-client", &[RateKey::Address], 3)], |_| {});
    for left in [2, 1, 0] {
        let answer = get(&site, "203.0.113.1", "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy").as_deref(), Some("\"per-client\";q=3;w=3600"));
        let standing = answer.header("ratelimit").expect("a standing");
        assert!(standing.starts_with(&format!("\"per-client\";r={left};t=")), "{standing}");
    }
    let refused = get(&site, "203.0.113.1", "");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(refused.header("strict-transport-security").as_deref(), Some(HSTS));
    assert_eq!(refused.header("content-type").as_deref(), Some("application/problem+json"));
    assert!(refused.header("ratelimit").expect("a standing").starts_with("\"per-client\";r=0;t="));
    let problem: serde_json::Value = serde_json::from_str(&refused.text()).expect("JSON");
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], serde_json::json!(["per-client"]));
    let line = site.access().wait_for(|line| line["status"] == 429).expect("a line");
    assert_eq!(line["refusal"], "rate_limit");
    assert_eq!(get(&site, "203.0.113.2", "").status, 200, "others are not touched");
    assert_eq!(backend.requests().len(), 4);
    let metrics = site.metrics();
    assert!(
        metrics.contains("portcullis_rate_limited_total{decision=\"refuse\",limit=\"per-client\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("portcullis_refusals_total{reason=\"rate_limit\"} 1"), "{metrics}");
}

#[test]
fn keys_and_what_they_are_made_of() {
    let backend = backend();
    let header = RateKey::Header("x-api-key".to_owned());
    let both = [RateKey::Route, header];
    let site = site(&backend, vec![limit("net", &[RateKey::Address], 4), limit("key", &both, 2)], |_| {});
    let key = "X-Api-Key: s3cret\r\n";
    assert_eq!(get(&site, "2001:db8::1", key).status, 200);
    assert_eq!(get(&site, "2001:db8::2", key).status, 200);
    let refused = get(&site, "198.51.100.1", key);
    assert_eq!(refused.status, 429, "one key, whatever the address");
    assert_eq!(refused.header("ratelimit-policy").as_deref(), Some("\"net\";q=4;w=3600, \"key\";q=2;w=3600"));
    assert_eq!(get(&site, "2001:db8::3", "X-Api-Key: other\r\n").status, 200);
    assert_eq!(get(&site, "2001:db8::4", "").status, 200, "without a key its limit does not apply");
    assert_eq!(get(&site, "2001:db8::5", "").status, 429, "the network has spent its own");
    assert_eq!(get(&site, "2001:db8:0:1::5", "").status, 200);
    for log in ["access.log", "audit.log"] {
        let text = std::fs::read_to_string(site.dir.path().join(log)).expect("a log");
        assert!(!text.contains("s3cret"), "{log}");
    }
}

#[test]
fn a_shadow_tells_and_refuses_nobody() {
    let backend = backend();
    let mut shadow = limit("shadow", &[RateKey::Address], 1);
    shadow.shadow = true;
    let site = site(&backend, vec![shadow], |_| {});
    for _ in 0..3 {
        let answer = get(&site, "203.0.113.1", "");
        assert_eq!(answer.status, 200);
        assert!(answer.header("ratelimit").is_none(), "clients see only what holds");
    }
    let line = site.access().wait_for(|line| !line["shadow_limits"].is_null()).expect("a line");
    assert_eq!(line["shadow_limits"], serde_json::json!(["shadow"]));
    assert!(site.metrics().contains("portcullis_rate_limited_total{decision=\"shadow\",limit=\"shadow\"} 2"));
}

#[test]
fn requests_at_once_are_counted_while_they_are_served() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "slow").after(Duration::from_secs(2)))
        .expect("a backend");
    let mut at_once = limit("at-once", &[RateKey::Address], 1);
    (at_once.rate, at_once.concurrent) = (None, Some(2));
    let site =
        site(&backend, vec![at_once], |config| config.upstreams[0].read_timeout = Duration::from_secs(20));
    std::thread::scope(|scope| {
        let served: Vec<_> = (0..2).map(|_| scope.spawn(|| get(&site, "203.0.113.1", "").status)).collect();
        while backend.requests().len() < 2 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let refused = get(&site, "203.0.113.1", "");
        assert_eq!((refused.status, refused.header("retry-after").as_deref()), (429, Some("1")));
        for answer in served {
            assert_eq!(answer.join().expect("joined"), 200);
        }
    });
    assert_eq!(get(&site, "203.0.113.1", "").status, 200, "places are given back");
    site.access().wait_for(|line| line["refusal"] == "concurrency_limit").expect("a line");
}

#[test]
fn of_more_clients_than_are_remembered_the_forgotten_are_counted() {
    let backend = backend();
    let few = RateLimit { keys: 8, ..limit("few", &[RateKey::Address], 5) };
    let site = site(&backend, vec![few], |config| config.limits.requests_per_connection = 1000);
    let mut wire = site.client().connect().expect("connected");
    for client in 0..64 {
        let request = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 10.0.0.{client}\r\n\r\n");
        wire.send(request.as_bytes()).expect("sent");
        assert_eq!(wire.answer().expect("an answer").status, 200);
    }
    let metrics = site.metrics();
    let name = "portcullis_rate_limit_keys_forgotten_total{limit=\"few\"} ";
    let forgotten: u64 = metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).expect(name);
    assert!((48..=56).contains(&forgotten), "{forgotten} of 64, eight or sixteen of whom are remembered");
}

#[test]
fn a_reload_gives_nobody_his_quota_back() {
    let backend = backend();
    let site = site(&backend, vec![limit("kept", &[RateKey::Address], 1)], |_| {});
    assert_eq!(get(&site, "203.0.113.1", "").status, 200);
    site.configure(|config| config.rate_limits.limits.insert(0, limit("new", &[], 1000)));
    site.reload().expect("a good configuration");
    assert_eq!(get(&site, "203.0.113.1", "").status, 429);
}
