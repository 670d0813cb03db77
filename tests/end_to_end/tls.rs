//! TLS as clients see it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::{Authority, Backend, Client, Edge, EdgeConfig, RecordingUpstream, Reply};

use crate::support::{curl, house, portcullis, url};

fn s_client(edge: &Edge, arguments: &[&str]) -> String {
    let authority = edge.authority_file().unwrap();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &edge.https().to_string(), "-CAfile"])
        .arg(authority)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed by ./test");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn versions_and_protocols() {
    let house = house(|_| {});
    let edge = &house.edge;
    assert!(s_client(edge, &["-tls1_3", "-servername", "localhost"]).contains("Verify return code: 0"));
    assert!(s_client(edge, &["-tls1_2", "-servername", "localhost"]).contains("Verify return code: 0"));
    assert!(s_client(edge, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).contains("Cipher is (NONE)"));
    // No common ground is told as such, to clients that could not check our certificate too.
    for none in [["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], ["-cipher", "ECDHE-ECDSA-AES128-SHA"]] {
        let said = s_client(edge, &[&["-tls1_2", "-servername", "localhost"], &none[..]].concat());
        assert!(said.contains("alert handshake failure"), "{said}");
    }
    assert!(s_client(edge, &["-alpn", "h2,http/1.1"]).contains("ALPN protocol: h2"));
    assert!(s_client(edge, &["-alpn", "http/1.1"]).contains("ALPN protocol: http/1.1"));
    // A client without SNI gets the default certificate.
    assert!(s_client(edge, &["-noservername"]).contains("Verify return code: 0"));
}

#[test]
fn an_address_in_the_url_is_served() {
    let house = house(|_| {});
    let target = url(&house.edge, "/").replace("localhost", "127.0.0.1");
    assert_eq!(curl(&house.edge, &[&target]).0, 200);
}

#[test]
fn plaintext_on_the_tls_port_is_closed_and_does_not_disturb_others() {
    let house = house(|_| {});
    let plain = Client::plain(house.edge.https());
    let mut wire = plain.connect().unwrap();
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let rest = wire.rest().unwrap_or_default();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    assert_eq!(house.edge.client().get("/").unwrap().status, 200);
}

/// Runs `openssl` in a directory.
fn openssl(dir: &Path, arguments: &str) {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output();
    let output = run.expect("openssl is installed by ./test");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the edge shows to a client that asks for this name: subject and kind of key.
fn shown(edge: &Edge, arguments: &[&str]) -> String {
    s_client(edge, arguments)
        .lines()
        .filter(|line| line.contains("a:PKEY: ") || line.trim_start().starts_with("0 s:"))
        .take(2)
        .map(|line| line.trim().split(';').next().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_certificate_is_chosen_by_name_and_by_what_the_client_can_check() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, kind: &str, subject: &str, names: &str| {
        let key = format!("req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.pem -days 2");
        openssl(dir.path(), &format!("{key} -subj /CN={subject} -addext subjectAltName={names}"));
    };
    make("one", "ec -pkeyopt ec_paramgen_curve:P-256", "one", "DNS:one.test");
    make("rsa", "rsa:2048", "one-rsa", "DNS:one.test");
    make("wild", "ec -pkeyopt ec_paramgen_curve:P-384", "wild", "DNS:*.wild.test");
    let read = |name: &str| (name.to_owned(), fs::read_to_string(dir.path().join(name)).unwrap());
    let house = house(|config| {
        for name in ["one", "rsa", "wild"] {
            let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
            config.tail += &format!("[[certificate]]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
            config.files.extend([read(&certificate), read(&key)]);
        }
    });
    let rsa_only = "RSA-PSS+SHA256:RSA+SHA256";
    for (arguments, expected) in [
        (vec!["-servername", "one.test"], "0 s:CN = one a:PKEY: id-ecPublicKey, 256 (bit)"),
        (vec!["-servername", "ONE.test"], "0 s:CN = one a:PKEY: id-ecPublicKey, 256 (bit)"),
        (
            vec!["-servername", "one.test", "-sigalgs", rsa_only],
            "0 s:CN = one-rsa a:PKEY: rsaEncryption, 2048 (bit)",
        ),
        (
            vec!["-servername", "one.test", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
            "0 s:CN = one-rsa a:PKEY: rsaEncryption, 2048 (bit)",
        ),
        (vec!["-servername", "a.wild.test"], "0 s:CN = wild a:PKEY: id-ecPublicKey, 384 (bit)"),
        (vec!["-servername", "a.b.wild.test"], "0 s:CN = leaf a:PKEY: id-ecPublicKey, 256 (bit)"),
        (vec!["-servername", "localhost"], "0 s:CN = leaf a:PKEY: id-ecPublicKey, 256 (bit)"),
        (vec!["-noservername"], "0 s:CN = leaf a:PKEY: id-ecPublicKey, 256 (bit)"),
    ] {
        assert_eq!(shown(&house.edge, &arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_new_certificate_is_shown_and_no_connection_is_dropped() {
    let house = house(|_| {});
    let edge = &house.edge;
    let serial = || {
        let text = s_client(edge, &["-servername", "localhost"]);
        let at = text.find("-----BEGIN CERTIFICATE-----").unwrap();
        text[at..].lines().take_while(|line| !line.contains("END")).collect::<String>()
    };
    let before = serial();
    let mut wire = edge.client().connect().unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n";
    let mut ask = || {
        wire.send(request).unwrap();
        wire.answer().unwrap().status
    };
    assert_eq!(ask(), 200);

    // One that does not fit is not taken, and said.
    let (certificate, key) = (edge.dir().join("edge.pem"), edge.dir().join("edge.key"));
    let next = Authority::new("next").leaf(&["localhost"]);
    let old_key = fs::read_to_string(&key).unwrap();
    next.write(edge.dir(), "edge").unwrap();
    fs::write(&key, &old_key).unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while !edge.logged("cannot be used") {
        assert!(Instant::now() < patience, "no word about the key that does not fit");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(edge.logged("edge.key"), "{}", edge.log());
    assert_eq!((serial(), ask()), (before.clone(), 200));

    fs::write(&key, &next.key_pem).unwrap();
    let began = Instant::now();
    while serial() == before {
        assert!(began.elapsed() < Duration::from_secs(20), "{} is not taken", certificate.display());
    }
    println!("shown after {:?}", began.elapsed());
    assert_eq!(ask(), 200);
    assert!(Client::tls(edge.https(), &Authority::new("stranger"), "localhost").connect().is_err());
}

#[test]
fn certificates_that_clients_would_refuse_are_told_by_check() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let authority = Authority::new("backend");
    let upstream =
        RecordingUpstream::tls(&authority, &["backend.test"], |_| Reply::new(200, "")).expect("a backend");
    let ca = authority.write(path, "ca").unwrap();
    let config = EdgeConfig::with_backend(Backend::tls("b", &upstream, &ca, "backend.test"));
    fs::write(path.join("config.toml"), config.text(path)).unwrap();
    let issuer = Authority::new("issuer");
    let check = || {
        let output = portcullis(&["check", "--config", &path.join("config.toml").display().to_string()]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let refused = |what: &str, words: &[&str]| {
        let (code, text) = check();
        assert_eq!(code, Some(78), "{what} is taken");
        for word in words {
            assert!(text.contains(word), "{what}: no word of {word} in\n{text}");
        }
    };

    issuer.leaf(&["localhost"]).write(path, "edge").unwrap();
    assert_eq!(check().0, Some(0), "{}", check().1);

    fs::write(path.join("edge.key"), &issuer.leaf(&["localhost"]).key_pem).unwrap();
    refused("a foreign key", &["E0903", "edge.key", "edge.pem"]);

    issuer.expired_leaf(&["localhost"]).write(path, "edge").unwrap();
    refused("an expired certificate", &["E0930", "edge.pem", "expired"]);

    issuer.leaf(&["localhost"]).write(path, "edge").unwrap();
    fs::set_permissions(path.join("edge.key"), fs::Permissions::from_mode(0o644)).unwrap();
    refused("an open key", &["E0932", "edge.key", "644"]);
    fs::set_permissions(path.join("edge.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(check().0, Some(0), "{}", check().1);

    openssl(path, "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 2 -subj /CN=root");
    openssl(path, "req -new -newkey rsa:2048 -nodes -keyout edge.key -out edge.csr -subj /CN=localhost");
    let extensions = "subjectAltName=DNS:localhost\nauthorityInfoAccess=caIssuers;URI:http://ca.test/r.cer\n";
    fs::write(path.join("ext"), extensions).unwrap();
    openssl(path, "x509 -req -in edge.csr -CA root.pem -CAkey root.key -days 1 -extfile ext -out edge.pem");
    refused("a lone leaf", &["E0931", "edge.pem", "intermediate"]);
    let text = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    let leaf = text("edge.pem");
    fs::write(path.join("edge.pem"), text("ca.pem") + &leaf).unwrap();
    refused("the wrong order", &["E0931", "leaf first"]);
    fs::write(path.join("edge.pem"), leaf + &text("root.pem")).unwrap();
    assert_eq!(check().0, Some(0), "{}", check().1);
}
