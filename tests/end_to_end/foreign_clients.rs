//! Customers who come with openssl and curl, and what those are told when they are refused.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use portcullis_pki::{
    Algorithm, Authority, CA, CA_KEY, ClientKey, CustomerId, Directory, Files as _, NewRegister, Registrar,
};
use time::{Duration, OffsetDateTime};

use crate::customers::{ASKED, BOUND, Office, run};

/// Exit code and status of curl, with these options.
fn curl(office: &Office, host: &str, path: &str, more: &[String]) -> (i32, u16) {
    let edge = &office.house.edge;
    let port = edge.https().port();
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--max-time",
        "10",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--cacert",
    ]);
    command.arg(edge.authority_file().unwrap()).args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
    let output =
        command.args(more).arg(format!("https://{host}:{port}{path}")).current_dir(office.path("")).output();
    let output = output.expect("curl is installed by ./test");
    let status = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
    (output.status.code().unwrap_or(-1), status)
}

/// What openssl says of a connection over which it sends one request.
fn s_client(office: &Office, host: &str, path: &str, more: &[&str]) -> String {
    let edge = &office.house.edge;
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-ign_eof",
        "-connect",
        &edge.https().to_string(),
        "-servername",
        host,
        "-CAfile",
    ]);
    command.arg(edge.authority_file().unwrap()).args(more).current_dir(office.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl is installed by ./test");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: t\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    // It may have been refused, and be gone.
    let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const ACME: [&str; 4] = ["-cert", "acme.pem", "-key", "acme.key"];

#[test]
fn curl_and_openssl_are_served_by_their_certificates() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    let bolt = office.by_archive("bolt", "bolt");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    office.until("bolt is served", || office.status(BOUND, "/bolt", Some(&bolt)) == 200);
    let phrase = office.read("bolt.p12.passphrase");
    let as_acme = vec!["--cert".to_owned(), "acme.pem".into(), "--key".into(), "acme.key".into()];
    let archive = format!("bolt.p12:{}", phrase.trim());
    let as_bolt = vec!["--cert-type".to_owned(), "P12".into(), "--cert".into(), archive];
    for version in ["--tlsv1.3", "--tlsv1.2"] {
        for protocol in ["--http1.1", "--http2"] {
            let tls = if version == "--tlsv1.2" { ["--tls-max", "1.2"] } else { ["--tls-max", "1.3"] };
            let with = |held: &'_ [String]| -> Vec<String> {
                let options = [version, protocol, tls[0], tls[1]].map(str::to_owned);
                options.iter().chain(held).cloned().collect()
            };
            for host in [BOUND, ASKED] {
                let told = format!("{version} {protocol} {host}");
                assert_eq!(curl(&office, host, "/acme", &with(&as_acme)), (0, 200), "{told}");
                assert_eq!(curl(&office, host, "/bolt", &with(&as_acme)), (0, 403), "{told}");
                assert_eq!(curl(&office, host, "/bolt", &with(&as_bolt)), (0, 200), "{told}");
                assert_eq!(curl(&office, host, "/acme", &with(&as_bolt)), (0, 403), "{told}");
            }
            assert_eq!(curl(&office, ASKED, "/acme", &with(&[])), (0, 401));
            let (code, status) = curl(&office, BOUND, "/acme", &with(&[]));
            assert!(code != 0 && status == 0, "{code} {status}");
        }
    }
    for version in ["-tls1_3", "-tls1_2"] {
        let said = s_client(&office, BOUND, "/acme", &[&ACME[..], &[version]].concat());
        assert!(said.contains("HTTP/1.1 200"), "{said}");
    }
    let said = s_client(&office, BOUND, "/acme", &["-tls1_3"]);
    assert!(said.contains("alert certificate required"), "{said}");
}

#[test]
fn a_session_is_not_resumed_where_certificates_are_asked_for() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    for version in ["-tls1_2", "-tls1_3"] {
        for (host, path, resumed) in
            [("localhost", "/open", true), (BOUND, "/acme", false), (ASKED, "/acme", false)]
        {
            let held = if resumed { &[][..] } else { &ACME[..] };
            let session = ["-sess_out", "session"];
            let _ = std::fs::remove_file(office.path("session"));
            let first = s_client(&office, host, path, &[held, &[version], &session[..]].concat());
            assert!(first.contains("HTTP/1.1 200"), "{first}");
            if !office.path("session").exists() {
                assert!(!resumed, "{host} gives no session");
                continue;
            }
            let second = s_client(&office, host, path, &[held, &[version, "-sess_in", "session"]].concat());
            assert!(second.contains("HTTP/1.1 200"), "{second}");
            assert_eq!(second.contains("Reused, TLS"), resumed, "{host} {version}: {second}");
        }
    }
    // After a revocation the session that was kept is of no use.
    s_client(&office, BOUND, "/acme", &[&ACME[..], &["-tls1_2", "-sess_out", "session"]].concat());
    office.portcullis(&["cert", "revoke", "acme"]);
    office.until("the revoked certificate fails", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    let resume = if office.path("session").exists() { &["-sess_in", "session"][..] } else { &[] };
    let said = s_client(&office, BOUND, "/acme", &[&ACME[..], &["-tls1_2"], resume].concat());
    assert!(!said.contains("HTTP/1.1") && said.contains("alert certificate revoked"), "{said}");
}

#[test]
fn who_is_refused_is_told_why_by_the_alert_of_the_standard() {
    let office = Office::over(Arc::new(long_ago()), |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    let expired = ["-cert", "expired.pem", "-key", "expired.pem"];
    let said = s_client(&office, BOUND, "/acme", &expired);
    assert!(said.contains("alert certificate expired"), "{said}");
    assert_eq!(
        curl(&office, ASKED, "/any", &["--cert".to_owned(), "expired.pem".to_owned()]).1,
        0,
        "also where none must be"
    );
    let mut stranger = vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    stranger.extend(["-keyout", "stranger.pem", "-out", "stranger.crt", "-subj", "/CN=acme"]);
    run(&office.path(""), "openssl", &stranger);
    let said = s_client(&office, BOUND, "/acme", &["-cert", "stranger.crt", "-key", "stranger.pem"]);
    assert!(said.contains("alert unknown ca"), "{said}");
    office.portcullis(&["cert", "revoke", "acme"]);
    office.until("the revoked certificate fails", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    let said = s_client(&office, BOUND, "/acme", &ACME);
    assert!(said.contains("alert certificate revoked"), "{said}");
    let mut records = office.house.edge.access();
    for refusal in ["certificate_expired", "certificate_unknown_authority", "certificate_revoked"] {
        assert!(records.wait_for(|record| record["refusal"] == refusal).is_ok(), "{refusal}");
    }
}

/// A register that was made a hundred days ago, and a certificate of ninety days from then, in `expired.pem`.
fn long_ago() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("pki");
    let then = OffsetDateTime::now_utc() - Duration::days(100);
    let new = NewRegister {
        environment: "test",
        algorithm: Algorithm::P256,
        lifetime: Duration::days(1000),
        certificate_lifetime: Duration::days(90),
        longest_certificate: Duration::days(397),
        longest_key: Duration::days(730),
        crl_lifetime: Duration::days(365),
        passphrase: None,
    };
    portcullis_pki::init(Directory::lock(&place).unwrap(), None, new, "test", then).unwrap();
    let files = Directory::new(&place);
    let key = files.read_private(CA_KEY).unwrap().unwrap();
    let authority = Authority::open_sealed(&files.read(CA).unwrap().unwrap(), &key, None).unwrap();
    let mut registrar = Registrar::open(Directory::lock(&place).unwrap(), "test", then).unwrap();
    let id = CustomerId::parse("acme").unwrap();
    registrar.add(id.clone(), "Acme", |_| {}).unwrap();
    let prepared =
        registrar.prepare(&id, ClientKey::generate(Algorithm::P256).unwrap(), None, &authority).unwrap();
    registrar.record(&prepared).unwrap();
    let private = prepared.key.private_pem().unwrap();
    std::fs::write(dir.path().join("expired.pem"), prepared.chain_pem() + private).unwrap();
    dir
}
