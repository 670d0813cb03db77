//! What was agreed on with each customer: where it may come from and how fast it may ask. Customers are known by their certificates;
//! clients are many by what a trusted proxy says of them. Rates are so slow that no test depends on how fast it runs.

use portcullis_testkit::free_port;

use super::*;
use crate::fleet::Redis;

/// Trusted to say whom it forwards for: everybody on this machine.
const PROXIES: &str = "[client]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

/// What an answer says of a customer's rate.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    policy: Option<String>,
    standing: Option<String>,
    retry_after: Option<u64>,
    violated: Option<String>,
}

impl Told {
    fn new(status: u16, field: impl Fn(&str) -> Option<String>, body: &[u8]) -> Self {
        let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        Self {
            status,
            policy: field("ratelimit-policy"),
            standing: field("ratelimit"),
            retry_after: field("retry-after").and_then(|wait| wait.parse().ok()),
            violated: problem.and_then(|problem| Some(problem["violated-policies"][0].as_str()?.to_owned())),
        }
    }
}

/// A customer with a connection of each version open.
struct Guest {
    host: &'static str,
    path: String,
    http1: Option<portcullis_testkit::Wire>,
    http2: H2Connection,
}

impl Guest {
    fn arrive(office: &Office, customer: &str, held: &Held) -> Self {
        let client = office.client(BOUND, Some(held));
        let http1 = Some(client.connect().expect("connected"));
        Self {
            host: BOUND,
            path: format!("/{customer}"),
            http1,
            http2: H2Connection::open(&client).expect("connected"),
        }
    }

    fn over_http1(&mut self, from: &str) -> Told {
        let Self { host, path, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: t\r\nAccept: */*\r\nX-Forwarded-For: {from}\r\n\r\n"
        );
        let wire = self.http1.as_mut().expect("connected");
        wire.send(request.as_bytes()).expect("sent");
        let answer = wire.answer().expect("an answer");
        Told::new(answer.status, |name| answer.header(name), &answer.body)
    }

    fn over_http2(&mut self, from: &str) -> Told {
        let mut request = over_h2(self.host, &self.path);
        request.headers_mut().insert("x-forwarded-for", from.parse().expect("a value"));
        let answer = self.http2.exchange(request).expect("an answer");
        Told::new(answer.status, |name| answer.header(name), &answer.body)
    }

    /// By one version and then by the other.
    fn in_turn(&mut self, from: &str, count: usize) -> Vec<u16> {
        let turn = |index| if index % 2 == 0 { self.over_http1(from) } else { self.over_http2(from) };
        (0..count).map(turn).map(|told| told.status).collect()
    }
}

fn metric(office: &Office, line: &str) -> bool {
    let admin = office.house.edge.admin().expect("an admin listener");
    let metrics = Client::plain(admin).get("/metrics").expect("metrics").text();
    metrics.lines().any(|found| found == line)
}

fn bound(config: &mut EdgeConfig, more: &str) {
    config.mode = "off".to_owned();
    config.admin = Some(free_port());
    config.limits = "requests_per_connection = 100000".to_owned();
    config.tail += PROXIES;
    config.tail += more;
}

/// Two customers, each with a certificate and what was agreed on.
fn agreed(office: &Office, acme: &[&str], bolt: &[&str]) -> [Held; 2] {
    office.portcullis(&[&["customer", "set", "acme"], acme].concat());
    office.portcullis(&[&["customer", "set", "bolt"], bolt].concat());
    ["acme", "bolt"].map(|customer| office.by_request("issue", customer, customer))
}

/// Waits for the edge to know both of them, at the cost of no request: a handshake is enough.
fn known(office: &Office, held: &[Held; 2]) -> [Guest; 2] {
    for held in held {
        office.until("a customer is known", || {
            let answer = office.client(BOUND, Some(held)).get("/nowhere");
            answer.is_ok_and(|answer| answer.status == 404)
        });
    }
    [Guest::arrive(office, "acme", &held[0]), Guest::arrive(office, "bolt", &held[1])]
}

#[test]
fn two_customers_with_different_terms_do_not_touch_each_other() {
    let office = Office::open("test", |config| bound(config, ""));
    let held = agreed(
        &office,
        &["--allow", "203.0.113.0/24", "--rate", "3/1h"],
        &["--allow", "198.51.100.0/24,2001:db8::/32", "--rate", "1/1h/5"],
    );
    let [mut acme, mut bolt] = known(&office, &held);
    let (of_acme, of_bolt) = ("203.0.113.7", "2001:db8::7");

    // Each from where the other may come: refused, and nothing is spent.
    for _ in 0..3 {
        assert_eq!(acme.in_turn(of_bolt, 2), [403, 403]);
        assert_eq!(bolt.in_turn(of_acme, 2), [403, 403]);
    }
    let line = office.house.edge.access().wait_for(|line| line["refusal"] == "customer_address");
    let line = line.expect("a line");
    assert_eq!((&line["customer"], &line["status"]), (&"acme".into(), &403.into()), "{line}");
    assert!(metric(&office, "portcullis_refusals_total{reason=\"customer_address\"} 12"));

    // Each its own rate, one count for both versions of HTTP.
    let first = acme.over_http1(of_acme);
    assert_eq!((first.status, first.policy.as_deref()), (200, Some("\"customer\";q=3;w=3600")));
    assert!(first.standing.expect("a standing").starts_with("\"customer\";r=2;t="));
    assert_eq!(
        acme.over_http2(of_acme).standing.as_deref().and_then(|told| told.split(';').nth(1)),
        Some("r=1")
    );
    assert_eq!(acme.in_turn(of_acme, 5), [200, 429, 429, 429, 429]);
    for refused in [acme.over_http1(of_acme), acme.over_http2(of_acme)] {
        assert_eq!((refused.status, refused.violated.as_deref()), (429, Some("customer")));
        assert!(refused.retry_after.is_some_and(|wait| (1..=1200).contains(&wait)), "{refused:?}");
        assert!(refused.standing.is_some_and(|told| told.starts_with("\"customer\";r=0;t=")));
    }
    assert_eq!(bolt.in_turn("198.51.100.9", 2), [200, 200]);
    assert_eq!(bolt.in_turn(of_bolt, 4), [200, 200, 200, 429]);
    let policy = bolt.over_http2(of_bolt).policy;
    assert_eq!(policy.as_deref(), Some("\"customer\";q=5;w=18000"));
    let line = office.house.edge.access().wait_for(|line| line["refusal"] == "customer_rate_limit");
    assert_eq!(line.expect("a line")["customer"], "acme");
    assert!(metric(&office, "portcullis_refusals_total{reason=\"customer_rate_limit\"} 8"));
    assert!(metric(&office, "portcullis_rate_limited_total{decision=\"refuse\",limit=\"customer\"} 8"));

    // A change of one holds within a second, on connections that are open, and gives the other nothing back.
    office.portcullis(&["customer", "set", "acme", "--rate", "4/1h"]);
    let rate = office.until("the new rate", || acme.over_http1(of_acme).status == 200);
    assert_eq!(acme.in_turn(of_acme, 4), [200, 200, 200, 429]);
    office.portcullis(&["customer", "set", "acme", "--allow", "192.0.2.0/24"]);
    let networks = office.until("the new networks", || acme.over_http2(of_acme).status == 403);
    println!("a new rate held after {rate:?}, new networks after {networks:?}");
    assert!(rate < Duration::from_secs(2) && networks < Duration::from_secs(2));
    assert_eq!(acme.in_turn("192.0.2.1", 1), [429], "other networks are no other rate");
    assert_eq!(bolt.in_turn(of_bolt, 2), [429, 429]);

    // Nor does a reload.
    let reloads = office.house.edge.count_logged("reloaded");
    office.house.edge.signal("HUP").expect("sent");
    office.until("a reload", || office.house.edge.count_logged("reloaded") > reloads);
    assert_eq!((acme.in_turn("192.0.2.1", 2), bolt.in_turn(of_bolt, 2)), (vec![429; 2], vec![429; 2]));
}

#[test]
fn limits_by_customer_count_whoever_has_a_certificate() {
    let limits = "[[rate_limit]]\nid = \"each\"\nkey = [\"customer\"]\nrequests = 2\nperiod = \"1h\"\n\
                  [[rate_limit]]\nid = \"bolts\"\ncustomers = [\"bolt\"]\nkey = [\"customer\", \"route\"]\nrequests = 1\nperiod = \"1h\"\n";
    let office = Office::open("test", |config| bound(config, limits));
    let held = agreed(&office, &["--rate", "9/1h"], &["--rate", "none"]);
    let [mut acme, mut bolt] = known(&office, &held);
    let told = acme.over_http2("203.0.113.1");
    assert_eq!(told.policy.as_deref(), Some("\"customer\";q=9;w=3600, \"each\";q=2;w=3600"));
    assert_eq!(acme.in_turn("203.0.113.2", 2), [200, 429]);
    let refused = acme.over_http1("203.0.113.1");
    assert_eq!(refused.violated.as_deref(), Some("each"));
    let told = bolt.over_http1("203.0.113.1");
    assert_eq!(
        (told.status, told.policy.as_deref()),
        (200, Some("\"each\";q=2;w=3600, \"bolts\";q=1;w=3600"))
    );
    assert_eq!(bolt.over_http2("203.0.113.1").violated.as_deref(), Some("bolts"));
    for _ in 0..5 {
        assert_eq!(office.status(ASKED, "/any", None), 200, "nobody's requests are not counted");
    }
}

#[test]
fn break_glass_lets_past_the_networks_of_those_it_names() {
    let entry = "[[break_glass]]\nid = \"line-down\"\nprefixes = [\"192.0.2.7\"]\ncustomers = [\"acme\"]\n\
                 expires = 2999-01-01T00:00:00Z\nreason = \"r\"\nticket = \"OPS-1\"\napproved_by = \"j.doe\"\n";
    let office = Office::open("test", |config| bound(config, entry));
    let terms = ["--allow", "203.0.113.0/24"];
    let held = agreed(&office, &terms, &terms);
    let [mut acme, mut bolt] = known(&office, &held);
    assert_eq!((acme.over_http1("192.0.2.7").status, bolt.over_http2("192.0.2.7").status), (200, 403));
    assert_eq!((acme.over_http2("192.0.2.8").status, acme.over_http2("203.0.113.1").status), (403, 200));
    let event = office.house.edge.audit().wait_for(|event| event["type"] == "break_glass").expect("an event");
    for (name, value) in
        [("entry", "line-down"), ("customer", "acme"), ("route", "acme"), ("ticket", "OPS-1")]
    {
        assert_eq!(event[name], value, "{event}");
    }
    assert!(metric(&office, "portcullis_break_glass_uses_total{entry=\"line-down\"} 1"));
}

#[test]
fn edges_that_share_a_store_share_a_customers_rate() {
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("secret");
    fs::write(&secret, "a secret that edges share").expect("written");
    let store = format!(
        "[rate_limits]\nstore = \"redis://{}\"\nstore_timeout = \"10s\"\nstore_secret_file = \"{}\"\n",
        redis.address,
        secret.display()
    );
    let office = Office::open("test", |config| bound(config, &store));
    let held = agreed(&office, &["--rate", "50/1d"], &["--rate", "7/1d"]);
    let beside = office.beside(|config| bound(config, &store));
    let [acme, mut bolt] = known(&office, &held);
    let there = Guest::arrive(&beside, "acme", &held[0]);
    let admitted: usize = thread::scope(|scope| {
        let ask = |mut guest: Guest| {
            scope.spawn(move || {
                guest.in_turn("203.0.113.1", 60).iter().filter(|status| **status == 200).count()
            })
        };
        [ask(acme), ask(there)].into_iter().map(|asking| asking.join().expect("joined")).sum()
    });
    println!("{admitted} of 120 admitted by two edges, 50 agreed on");
    assert_eq!(admitted, 50);
    let mut bolt_there = Guest::arrive(&beside, "bolt", &held[1]);
    let statuses: Vec<u16> = (0..4)
        .flat_map(|_| [bolt.over_http1("203.0.113.1").status, bolt_there.over_http2("203.0.113.1").status])
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 429]);

    // A rate that grew is not held up by what was owed under the old one; and without the store each edge goes on by itself.
    office.portcullis(&["customer", "set", "bolt", "--rate", "8/1d"]);
    office.until("the new rate", || bolt.over_http1("203.0.113.1").status == 200);
    redis.kill();
    office.until("the edge noticing", || {
        bolt.over_http1("203.0.113.1");
        metric(&office, "portcullis_limit_store_up 0")
    });
    assert!(bolt.in_turn("203.0.113.1", 9).contains(&429), "by its own count");
}
