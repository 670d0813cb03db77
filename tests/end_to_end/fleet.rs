//! Edges that count together in a real Redis: it is asked, it dies, it comes back.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::{Authority, Client, Edge, free_port};
use tempfile::TempDir;

use crate::support::{House, house};

/// A redis-server of a test's own, killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    options: Vec<String>,
    process: Option<Child>,
    dir: TempDir,
}

impl Redis {
    pub(crate) fn new(options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        let dir = tempfile::tempdir().expect("a directory");
        Self { address: free_port(), options, process: None, dir }
    }

    /// Starts it, or starts it again on the same port, and waits until it takes connections.
    pub(crate) fn start(&mut self) {
        let port = self.address.port().to_string();
        let port =
            if self.options.iter().any(|option| option == "--tls-port") { "0".to_owned() } else { port };
        let mut process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(&self.options)
            .current_dir(self.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed by ./test");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let ready =
            lines.by_ref().any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        assert!(ready, "redis-server does not start");
        // Whoever closes this end would end the server with it.
        thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("started").id().to_string();
        let status = Command::new("kill").arg(format!("-{name}")).arg(process).status();
        assert!(status.expect("kill").success());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The tables of an edge that counts in a store.
fn limits(dir: &Path, store: &str, more: &str, limit: &str) -> String {
    let secret = dir.join("secret");
    std::fs::write(&secret, "a secret that edges share").expect("written");
    format!(
        "[client]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[rate_limits]\nstore = \"{store}\"\nstore_secret_file = \"{}\"\n{more}\n[[rate_limit]]\nid = \"shared\"\n{limit}\n",
        secret.display()
    )
}

/// An edge without rules, as they are not what is looked at.
fn edge(tables: &str) -> House {
    house(|config| {
        config.mode = "off".to_owned();
        config.admin = Some(free_port());
        config.tail.push_str(tables);
        config.limits = "requests_per_connection = 100000".to_owned();
    })
}

fn request(client: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n").into_bytes()
}

/// Statuses of so many requests on one connection.
fn ask(client: &Client, from: &str, count: usize) -> Vec<u16> {
    let request = request(from);
    let mut wire = client.connect().expect("a connection");
    let mut statuses = Vec::with_capacity(count);
    for _ in 0..count {
        wire.send(&request).expect("sent");
        statuses.push(wire.answer().expect("an answer").status);
    }
    statuses
}

fn metric(edge: &Edge, line: &str) -> bool {
    let admin = edge.admin().expect("an admin listener");
    Client::plain(admin)
        .get("/metrics")
        .is_ok_and(|metrics| metrics.text().lines().any(|found| found == line))
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_edges_admit_together_what_one_would() {
    const LIMIT: usize = 5000;
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = format!("redis://{}/3", redis.address);
    let tables = limits(
        dir.path(),
        &store,
        "store_timeout = \"10s\"",
        &format!("requests = {LIMIT}\nperiod = \"1d\""),
    );
    let edges = [edge(&tables), edge(&tables)];
    let admitted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for house in &edges {
            for _ in 0..2 {
                scope.spawn(|| {
                    let statuses = ask(&house.edge.client(), "203.0.113.1", 2500);
                    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)));
                    admitted.fetch_add(
                        statuses.iter().filter(|status| **status == 200).count(),
                        Ordering::Relaxed,
                    );
                });
            }
        }
    });
    let admitted = admitted.into_inner();
    println!("{admitted} of 10000 admitted by two edges, {LIMIT} allowed");
    assert!((LIMIT..=LIMIT + LIMIT / 100).contains(&admitted), "{admitted}");
    for house in &edges {
        assert!(metric(&house.edge, "portcullis_limit_store_up 1"));
    }
}

#[test]
fn the_store_dies_and_comes_back_under_load() {
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = format!("redis://{}", redis.address);
    let house =
        edge(&limits(dir.path(), &store, "store_timeout = \"200ms\"", "requests = 3\nperiod = \"1d\""));
    let (stop, failed, slowest) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (house, stop, failed, slowest) = (&house, &stop, &failed, &slowest);
            scope.spawn(move || {
                let mut wire = house.edge.client().connect().expect("a connection");
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // A client of its own for each request: none is over its limit.
                    let begun = Instant::now();
                    let sent =
                        wire.send(&request(&format!("10.{worker}.{}.{}", turn / 256 % 256, turn % 256)));
                    if !sent.and_then(|()| wire.answer()).is_ok_and(|answer| answer.status == 200) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    let taken = usize::try_from(begun.elapsed().as_millis()).unwrap_or(usize::MAX);
                    slowest.fetch_max(taken, Ordering::Relaxed);
                }
            });
        }
        let client = house.edge.client();
        assert_eq!(ask(&client, "203.0.113.1", 2), [200, 200]);
        redis.kill();
        until("the edge noticing", || metric(&house.edge, "portcullis_limit_store_up 0"));
        // What this edge has counted itself goes on.
        assert_eq!(ask(&client, "203.0.113.1", 3), [200, 429, 429]);
        assert_eq!(ask(&client, "203.0.113.2", 4), [200, 200, 200, 429]);
        redis.start();
        until("the store being back", || metric(&house.edge, "portcullis_limit_store_up 1"));
        assert_eq!(ask(&client, "203.0.113.3", 4), [200, 200, 200, 429]);
        stop.store(true, Ordering::Relaxed);
    });
    println!("slowest request {} ms", slowest.into_inner());
    assert_eq!(failed.into_inner(), 0, "{}", house.edge.log());
    assert!(house.edge.logged("store of rate limits is away"), "{}", house.edge.log());
    assert!(house.edge.logged("store of rate limits is back"), "{}", house.edge.log());
}

/// The contract over every window while quotas recover, counted by both edges: what was asked after one moment and answered before
/// another was admitted between them.
#[test]
fn two_edges_keep_to_a_rate_over_every_window() {
    const BURST: usize = 20;
    const RATE: f64 = 50.0;
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = format!("redis://{}", redis.address);
    let rate = format!("requests = 50\nperiod = \"1s\"\nburst = {BURST}");
    let tables = limits(dir.path(), &store, "store_timeout = \"10s\"", &rate);
    let edges = [edge(&tables), edge(&tables)];
    let began = Instant::now();
    let admitted: Vec<(f64, f64)> = thread::scope(|scope| {
        let asking: Vec<_> = edges
            .iter()
            .map(|house| {
                scope.spawn(move || {
                    let mut wire = house.edge.client().connect().expect("a connection");
                    let mut admitted = Vec::new();
                    while began.elapsed() < Duration::from_secs(4) {
                        let asked = began.elapsed().as_secs_f64();
                        wire.send(&request("203.0.113.1")).expect("sent");
                        if wire.answer().expect("an answer").status == 200 {
                            admitted.push((asked, began.elapsed().as_secs_f64()));
                        }
                    }
                    admitted
                })
            })
            .collect();
        asking.into_iter().flat_map(|asking| asking.join().expect("joined")).collect()
    });
    for (start, _) in &admitted {
        for (_, end) in &admitted {
            let within =
                admitted.iter().filter(|(asked, answered)| asked >= start && answered <= end).count();
            let most = BURST as f64 + RATE * (end - start).max(0.0);
            assert!(within as f64 <= most + 0.001, "{within} between {start} and {end}");
        }
    }
    println!("{} admitted in 4 s, {} by the contract", admitted.len(), BURST as f64 + 4.0 * RATE);
    assert!(admitted.len() > BURST, "nothing recovers");
    for house in &edges {
        assert!(metric(&house.edge, "portcullis_limit_store_failures_total 0"));
    }
}

#[test]
fn a_store_that_hangs_costs_its_time_once() {
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = format!("redis://{}", redis.address);
    let house =
        edge(&limits(dir.path(), &store, "store_timeout = \"1s\"", "requests = 1000\nperiod = \"1d\""));
    let client = house.edge.client();
    assert_eq!(ask(&client, "203.0.113.1", 1), [200]);
    redis.signal("STOP");
    let mut wire = client.connect().expect("a connection");
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let begun = Instant::now();
            wire.send(&request("203.0.113.1")).expect("sent");
            assert_eq!(wire.answer().expect("an answer").status, 200);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (slowest, next) = (times[49], times[48]);
    println!("the slowest request took {slowest:?}, the next {next:?}");
    assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&slowest), "{slowest:?}");
    assert!(next < Duration::from_millis(900), "{next:?}");
    assert!(metric(&house.edge, "portcullis_limit_store_up 0"));
    redis.signal("CONT");
    until("the store being back", || metric(&house.edge, "portcullis_limit_store_up 1"));
    assert_eq!(ask(&client, "203.0.113.1", 1), [200]);
}

#[test]
fn an_edge_may_be_told_to_refuse_without_its_store() {
    let mut redis = Redis::new(&[]);
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let store = format!("redis://{}", redis.address);
    let more = "store_timeout = \"5s\"\non_store_failure = \"refuse\"";
    let house = edge(&limits(dir.path(), &store, more, "requests = 1000\nperiod = \"1d\""));
    let client = house.edge.client();
    assert_eq!(ask(&client, "203.0.113.1", 2), [200, 200]);
    redis.kill();
    until("refusals", || ask(&client, "203.0.113.1", 1) == [503]);
    let answer = client.exchange(&request("203.0.113.1")).expect("an answer");
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("1")));
    let line = house.edge.access().wait_for(|line| line["refusal"] == "limit_store_away").expect("a line");
    assert_eq!(line["status"], 503);
    redis.start();
    until("service", || ask(&client, "203.0.113.1", 1) == [200]);
}

#[test]
fn tls_and_a_password() {
    let authority = Authority::new("the store's authority");
    let mut redis = Redis::new(&[]);
    let ca = authority.write(redis.dir.path(), "ca").expect("written");
    authority.leaf(&["localhost"]).write(redis.dir.path(), "redis").expect("written");
    let port = redis.address.port().to_string();
    redis.options = ["--tls-port", &port, "--tls-cert-file", "redis.pem", "--tls-key-file", "redis.key"]
        .into_iter()
        .chain(["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no", "--requirepass", "open sesame"])
        .map(str::to_owned)
        .collect();
    redis.start();
    let dir = tempfile::tempdir().expect("a directory");
    let password = dir.path().join("password");
    std::fs::write(&password, "open sesame\n").expect("written");
    let more = format!(
        "store_timeout = \"5s\"\nstore_ca = \"{}\"\nstore_password_file = \"{}\"",
        ca.display(),
        password.display()
    );
    let store = format!("rediss://localhost:{port}");
    let tables = limits(dir.path(), &store, &more, "requests = 3\nperiod = \"1d\"");
    let (one, other) = (edge(&tables), edge(&tables));
    assert_eq!(ask(&one.edge.client(), "203.0.113.1", 2), [200, 200]);
    assert_eq!(ask(&other.edge.client(), "203.0.113.1", 2), [200, 429], "{}", other.edge.log());
    assert!(metric(&other.edge, "portcullis_limit_store_up 1"));
    // With the wrong password the store is no store.
    std::fs::write(&password, "wrong\n").expect("written");
    let wrong = edge(&tables);
    assert_eq!(ask(&wrong.edge.client(), "203.0.113.1", 1), [200], "by its own count");
    assert!(metric(&wrong.edge, "portcullis_limit_store_up 0"));
}
