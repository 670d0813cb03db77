//! The default file and the schema agree, every key arrives, and nothing that is read can make the reader fall over.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use portcullis_config::{
    AuditScope, ClientCert, Config, CrsSource, ForwardedField, Loaded, RateKey, RuleName, Sink, Surroundings,
    Transport, UpstreamHttp, WafMode, WafPolicy, WorkSpent, codes, load,
    schema::{self, Absent, Kind},
};
use portcullis_diag::{Sources, render};
use proptest::prelude::*;

const DEFAULT: &str = include_str!("../../../config.toml");

const LEAST: &str = r#"
[[upstream]]
id = "demo"
servers = ["127.0.0.1:9443"]
tls = { ca = "certs/ca.pem", name = "localhost" }
[[route]]
id = "all"
upstream = "demo"
"#;

fn variable(name: &str) -> Option<String> {
    (name == "DIR").then(|| String::from("/srv/certs"))
}

fn read(name: &str, text: &str) -> (Loaded, Sources) {
    let mut sources = Sources::new();
    let surroundings = Surroundings { variable: &variable, processors: 3 };
    let loaded = load(name, text, surroundings, &mut sources);
    (loaded, sources)
}

fn drawn(loaded: &Loaded, sources: &Sources) -> String {
    loaded.diagnostics.iter().map(|diagnostic| render(sources, diagnostic)).collect()
}

fn good(name: &str, text: &str) -> Config {
    let (loaded, sources) = read(name, text);
    let drawn = drawn(&loaded, &sources);
    loaded.config.unwrap_or_else(|| panic!("{text}\n{drawn}"))
}

fn without_spans(mut config: Config) -> Config {
    for files in &mut config.tls.certificates {
        (files.certificate_span, files.key_span) = (None, None);
    }
    config.pki.dir_span = None;
    for upstream in &mut config.upstreams {
        if let Transport::Tls { ca_span, .. } = &mut upstream.transport {
            *ca_span = None;
        }
    }
    config
}

#[test]
fn the_default_file_is_the_default() {
    let (loaded, sources) = read("config.toml", DEFAULT);
    assert_eq!(drawn(&loaded, &sources), "");
    assert_eq!(without_spans(loaded.config.unwrap()), without_spans(good("config.toml", LEAST)));
}

#[test]
fn the_default_file_has_every_key_with_its_default() {
    let (mut table, mut example) = ("", false);
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for line in DEFAULT.lines() {
        // A table that the default has none of stands there as an example.
        if let Some(header) = line.strip_prefix('[').or_else(|| line.strip_prefix("# [[")) {
            (table, example) = (header.trim_matches(['[', ']']), line.starts_with('#'));
        }
        let Some((name, value)) = line.trim_start_matches("# ").split_once(" = ") else { continue };
        let Some(key) = schema::find(table, name) else { continue };
        assert!(seen.insert((table.to_owned(), name.to_owned())), "{table}.{name} twice");
        let commented = line.starts_with('#');
        match key.absent {
            _ if example => assert!(commented, "{table}.{name} is not part of the default"),
            Absent::Default(default) => {
                assert!(!commented && value == default, "{table}.{name}: {value} is not {default}");
            }
            Absent::Otherwise(_) => assert!(commented || name == "tls", "{table}.{name} has no default"),
            Absent::Required => assert!(!commented, "{table}.{name}"),
        }
        if let Kind::Inline(inner) = key.kind {
            for key in schema::keys_of(inner) {
                assert!(value.contains(&format!("{} = ", key.name)), "{inner}.{}", key.name);
                seen.insert((inner.to_owned(), key.name.to_owned()));
            }
        }
    }
    for key in schema::KEYS {
        assert!(seen.contains(&(key.table.to_owned(), key.name.to_owned())), "{}.{}", key.table, key.name);
    }
}

#[test]
fn tables_hold_keys_and_numbers_are_given_once() {
    for key in schema::KEYS {
        assert!(schema::TABLES.iter().any(|table| table.name == key.table), "{}", key.table);
    }
    let numbers: BTreeSet<&str> = codes::ALL.iter().map(|(code, _)| code.0).collect();
    assert_eq!(numbers.len(), codes::ALL.len());
}

const STORE: &str = "\"redis://127.0.0.1:6379/1\"\nstore_secret_file = \"s\"";

/// A key's whole name, a value that is not its default, and what must then be in the configuration.
type Case = (&'static str, &'static str, fn(&Config) -> bool);

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

const CASES: &[Case] = &[
    ("environment", "\"production\"", |c| c.environment == "production"),
    ("listen.https", "[\"0.0.0.0:443\", \"[::1]:444\"]", |c| {
        c.listen.https == ["0.0.0.0:443".parse().unwrap(), "[::1]:444".parse().unwrap()]
            && c.listen.public_https_port == 443
    }),
    ("listen.http", "[]", |c| c.listen.http.is_empty()),
    ("listen.admin", "\"off\"", |c| c.listen.admin.is_none()),
    ("listen.admin_public", "true\nadmin = \"0.0.0.0:9\"", |c| {
        c.listen.admin == Some("0.0.0.0:9".parse().unwrap())
    }),
    ("listen.public_https_port", "443", |c| c.listen.public_https_port == 443),
    ("tls.certificate", "\"${DIR}/a.pem\"", |c| {
        let files = &c.tls.certificates[0];
        files.certificate == Path::new("/srv/certs/a.pem") && files.certificate_span.is_some()
    }),
    ("tls.key", "\"sub/a.key\"", |c| {
        let files = &c.tls.certificates[0];
        files.key == Path::new("/etc/p/sub/a.key") && files.key_span.is_some()
    }),
    ("certificate.certificate", "\"b.pem\"", |c| {
        c.tls.certificates.len() == 2 && c.tls.certificates[1].certificate == Path::new("/etc/p/b.pem")
    }),
    ("certificate.key", "\"b.key\"", |c| c.tls.certificates[1].key == Path::new("/etc/p/b.key")),
    ("tls.min_version", "\"1.3\"", |c| !c.tls.allow_tls12),
    ("pki.dir", "\"reg\"", |c| {
        c.pki.dir.as_deref() == Some(Path::new("/etc/p/reg")) && c.pki.dir_span.is_some()
    }),
    ("pki.grace", "\"7m\"", |c| c.pki.grace == seconds(420)),
    ("pki.customer_field", "\"x-partner\"", |c| c.pki.customer_field == "x-partner"),
    ("authority.id", "\"p\"", |c| c.pki.authorities[0].id == "p"),
    ("authority.bundle", "\"b\"", |c| c.pki.authorities[0].bundle == Path::new("/etc/p/b")),
    ("authority.crl", "\"c\"", |c| c.pki.authorities[0].crl == Path::new("/etc/p/c")),
    ("host.names", "[\"a.example\"]", |c| c.hosts[0].names == ["a.example"]),
    ("host.client_cert", "\"required\"", |c| c.hosts[0].client_cert == ClientCert::Required),
    ("route.client_cert", "\"optional\"", |c| c.routes[0].client_cert == Some(ClientCert::Optional)),
    ("route.customers", "[\"a\"]\nclient_cert = \"required\"", |c| c.routes[0].customers == ["a"]),
    ("hsts.max_age", "\"0s\"", |c| c.hsts.max_age.is_zero()),
    ("hsts.include_subdomains", "true", |c| c.hsts.include_subdomains),
    ("hsts.preload", "true\ninclude_subdomains = true", |c| c.hsts.preload),
    ("limits.connections", "300", |c| c.limits.connections == 300),
    ("limits.connections_per_address", "2", |c| c.limits.connections_per_address == 2),
    ("limits.handshake_timeout", "\"11s\"", |c| c.limits.handshake_timeout == seconds(11)),
    ("limits.head_timeout", "\"12s\"", |c| c.limits.head_timeout == seconds(12)),
    ("limits.idle_timeout", "\"13s\"", |c| c.limits.idle_timeout == seconds(13)),
    ("limits.body_timeout", "\"14s\"", |c| c.limits.body_timeout == seconds(14)),
    ("limits.body_rate", "\"2KiB\"", |c| c.limits.body_rate == 2048),
    ("limits.body_grace", "\"3s\"", |c| c.limits.body_grace == seconds(3)),
    ("limits.answer_rate", "\"0B\"", |c| c.limits.answer_rate == 0),
    ("limits.answer_timeout", "\"4h\"", |c| c.limits.answer_timeout == seconds(4 * 3600)),
    ("limits.write_timeout", "\"15s\"", |c| c.limits.write_timeout == seconds(15)),
    ("limits.requests_per_connection", "16", |c| c.limits.requests_per_connection == 16),
    ("limits.head_bytes", "\"17KiB\"", |c| c.limits.head_bytes == 17 << 10),
    ("limits.header_fields", "18", |c| c.limits.header_fields == 18),
    ("limits.header_line_bytes", "\"9KiB\"", |c| c.limits.header_line_bytes == 9 << 10),
    ("limits.target_bytes", "4096", |c| c.limits.target_bytes == 4096),
    ("limits.body_bytes", "\"1MiB\"", |c| {
        c.limits.body_bytes == 1 << 20 && c.routes[0].body_bytes == 1 << 20
    }),
    ("limits.buffered_bytes", "\"20MiB\"", |c| c.limits.buffered_bytes == 20 << 20),
    ("limits.queue_time", "\"25ms\"", |c| c.limits.queue_time == Duration::from_millis(25)),
    ("limits.h2_streams", "21", |c| c.limits.h2_streams == 21),
    ("client.proxy_protocol_from", "[\"10.0.0.0/8\"]", |c| {
        c.client.proxy_protocol_from == ["10.0.0.0/8".parse().unwrap()]
    }),
    ("client.trusted_proxies", "[\"192.0.2.1\", \"2001:db8::/32\"]", |c| {
        c.client.trusted_proxies == ["192.0.2.1/32".parse().unwrap(), "2001:db8::/32".parse().unwrap()]
    }),
    ("client.forwarded_field", "\"forwarded\"", |c| c.client.forwarded_field == ForwardedField::Forwarded),
    ("limits.h2_resets", "22", |c| c.limits.h2_resets == 22),
    ("limits.h2_control_frames", "23", |c| c.limits.h2_control_frames == 23),
    ("access.allow", "[\"office\"]\n[[address_list]]\nid = \"office\"\nprefixes = [\"::1\"]", |c| {
        c.access.allow == ["office"] && c.access.deny.is_empty()
    }),
    ("access.deny", "[\"office\"]\n[[address_list]]\nid = \"office\"\nprefixes = [\"::1\"]", |c| {
        c.access.deny == ["office"] && c.access.allow.is_empty()
    }),
    ("route.allow", "[\"office\"]\n[[address_list]]\nid = \"office\"\nprefixes = [\"::1\"]", |c| {
        c.routes[0].access.allow == ["office"] && c.access.allow.is_empty()
    }),
    ("route.deny", "[\"office\"]\n[[address_list]]\nid = \"office\"\nprefixes = [\"::1\"]", |c| {
        c.routes[0].access.deny == ["office"]
    }),
    ("address_list.id", "\"partners\"", |c| c.address_lists[0].id == "partners"),
    ("address_list.prefixes", "[\"10.0.0.0/8\"]", |c| {
        c.address_lists[0].prefixes == ["10.0.0.0/8".parse().unwrap()]
    }),
    ("address_list.files", "[\"a.txt\", \"${DIR}/b.txt\"]", |c| {
        c.address_lists[0].files == [Path::new("/etc/p/a.txt"), Path::new("/srv/certs/b.txt")]
            && c.address_lists[0].files_span.is_some()
    }),
    ("break_glass.id", "\"now\"", |c| c.break_glass[0].id == "now"),
    ("break_glass.prefixes", "[\"10.0.0.1\"]", |c| {
        c.break_glass[0].prefixes == ["10.0.0.1/32".parse().unwrap()]
    }),
    ("break_glass.routes", "[\"all\"]", |c| c.break_glass[0].routes == ["all"]),
    ("break_glass.customers", "[\"acme\"]", |c| c.break_glass[0].customers == ["acme"]),
    ("break_glass.expires", "2026-12-01T18:00:00Z", |c| {
        c.break_glass[0].expires == seconds(1_796_148_000) && c.break_glass[0].expires_span.is_some()
    }),
    ("break_glass.reason", "\"a\"", |c| c.break_glass[0].reason == "a"),
    ("break_glass.ticket", "\"b\"", |c| c.break_glass[0].ticket == "b"),
    ("break_glass.approved_by", "\"c\"", |c| c.break_glass[0].approved_by == "c"),
    ("rate_limits.ipv4_prefix", "24", |c| c.rate_limits.ipv4_prefix == 24),
    ("rate_limits.ipv6_prefix", "48", |c| c.rate_limits.ipv6_prefix == 48),
    ("rate_limits.store", STORE, |c| {
        let store = c.rate_limits.store.as_ref().unwrap();
        store.url == "redis://127.0.0.1:6379/1"
            && store.secret_file == Path::new("/etc/p/s")
            && !store.refuse_when_away
    }),
    ("rate_limits.store_ca", "\"c.pem\"\nstore = \"rediss://a.example:1\"\nstore_secret_file = \"s\"", |c| {
        let store = c.rate_limits.store.as_ref().unwrap();
        store.url.starts_with("rediss") && store.ca.as_deref() == Some(Path::new("/etc/p/c.pem"))
    }),
    ("rate_limits.store_user", "\"edge\"\nstore = \"redis://a:1\"\nstore_secret_file = \"s\"", |c| {
        c.rate_limits.store.as_ref().unwrap().user.as_deref() == Some("edge")
    }),
    (
        "rate_limits.store_password_file",
        "\"${DIR}/p\"\nstore = \"redis://a:1\"\nstore_secret_file = \"s\"",
        |c| c.rate_limits.store.as_ref().unwrap().password_file.as_deref() == Some(Path::new("/srv/certs/p")),
    ),
    ("rate_limits.store_secret_file", "\"t\"\nstore = \"redis://a:1\"", |c| {
        c.rate_limits.store.as_ref().unwrap().secret_file == Path::new("/etc/p/t")
    }),
    ("rate_limits.store_timeout", "\"7ms\"\nstore = \"redis://a:1\"\nstore_secret_file = \"s\"", |c| {
        c.rate_limits.store.as_ref().unwrap().timeout == Duration::from_millis(7)
    }),
    ("rate_limits.on_store_failure", "\"refuse\"\nstore = \"redis://a:1\"\nstore_secret_file = \"s\"", |c| {
        c.rate_limits.store.as_ref().unwrap().refuse_when_away
    }),
    ("rate_limit.id", "\"two\"", |c| c.rate_limits.limits[0].id == "two"),
    ("rate_limit.key", "[\"route\", \"address\", \"customer\", \"header:x-api-key\"]", |c| {
        let header = RateKey::Header(String::from("x-api-key"));
        c.rate_limits.limits[0].key == [RateKey::Route, RateKey::Address, RateKey::Customer, header]
    }),
    ("rate_limit.routes", "[\"all\"]", |c| c.rate_limits.limits[0].routes == ["all"]),
    ("rate_limit.customers", "[\"acme\"]", |c| c.rate_limits.limits[0].customers == ["acme"]),
    ("rate_limit.requests", "7", |c| {
        let seven = 7.try_into().unwrap();
        c.rate_limits.limits[0].rate == Some((seven, seconds(1), seven))
    }),
    ("rate_limit.period", "\"1m\"", |c| c.rate_limits.limits[0].rate.unwrap().1 == seconds(60)),
    ("rate_limit.burst", "31", |c| c.rate_limits.limits[0].rate.unwrap().2.get() == 31),
    ("rate_limit.concurrent", "32", |c| c.rate_limits.limits[0].concurrent == Some(32)),
    ("rate_limit.keys", "33", |c| c.rate_limits.limits[0].keys == 33),
    ("rate_limit.mode", "\"shadow\"", |c| c.rate_limits.limits[0].shadow),
    ("waf.mode", "\"detect\"", |c| c.routes[0].waf.mode == WafMode::Detect),
    ("waf.crs", "\"./crs\"", |c| c.waf.crs == CrsSource::Directory(PathBuf::from("/etc/p/./crs"))),
    ("waf.crs", "\"baseline\"", |c| c.waf.crs == CrsSource::Baseline),
    ("waf.crs", "\"none\"", |c| c.waf.crs == CrsSource::None),
    ("waf.paranoia", "3", |c| c.waf.paranoia == 3 && c.waf.detection_paranoia == 3),
    ("waf.detection_paranoia", "4", |c| c.waf.paranoia == 1 && c.waf.detection_paranoia == 4),
    ("waf.inbound_threshold", "22", |c| c.waf.inbound_threshold == 22),
    ("waf.outbound_threshold", "23", |c| c.waf.outbound_threshold == 23),
    ("waf.engine", "\"engine.conf\"", |c| c.waf.engine == Some(PathBuf::from("/etc/p/engine.conf"))),
    ("waf.include_before", "[\"a/*.conf\"]", |c| c.waf.include_before == ["/etc/p/a/*.conf"]),
    ("waf.include_after", "[\"/b.conf\", \"c.conf\"]", |c| {
        c.waf.include_after == ["/b.conf", "/etc/p/c.conf"]
    }),
    ("waf.inspect_responses", "false", |c| !c.waf.inspect_responses),
    ("waf.verdict_cache", "false", |c| !c.waf.verdict_cache),
    ("waf.work_budget", "5", |c| c.waf.work_budget.is_some_and(|budget| budget.units == 5)),
    ("waf.work_spent", "\"detect\"", |c| {
        c.waf.work_budget.is_some_and(|budget| budget.action == WorkSpent::Detect)
    }),
    ("log.access", "\"logs/access.log\"", |c| {
        c.log.access == Sink::File(PathBuf::from("/etc/p/logs/access.log"))
    }),
    ("log.access", "\"off\"", |c| c.log.access == Sink::Off),
    ("log.audit", "\"stderr\"", |c| c.log.audit == Sink::Stderr),
    ("log.audit_scope", "\"matched\"", |c| c.log.audit_scope == AuditScope::Matched),
    ("log.audit_scope", "\"all\"", |c| c.log.audit_scope == AuditScope::All),
    ("log.audit_values", "true", |c| c.log.audit_values),
    ("log.level", "\"debug\"", |c| c.log.level == "debug"),
    ("server.threads", "24", |c| c.threads == 24),
    ("server.threads", "0", |c| c.threads == 3),
    ("server.drain_timeout", "\"25s\"", |c| c.drain_timeout == seconds(25)),
    ("upstream.id", "\"demo\"", |c| c.upstreams[0].id == "demo"),
    ("upstream.servers", "[\"a.example:1\", \"[::1]:2\"]", |c| {
        c.upstreams[0].servers == ["a.example:1", "[::1]:2"]
    }),
    (
        "upstream.tls",
        "{ ca = \"x.pem\" }",
        |c| matches!(&c.upstreams[0].transport, Transport::Tls { ca, ca_span: Some(_), name: None } if *ca == Path::new("/etc/p/x.pem")),
    ),
    (
        "upstream.tls.ca",
        "\"y.pem\"",
        |c| matches!(&c.upstreams[0].transport, Transport::Tls { ca, .. } if *ca == Path::new("/etc/p/y.pem")),
    ),
    (
        "upstream.tls.name",
        "\"b.example\"",
        |c| matches!(&c.upstreams[0].transport, Transport::Tls { name: Some(name), .. } if name == "b.example"),
    ),
    ("upstream.allow_plaintext", "true", |c| c.upstreams[0].transport == Transport::Plaintext),
    ("upstream.connect_timeout", "\"26s\"", |c| c.upstreams[0].connect_timeout == seconds(26)),
    ("upstream.read_timeout", "\"27s\"", |c| c.upstreams[0].read_timeout == seconds(27)),
    ("upstream.write_timeout", "\"28s\"", |c| c.upstreams[0].write_timeout == seconds(28)),
    ("upstream.idle_timeout", "\"29s\"", |c| c.upstreams[0].idle_timeout == seconds(29)),
    ("upstream.http", "\"2\"", |c| c.upstreams[0].http == UpstreamHttp::Http2),
    ("upstream.http", "\"auto\"", |c| c.upstreams[0].http == UpstreamHttp::Auto),
    ("route.id", "\"first\"", |c| c.routes[0].id == "first"),
    ("route.hosts", "[\"a.example\"]", |c| c.routes[0].hosts == ["a.example"]),
    ("route.hosts", "[\"::1\", \"[::2]\"]", |c| c.routes[0].hosts == ["[::1]", "[::2]"]),
    ("route.path_prefix", "\"/api\"", |c| c.routes[0].path_prefix == "/api"),
    ("route.upstream", "\"demo\"", |c| c.routes[0].upstream == "demo"),
    ("route.waf", "{ mode = \"detect\" }", |c| {
        let policy = c.routes[0].waf;
        c.waf.mode == WafMode::Block && policy == (WafPolicy { mode: WafMode::Detect, ..c.waf.policy() })
    }),
    ("route.waf.mode", "\"off\"", |c| c.routes[0].waf.mode == WafMode::Off),
    ("route.waf.paranoia", "2", |c| {
        let policy = c.routes[0].waf;
        (policy.paranoia, policy.detection_paranoia, c.waf.paranoia) == (2, 2, 1)
    }),
    ("route.waf.detection_paranoia", "3", |c| {
        let policy = c.routes[0].waf;
        (policy.paranoia, policy.detection_paranoia, c.waf.detection_paranoia) == (1, 3, 1)
    }),
    ("route.waf.inbound_threshold", "6", |c| {
        (c.routes[0].waf.inbound_threshold, c.waf.inbound_threshold) == (6, 5)
    }),
    ("route.waf.outbound_threshold", "7", |c| {
        (c.routes[0].waf.outbound_threshold, c.waf.outbound_threshold) == (7, 4)
    }),
    ("rule_exclusion.rules", "[1, \"2-3\", \"tag:x\"]", |c| {
        let rules: Vec<&RuleName> = c.rule_exclusions[0].rules.iter().map(|(rule, _)| rule).collect();
        rules == [&RuleName::Ids(1, 1), &RuleName::Ids(2, 3), &RuleName::Tag("x".to_owned())]
    }),
    ("rule_exclusion.targets", "[\"ARGS:a\"]", |c| {
        let targets = &c.rule_exclusions[0].targets;
        targets.len() == 1 && targets[0].0 == "ARGS:a" && targets[0].1.is_some()
    }),
    ("rule_exclusion.routes", "[\"all\"]", |c| c.rule_exclusions[0].routes == ["all"]),
    ("rule_exclusion.reason", "\"a\"", |c| c.rule_exclusions[0].reason == "a"),
    ("rule_exclusion.owner", "\"b\"", |c| c.rule_exclusions[0].owner == "b"),
    ("rule_exclusion.expires", "2026-12-01T18:00:00Z", |c| {
        let exclusion = &c.rule_exclusions[0];
        exclusion.expires == seconds(1_796_148_000) && exclusion.expires_span.is_some()
    }),
    ("route.body_limit", "\"30MiB\"", |c| {
        c.routes[0].body_bytes == 30 << 20 && c.limits.body_bytes == 10 << 20
    }),
];

/// What tables need that the default has none of.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("address_list", "id", "\"office\""),
    ("address_list", "prefixes", "[\"192.0.2.0/24\"]"),
    ("break_glass", "id", "\"incident\""),
    ("break_glass", "prefixes", "[\"192.0.2.0/24\"]"),
    ("break_glass", "expires", "2030-01-01T00:00:00Z"),
    ("break_glass", "reason", "\"the office is closed\""),
    ("break_glass", "ticket", "\"OPS-1\""),
    ("break_glass", "approved_by", "\"j.doe\""),
    ("rule_exclusion", "rules", "[942100]"),
    ("rule_exclusion", "reason", "\"prose\""),
    ("rule_exclusion", "owner", "\"api team\""),
    ("rule_exclusion", "expires", "2030-01-01T00:00:00Z"),
    ("rate_limit", "id", "\"one\""),
    ("rate_limit", "requests", "10"),
];

/// A file in which one key has another value.
fn with(name: &str, value: &str) -> String {
    let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
    let mut upstream = vec![
        ("id", String::from("\"demo\"")),
        ("servers", String::from("[\"127.0.0.1:9443\"]")),
        ("tls", String::from("{ ca = \"ca.pem\" }")),
    ];
    let mut route = vec![("id", String::from("\"all\"")), ("upstream", String::from("\"demo\""))];
    let put = |entries: &mut Vec<(&str, String)>, key: &'static str, value: String| {
        entries.retain(|(other, _)| *other != key && !(key == "allow_plaintext" && *other == "tls"));
        entries.push((key, value));
    };
    let draw = |entries: &[(&str, String)]| {
        entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
    };
    let known = schema::find(table, key).unwrap_or_else(|| panic!("{name}")).name;
    let mut head = String::new();
    let register = "[pki]\ndir = \"pki\"\n";
    let example = |others: [(&str, &str); 2]| {
        let others = others.iter().filter(|(other, _)| *other != key);
        let others: String = others.map(|(name, value)| format!("{name} = {value}\n")).collect();
        format!("{register}[[{table}]]\n{others}{key} = {value}\n")
    };
    match table {
        "upstream" => put(&mut upstream, known, value.to_owned()),
        "upstream.tls" if key == "ca" => put(&mut upstream, "tls", format!("{{ ca = {value} }}")),
        "upstream.tls" => put(&mut upstream, "tls", format!("{{ ca = \"ca.pem\", {key} = {value} }}")),
        "route" if matches!(key, "client_cert" | "customers") => {
            head = register.to_owned();
            put(&mut route, known, value.to_owned());
        }
        "route" => put(&mut route, known, value.to_owned()),
        "authority" if key == "id" => head = example([("bundle", "\"x\""), ("crl", "\"x\"")]),
        "authority" if key == "bundle" => head = example([("id", "\"x\""), ("crl", "\"x\"")]),
        "authority" => head = example([("id", "\"x\""), ("bundle", "\"x\"")]),
        "host" => head = example([("names", "[\"x\"]"), ("client_cert", "\"optional\"")]),
        "route.waf" => put(&mut route, "waf", format!("{{ {key} = {value} }}")),
        "" => head = format!("{key} = {value}\n"),
        "certificate" => {
            let other = if key == "key" { "certificate" } else { "key" };
            head = format!("[[certificate]]\n{other} = \"x.pem\"\n{key} = {value}\n");
        }
        "address_list" | "break_glass" | "rate_limit" | "rule_exclusion" => {
            let mut entries: Vec<(&str, String)> = EXAMPLES
                .iter()
                .filter(|(of, ..)| *of == table)
                .map(|(_, key, value)| (*key, (*value).to_owned()))
                .collect();
            put(&mut entries, known, value.to_owned());
            head = format!("{register}[[{table}]]\n{}", draw(&entries));
        }
        _ => head = format!("[{table}]\n{key} = {value}\n"),
    }
    format!("{head}[[upstream]]\n{}[[route]]\n{}", draw(&upstream), draw(&route))
}

#[test]
fn every_key_arrives() {
    for (name, value, arrived) in CASES {
        assert!(arrived(&good("/etc/p/config.toml", &with(name, value))), "{name} = {value}");
    }
    for key in schema::KEYS {
        let name =
            if key.table.is_empty() { key.name.to_owned() } else { format!("{}.{}", key.table, key.name) };
        assert!(CASES.iter().any(|(case, ..)| *case == name), "{name} has no case");
    }
}

#[test]
fn every_key_refuses_a_value_of_the_wrong_type_and_out_of_bounds() {
    for key in schema::KEYS {
        let name =
            if key.table.is_empty() { key.name.to_owned() } else { format!("{}.{}", key.table, key.name) };
        let mut bad = vec!["1979-05-27"];
        match key.kind {
            Kind::Count(least, _) => {
                bad.extend(["-1", "99999999999", "\"1\"", "1.5"].iter().chain((least > 0).then_some(&"0")));
            }
            Kind::Size(..) => bad.extend(["-1", "\"9999GiB\"", "\"1\"", "1.5"]),
            Kind::Duration(..) => bad.extend(["10", "\"9999999d\"", "\"1\"", "1.5"]),
            Kind::Choice(_) => bad.extend(["\"blok\"", "1", "\"\""]),
            Kind::Text | Kind::Path | Kind::WordOrPath(_) | Kind::SocketOrOff => {
                bad.extend(["1", "\"\"", "[]"]);
            }
            Kind::Texts | Kind::Paths | Kind::Sockets | Kind::Prefixes => bad.extend(["1", "[1]", "[\"\"]"]),
            Kind::Rules => bad.extend(["1", "[0]", "[-1]", "[\"\"]", "[\"sqli\"]", "[]", "[\"2-1\"]"]),
            Kind::Moment => bad.extend(["1", "\"2026-12-01T18:00:00Z\"", "2026-12-01T18:00:00"]),
            Kind::Flag => bad.extend(["1", "\"true\""]),
            Kind::Inline(_) => bad.extend(["1", "\"x\""]),
        }
        for value in bad {
            let text = with(&name, value);
            let (loaded, sources) = read("config.toml", &text);
            assert!(loaded.config.is_none(), "{name} = {value} is accepted");
            let assignment = format!("{} = {value}", key.name);
            let needle = text.find(&assignment).unwrap() + key.name.len() + 3;
            let placed = loaded
                .diagnostics
                .iter()
                .filter_map(|diagnostic| diagnostic.span)
                .any(|span| (span.start as usize) <= needle + value.len() && needle <= span.end as usize);
            assert!(placed, "{name} = {value}: no caret at the value\n{}", drawn(&loaded, &sources));
        }
    }
}

#[test]
fn routes_stand_in_order_of_precedence() {
    let text = r#"
[[upstream]]
id = "u"
servers = ["a:1"]
tls = { ca = "ca.pem" }
[[route]]
id = "any"
upstream = "u"
[[route]]
id = "any-api"
path_prefix = "/api"
upstream = "u"
[[route]]
id = "mixed"
hosts = ["*.example.com", "example.com"]
upstream = "u"
[[route]]
id = "exact-api"
hosts = ["example.com"]
path_prefix = "/api"
upstream = "u"
"#;
    let config = good("config.toml", text);
    let order: Vec<(&str, &str)> = config
        .routes
        .iter()
        .map(|route| (route.id.as_str(), route.hosts.first().map_or("", String::as_str)))
        .collect();
    assert_eq!(
        order,
        [
            ("exact-api", "example.com"),
            ("mixed", "example.com"),
            ("mixed", "*.example.com"),
            ("any-api", ""),
            ("any", "")
        ]
    );
}

/// Each file of `tests/diagnostics` is a configuration whose head comment is what is drawn about it; `UPDATE_GOLDEN=1` writes it.
#[test]
fn diagnostics_are_drawn_as_kept() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diagnostics");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut raised = String::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "toml")) {
        let text = std::fs::read_to_string(file).unwrap();
        let (loaded, sources) = read("config.toml", &text);
        let drawn = drawn(&loaded, &sources);
        raised.push_str(&drawn);
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &drawn).unwrap();
        }
        let kept = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(drawn, kept, "{}", file.display());
    }
    for (code, meaning) in codes::ALL {
        assert!(raised.contains(&format!("[{}]", code.0)), "no file raises {}: {meaning}", code.0);
    }
}

proptest! {
    #[test]
    fn whatever_is_read_the_reader_stands(text in "[\\PC\n]{0,400}") {
        let (loaded, sources) = read("config.toml", &text);
        let _ = drawn(&loaded, &sources);
        prop_assert!(loaded.config.is_none());
    }

    #[test]
    fn a_slip_anywhere_in_the_default_file_is_survived(at in 0..DEFAULT.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = DEFAULT.as_bytes().to_vec();
        if cut { bytes.remove(at); } else { bytes[at] = byte; }
        let text = String::from_utf8_lossy(&bytes);
        let (loaded, sources) = read("config.toml", &text);
        let _ = drawn(&loaded, &sources);
        prop_assert!(loaded.config.is_some() || loaded.diagnostics.iter().any(portcullis_diag::Diagnostic::is_error));
    }
}
