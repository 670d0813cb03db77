//! Plants a secret in every place where a client can put one and looks for it in what the sinks wrote.

use std::{net::SocketAddr, time::Duration};

use portcullis_telemetry::{
    AccessRecord, Build, Metrics, RecordKind, RequestFacts, Target, TlsFacts, UpstreamFacts, WafFacts,
    Writer, redact,
};

const SECRET: &str = "s3cr3t-5f2c";

fn client() -> SocketAddr {
    "192.0.2.7:40000".parse().unwrap()
}

fn record(target: &[u8], host: &[u8], method: &[u8]) -> AccessRecord {
    let mut record = AccessRecord::new(
        String::from("2026-01-02T03:04:05.678Z"),
        RecordKind::Request,
        String::from("0190-id"),
        "127.0.0.1:8443".parse().unwrap(),
        client(),
    );
    record.tls = Some(TlsFacts {
        version: Some(String::from("TLSv1.3")),
        sni: Some(redact::host(b"localhost")),
        alpn: Some(redact::word(b"h2")),
    });
    record.protocol = Some(redact::word(b"HTTP/2.0"));
    record.method = Some(redact::word(method));
    record.host = Some(redact::host(host));
    record.route = Some(String::from("all"));
    record.path = Some(redact::path(target));
    record.parameters = redact::parameter_names(redact::query(target));
    record.status = Some(403);
    record.refusal = Some("waf");
    record.waf = Some(WafFacts {
        mode: "block",
        score: Some(10),
        outbound_score: None,
        rules: (0..200).collect(),
        blocked: true,
        work_spent: false,
    });
    record.duration = Duration::from_micros(1500);
    record.upstream = Some(UpstreamFacts { id: String::from("demo"), ..UpstreamFacts::default() });
    record
}

#[test]
fn a_secret_in_any_place_is_in_no_sink() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("access.log");
    let metrics = Metrics::new(Build { version: "0", revision: "0" }).unwrap();
    let log = Writer::open("access", &Target::File(file.clone()), metrics.log_dropped("access")).unwrap();
    let targets = [
        format!("/a?password={SECRET}"),
        format!("/a?{SECRET}"),
        format!("/a?a=b&{SECRET}&c=d"),
        format!("/a%3Ftoken={SECRET}"),
        format!("/a;jsessionid={SECRET}/b"),
        format!("/a#{SECRET}"),
        format!("https://user:{SECRET}@localhost/a"),
        format!("https://{SECRET}@localhost"),
        format!("//user:{SECRET}@localhost/a"),
        format!("user:{SECRET}@localhost:443"),
    ];
    for target in &targets {
        log.access(&record(target.as_bytes(), format!("user:{SECRET}@localhost").as_bytes(), b"GET"));
        let facts = RequestFacts {
            route: None,
            method: format!("GET{SECRET}").as_bytes().to_vec().leak(),
            status: 403,
            protocol: SECRET,
        };
        metrics.request_finished(facts, Duration::ZERO);
    }
    assert!(log.flush(Duration::from_secs(5)));
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), targets.len());
    assert!(!written.contains(SECRET), "{written}");
    assert!(!String::from_utf8(metrics.render()).unwrap().contains(SECRET));
}

#[test]
fn a_request_cannot_forge_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("access.log");
    let metrics = Metrics::new(Build { version: "0", revision: "0" }).unwrap();
    let log = Writer::open("access", &Target::File(file.clone()), metrics.log_dropped("access")).unwrap();
    log.access(&record(b"/a\"}\n{\"type\":\"request\"", b"h\r\nx: y\x1b[31m", b"GET\n"));
    assert!(log.flush(Duration::from_secs(5)));
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(line["path"], "/a\"}\\x0a{\"type\":\"request\"");
    assert_eq!(line["host"], "h\\x0d\\x0ax: y\\x1b[31m");
    assert_eq!(line["waf"]["rules"].as_array().unwrap().len(), 64);
    assert_eq!(line["duration_seconds"], 0.0015);
}

#[test]
fn the_shape_of_a_line_is_kept() {
    let mut record = record(b"/a/b?q=1&c=2", b"localhost:8443", b"POST");
    if let Some(waf) = &mut record.waf {
        waf.rules = vec![941_100, 949_110];
    }
    record.bytes_in = 10;
    record.bytes_out = 20;
    record.upstream = Some(UpstreamFacts {
        id: String::from("demo"),
        address: Some("127.0.0.1:9443".parse().unwrap()),
        duration: Some(Duration::from_millis(1)),
        status: Some(200),
    });
    assert_eq!(
        String::from_utf8(record.to_json()).unwrap(),
        concat!(
            r#"{"time":"2026-01-02T03:04:05.678Z","type":"request","request_id":"0190-id","listener":"127.0.0.1:8443","#,
            r#""client":"192.0.2.7:40000","tls":{"version":"TLSv1.3","sni":"localhost","alpn":"h2"},"protocol":"HTTP/2.0","#,
            r#""method":"POST","host":"localhost:8443","route":"all","path":"/a/b","parameters":["c","q"],"status":403,"#,
            r#""refusal":"waf","waf":{"mode":"block","score":10,"rules":[941100,949110],"blocked":true},"bytes_in":10,"#,
            r#""bytes_out":20,"duration_seconds":0.0015,"upstream":{"id":"demo","address":"127.0.0.1:9443","#,
            r#""duration_seconds":0.001,"status":200}}"#
        )
    );
}
