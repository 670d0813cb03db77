//! Which addresses may come in. Clients get theirs by the PROXY protocol, so that one machine can be many.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis_config::{Access, AddressList, BreakGlass, Config};
use portcullis_testkit::{Answer, RecordingUpstream, Reply};

use crate::site::{HSTS, NAME, Site, told};

fn backend() -> RecordingUpstream {
    RecordingUpstream::plain(|_| Reply::new(200, "reached")).expect("a backend")
}

fn site(backend: &RecordingUpstream, change: impl FnOnce(&mut Config, &std::path::Path)) -> Site {
    Site::with(backend, |config, dir| {
        config.client.proxy_protocol_from = vec!["127.0.0.0/8".parse().expect("a prefix")];
        change(config, dir);
    })
}

fn list(id: &str, prefixes: &[&str], files: Vec<std::path::PathBuf>) -> AddressList {
    let prefixes = prefixes.iter().map(|text| text.parse().expect("a prefix")).collect();
    AddressList { id: id.to_owned(), prefixes, files, files_span: None }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// `GET target` as a client of this address. None when the connection was closed before TLS.
fn get(site: &Site, address: &str, host: &str, target: &str) -> Option<Answer> {
    let family = if address.contains(':') { "TCP6" } else { "TCP4" };
    let here = if address.contains(':') { "::1" } else { "127.0.0.1" };
    let client = site.client_of(host).preamble(format!("PROXY {family} {address} {here} 4711 443\r\n"));
    client
        .exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .ok()
}

fn status(site: &Site, address: &str, host: &str, target: &str) -> u16 {
    get(site, address, host, target).map_or(0, |answer| answer.status)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn who_is_denied_gets_no_handshake() {
    let backend = backend();
    let site = site(&backend, |config, _| {
        config.address_lists = vec![list("abusers", &["192.0.2.0/24", "2001:db8:bad::/48"], Vec::new())];
        config.access.deny = ids(&["abusers"]);
    });
    assert_eq!(status(&site, "203.0.113.1", NAME, "/"), 200);
    for address in ["192.0.2.7", "2001:db8:bad::1"] {
        assert_eq!(status(&site, address, NAME, "/"), 0, "{address}");
        let line = site.access().wait_for(|line| {
            line["refusal"] == "address_denied"
                && line["client"].as_str().is_some_and(|client| client.contains(address))
        });
        let line = line.expect("a line");
        assert_eq!(line["type"], "connection");
        assert!(line["tls"].is_null(), "{line}");
    }
    let plain = site.plain_client().preamble("PROXY TCP4 192.0.2.7 127.0.0.1 1 80\r\n");
    assert!(plain.get("/").is_err(), "the other listener neither");
    assert!(site.metrics().contains("portcullis_refusals_total{reason=\"address_denied\"} 3"));
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_route_has_lists_of_its_own() {
    let backend = backend();
    let site = site(&backend, |config, _| {
        config.address_lists = vec![
            list("office", &["192.0.2.0/24"], Vec::new()),
            list("guests", &["192.0.2.128/25"], Vec::new()),
        ];
        let admin = config.routes.iter_mut().find(|route| route.id == "elsewhere").expect("a route");
        admin.access = Access { allow: ids(&["office"]), deny: ids(&["guests"]) };
    });
    for (address, host, expected) in [
        ("203.0.113.1", NAME, 200),
        ("203.0.113.1", "other.test", 403),
        ("192.0.2.1", "other.test", 200),
        ("192.0.2.200", "other.test", 403),
    ] {
        let answer = get(&site, address, host, "/app").expect("an answer");
        assert_eq!(answer.status, expected, "{address} {host}");
        if expected == 403 {
            assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
            assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS));
        }
    }
    site.access().wait_for(|line| line["refusal"] == "address_not_allowed").expect("a line");
    site.access().wait_for(|line| line["refusal"] == "address_denied").expect("a line");
}

#[test]
fn clients_of_a_forwarding_proxy_are_judged_one_by_one() {
    let backend = backend();
    let site = Site::with(&backend, |config, _| {
        config.client.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a prefix")];
        config.address_lists = vec![list("customers", &["203.0.113.0/24"], Vec::new())];
        config.access.allow = ids(&["customers"]);
    });
    let mut wire = site.client().connect().expect("the proxy itself is not judged");
    for (address, expected) in [("203.0.113.1", 200), ("198.51.100.1", 403), ("203.0.113.2", 200)] {
        let request = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: {address}\r\n\r\n");
        wire.send(request.as_bytes()).expect("sent");
        assert_eq!(wire.answer().expect("an answer").status, expected, "{address}");
    }
}

#[test]
fn a_file_that_changes_is_read_anew_and_a_bad_one_is_not() {
    let backend = backend();
    let site = site(&backend, |config, dir| {
        let file = dir.join("denied.txt");
        std::fs::write(&file, "# nobody yet\n").expect("written");
        config.address_lists = vec![list("denied", &[], vec![file])];
        config.access.deny = ids(&["denied"]);
    });
    let file = site.dir.path().join("denied.txt");
    let request = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    let client = site.client().preamble("PROXY TCP4 192.0.2.7 127.0.0.1 1 443\r\n");
    let mut open = client.connect().expect("a connection");
    open.send(request.as_bytes()).expect("sent");
    assert_eq!(open.answer().expect("an answer").status, 200);
    std::fs::write(&file, "192.0.2.0/24\n").expect("written");
    until("the new list", || status(&site, "192.0.2.7", NAME, "/") == 0);
    open.send(request.as_bytes()).expect("sent");
    assert_eq!(open.answer().expect("an answer").status, 403, "on connections already open as well");
    let event = site.audit().wait_for(|event| event["type"] == "address_list").expect("an event");
    assert_eq!((&event["list"], &event["before"], &event["now"]), (&"denied".into(), &0.into(), &1.into()));
    std::fs::write(&file, "198.51.100.0/24\nnonsense\n").expect("written");
    until("a failed read", || {
        site.metrics().contains("portcullis_address_list_reads_total{result=\"failed\"} 1")
    });
    assert_eq!(status(&site, "192.0.2.7", NAME, "/"), 0, "the list before it is kept");
    assert_eq!(status(&site, "198.51.100.1", NAME, "/"), 200);
}

#[test]
fn a_broken_file_at_the_start_is_told_with_its_line() {
    let backend = backend();
    let site = site(&backend, |_, _| {});
    let file = site.dir.path().join("broken.txt");
    std::fs::write(&file, "192.0.2.0/24\n192.0.2.1/24\n").expect("written");
    site.configure(|config| {
        config.address_lists =
            vec![list("broken", &[], vec![file]), list("gone", &[], vec!["/nowhere/list.txt".into()])];
        config.access.deny = ids(&["broken"]);
    });
    let error = told(&site.reload().expect_err("a broken list"));
    for part in ["E0921", "broken.txt:2:1", "192.0.2.0/24", "E0920", "/nowhere/list.txt"] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn break_glass_lets_in_for_its_time_and_leaves_its_mark() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let entry = |id: &str, prefix: &str, expires| BreakGlass {
        id: id.to_owned(),
        prefixes: vec![prefix.parse().expect("a prefix")],
        routes: ids(&["all"]),
        customers: Vec::new(),
        expires,
        expires_span: None,
        reason: "the office is closed".to_owned(),
        ticket: "OPS-4711".to_owned(),
        approved_by: "j.doe".to_owned(),
    };
    let backend = backend();
    let site = site(&backend, |config, _| {
        config.address_lists = vec![list("office", &["192.0.2.0/24"], Vec::new())];
        config.access.allow = ids(&["office"]);
        config.break_glass = vec![
            entry("ended", "198.51.100.2/32", now - Duration::from_secs(1)),
            entry("home", "198.51.100.1/32", now + Duration::from_secs(3600)),
        ];
    });
    assert_eq!(status(&site, "192.0.2.1", NAME, "/"), 200);
    assert_eq!(status(&site, "198.51.100.2", NAME, "/"), 0, "its time is over");
    let answer = get(&site, "198.51.100.1", NAME, "/").expect("an answer");
    assert_eq!(answer.status, 200);
    let id = answer.header("x-request-id").expect("an id");
    let event = site.audit().wait_for(|event| event["request_id"] == id.as_str()).expect("an event");
    for (name, value) in [
        ("type", "break_glass"),
        ("entry", "home"),
        ("ticket", "OPS-4711"),
        ("approved_by", "j.doe"),
        ("reason", "the office is closed"),
        ("route", "all"),
        ("client", "198.51.100.1:4711"),
    ] {
        assert_eq!(event[name], value, "{event}");
    }
    let line = site.access().wait_for(|line| line["request_id"] == id.as_str()).expect("a line");
    assert_eq!(line["break_glass"], "home");
    assert_eq!(status(&site, "198.51.100.1", "other.test", "/app"), 403, "not on other routes");
    assert!(site.metrics().contains("portcullis_break_glass_uses_total{entry=\"home\"}"));
}
