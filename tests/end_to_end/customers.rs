//! Customers and their certificates, from the command line to the backend.

mod contracts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_testkit::{Authority, Client, EdgeConfig, H2Connection, RecordingUpstream};
use tempfile::TempDir;

use crate::support::{BINARY, House, house_with, telling};

/// Where customers are asked for a certificate and need not have one, and where they must.
pub(crate) const ASKED: &str = "asked.customers.test";
pub(crate) const BOUND: &str = "bound.customers.test";

/// An edge, the register it goes by, and where certificates are kept.
pub(crate) struct Office {
    pub(crate) house: House,
    dir: Arc<TempDir>,
}

/// Key and chain of one certificate.
pub(crate) struct Held {
    pub(crate) chain: String,
    pub(crate) key: String,
}

pub(crate) fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(dir).output().expect("a program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}{complaint}");
    said
}

impl Office {
    pub(crate) fn open(environment: &str, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("a directory"));
        run(dir.path(), BINARY, &["cert", "init", "--pki-dir", "pki", "--env", environment]);
        let office = Self::over(dir, change);
        for customer in ["acme", "bolt"] {
            office.portcullis(&["customer", "add", customer, "--name", customer]);
        }
        office
    }

    /// An edge by the register in this directory.
    pub(crate) fn over(dir: Arc<TempDir>, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let authority = Authority::new("backend authority");
        let upstream: Arc<RecordingUpstream> = Arc::new(telling(&authority));
        let register = dir.path().join("pki").display().to_string();
        let house = house_with(&authority, upstream, |config| {
            config.routes = vec![("/open".to_owned(), "backend".to_owned())];
            config.tail = format!(
                "[pki]\ndir = \"{register}\"\n\
                 [[host]]\nnames = [\"{ASKED}\"]\nclient_cert = \"optional\"\n\
                 [[host]]\nnames = [\"{BOUND}\"]\nclient_cert = \"required\"\n"
            );
            for customer in ["acme", "bolt"] {
                config.tail += &format!(
                    "[[route]]\nid = \"{customer}\"\nhosts = [\"{ASKED}\", \"{BOUND}\"]\npath_prefix = \"/{customer}\"\n\
                     client_cert = \"required\"\ncustomers = [\"{customer}\"]\nupstream = \"backend\"\n"
                );
            }
            config.tail += &format!(
                "[[route]]\nid = \"anybody\"\nhosts = [\"{ASKED}\"]\npath_prefix = \"/any\"\nupstream = \"backend\"\n"
            );
            change(config);
        });
        Self { house, dir }
    }

    /// Another edge by the same register.
    fn beside(&self, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        Self::over(Arc::clone(&self.dir), change)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn portcullis(&self, arguments: &[&str]) -> String {
        let mut all = arguments.to_vec();
        all.extend(["--pki-dir", "pki"]);
        run(self.dir.path(), BINARY, &all)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    /// A certificate for a key that `openssl` made.
    pub(crate) fn by_request(&self, command: &str, customer: &str, stem: &str) -> Held {
        let (key, csr, pem) = (format!("{stem}.key"), format!("{stem}.csr"), format!("{stem}.pem"));
        let curve = "ec_paramgen_curve:P-256";
        let made = [
            "req", "-new", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", &key, "-out", &csr,
            "-subj", "/CN=x",
        ];
        run(self.dir.path(), "openssl", &made);
        self.portcullis(&["cert", command, customer, "--csr", &csr, "--pem", &pem]);
        Held { chain: self.read(&pem), key: self.read(&key) }
    }

    /// A certificate and key that come as PKCS#12, opened by `openssl`.
    pub(crate) fn by_archive(&self, customer: &str, stem: &str) -> Held {
        let (archive, pem) = (format!("{stem}.p12"), format!("{stem}.all.pem"));
        self.portcullis(&["cert", "issue", customer, "--pkcs12", &archive]);
        let phrase = format!("file:{archive}.passphrase");
        run(
            self.dir.path(),
            "openssl",
            &["pkcs12", "-in", &archive, "-passin", &phrase, "-nodes", "-out", &pem],
        );
        Held { chain: self.read(&pem), key: self.read(&pem) }
    }

    pub(crate) fn client(&self, host: &str, held: Option<&Held>) -> Client {
        let client = self.house.edge.client_of(host);
        match held {
            Some(held) => client.with_certificate(&held.chain, &held.key),
            None => client,
        }
    }

    /// Status for a request, zero when there is no connection or it ends without an answer.
    pub(crate) fn status(&self, host: &str, path: &str, held: Option<&Held>) -> u16 {
        self.client(host, held).get(path).map_or(0, |answer| answer.status)
    }

    /// Waits until a customer that was just added or given a certificate is known to the edge.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}\n{}", self.house.edge.log());
            thread::sleep(Duration::from_millis(20));
        }
        began.elapsed()
    }
}

pub(crate) fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n").into_bytes()
}

fn over_h2(host: &str, path: &str) -> http::Request<()> {
    let uri = format!("https://{host}{path}");
    let built = http::Request::get(uri).header("user-agent", "t").header("accept", "*/*").body(());
    built.expect("a request")
}

#[test]
fn a_customer_from_its_first_certificate_to_its_last() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    let bolt = office.by_archive("bolt", "bolt");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    office.until("bolt is served", || office.status(BOUND, "/bolt", Some(&bolt)) == 200);

    // Each its own route, and not the other's.
    assert_eq!(office.status(BOUND, "/bolt", Some(&acme)), 403);
    assert_eq!(office.status(ASKED, "/acme", Some(&bolt)), 403);
    assert_eq!(office.status(ASKED, "/acme", Some(&acme)), 200);
    // Without a certificate: an answer where one is asked for, no handshake where one must be.
    let answer = office.client(ASKED, None).get("/acme").expect("an answer");
    assert_eq!(
        (answer.status, answer.header("www-authenticate").as_deref()),
        (401, Some("ClientCertificate"))
    );
    assert_eq!(office.status(ASKED, "/any", None), 200);
    assert_eq!(office.status(BOUND, "/acme", None), 0);
    // A stranger's, and one of the right name by the wrong authority.
    let stranger = Authority::new("stranger").leaf(&["acme"]);
    let stranger = Held { chain: stranger.chain_pem.clone(), key: stranger.key_pem.clone() };
    assert_eq!(office.status(BOUND, "/acme", Some(&stranger)), 0);
    assert_eq!(office.status(ASKED, "/any", Some(&stranger)), 0);

    // SNI and Host agree, and a client without SNI is served where nothing is asked.
    let mut wire = office.client(ASKED, Some(&acme)).connect().expect("connected");
    wire.send(&request(BOUND, "/acme")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 421);
    let mut wire = office.house.edge.nameless_client().connect().expect("connected");
    wire.send(&request("elsewhere.test", "/open")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 200);
    wire.send(&request(ASKED, "/any")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 421);

    // Two certificates count until one is revoked.
    let next = office.by_request("renew", "acme", "next");
    office.until("the successor is served", || office.status(BOUND, "/acme", Some(&next)) == 200);
    assert_eq!(office.status(BOUND, "/acme", Some(&acme)), 200);

    let mut http1 = office.client(BOUND, Some(&acme)).connect().expect("connected");
    let mut http2 = H2Connection::open(&office.client(BOUND, Some(&acme))).expect("connected");
    let resuming = office.client(BOUND, Some(&acme)).resuming();
    assert_eq!(resuming.get("/acme").expect("an answer").status, 200);
    http1.send(&request(BOUND, "/acme")).expect("sent");
    assert_eq!(http1.answer().expect("an answer").status, 200);
    assert_eq!(http2.status(over_h2(BOUND, "/acme")).expect("an answer"), 200);

    let list: serde_json::Value =
        serde_json::from_str(&office.portcullis(&["cert", "list", "--json"])).expect("JSON");
    let text = list.to_string();
    let parsed = run(office.dir.path(), "openssl", &["x509", "-in", "acme.pem", "-noout", "-serial"]);
    let serial = parsed.trim().trim_start_matches("serial=").to_ascii_lowercase();
    assert!(text.contains(&serial), "{serial} is not in {text}");
    office.portcullis(&["cert", "revoke", &serial]);
    let began = Instant::now();
    let patience =
        office.until("the revoked certificate fails", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    http1.send(&request(BOUND, "/acme")).expect("sent");
    assert_eq!(http1.answer().expect("an answer").status, 403);
    assert_eq!(http2.status(over_h2(BOUND, "/acme")).expect("an answer"), 403);
    assert!(resuming.get("/acme").is_err(), "a session was resumed after revocation");
    println!("revoked after {patience:?}, everything after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(office.status(BOUND, "/acme", Some(&next)), 200);

    office.portcullis(&["customer", "offboard", "acme"]);
    office.until("the offboarded customer fails", || office.status(BOUND, "/acme", Some(&next)) == 0);
    office.portcullis(&["customer", "verify-offboarded", "acme"]);
    assert_eq!(office.status(BOUND, "/bolt", Some(&bolt)), 200);
    let mut records = office.house.edge.access();
    assert!(records.wait_for(|record| record["refusal"] == "certificate_revoked").is_ok());
    assert!(records.wait_for(|record| record["customer"] == "bolt" && record["status"] == 200).is_ok());
}

#[test]
fn the_backend_is_told_who_it_is_by_us_alone() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    let spoofed = "Client-Cert: :AAAA:\r\nclient_cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\nX-Customer-Id: bolt\r\n\
                   x_customer_id: bolt\r\nConnection: keep-alive, client-cert, Client_Cert, x-customer-id, client-cert-chain\r\n";
    let lie = |host: &str, path: &str, held: Option<&Held>| {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: t\r\nAccept: */*\r\n{spoofed}\r\n");
        let answer = office.client(host, held).exchange(head.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let received = office.house.upstream.requests();
        received.last().cloned().expect("a request")
    };
    let told = lie(BOUND, "/acme", Some(&acme));
    let der = |pem: &str| STANDARD.decode(body_of(pem)).expect("base64");
    let field = |der: &[u8]| format!(":{}:", STANDARD.encode(der));
    let values = |name: &str| {
        let fold = |held: &String| held.to_ascii_lowercase().replace('_', "-");
        let held = told.headers.iter().filter(|(held, _)| fold(held) == name);
        held.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("client-cert"), [field(&der(&acme.chain))]);
    assert_eq!(values("client-cert-chain"), [field(&der(&office.read("pki/ca.pem")))]);
    assert_eq!(values("x-customer-id"), ["acme"]);

    for (host, path) in [(ASKED, "/any"), ("localhost", "/open")] {
        let told = lie(host, path, None);
        for (name, _) in &told.headers {
            let name = name.to_ascii_lowercase().replace('_', "-");
            assert!(!name.starts_with("client-cert") && name != "x-customer-id", "{name} on {host}");
        }
    }
}

/// The same over HTTP/2, where names are in lower case and no `Connection` is allowed.
#[test]
fn the_backend_is_told_who_it_is_over_http2_too() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    let certificate = format!(":{}:", body_of(&acme.chain));
    for (host, path, held) in
        [(BOUND, "/acme", Some(&acme)), (ASKED, "/any", None), ("localhost", "/open", None)]
    {
        let mut lie = over_h2(host, path);
        for (name, value) in [
            ("client-cert", ":AAAA:"),
            ("client_cert", ":AAAA:"),
            ("client-cert-chain", ":AAAA:"),
            ("client_cert-chain", ":AAAA:"),
            ("x-customer-id", "bolt"),
            ("x_customer-id", "bolt"),
        ] {
            lie.headers_mut().append(name, value.parse().expect("a value"));
        }
        let answer =
            portcullis_testkit::h2_exchange(&office.client(host, held), lie, b"").expect("an answer");
        assert_eq!(answer.status, 200, "{host}");
        let told = office.house.upstream.requests().last().cloned().expect("a request");
        let mut ours: Vec<(String, String)> = told
            .headers
            .iter()
            .map(|(name, value)| {
                (name.to_ascii_lowercase().replace('_', "-"), String::from_utf8_lossy(value).into_owned())
            })
            .filter(|(name, _)| name.starts_with("client-cert") || name == "x-customer-id")
            .collect();
        ours.sort();
        let chain = format!(":{}:", body_of(&office.read("pki/ca.pem")));
        let expected = [
            ("client-cert", &certificate),
            ("client-cert-chain", &chain),
            ("x-customer-id", &"acme".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()));
        assert_eq!(ours, if held.is_some() { expected.to_vec() } else { Vec::new() }, "{host}");
    }
}

#[test]
fn a_customer_of_certificates_alone_is_not_served_without_one_where_one_is_optional() {
    let office = Office::open("test", |config| {
        config.tail += &format!(
            "[[route]]\nid = \"shared\"\nhosts = [\"{ASKED}\"]\npath_prefix = \"/shared\"\nclient_cert = \"optional\"\n\
             customers = [\"acme\"]\nupstream = \"backend\"\n"
        );
    });
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(ASKED, "/shared", Some(&acme)) == 200);
    // Strangers are turned away for a moment on a busy machine.
    office.until("strangers are served", || office.status(ASKED, "/shared", None) == 200);
    let mut wire = office.client(ASKED, None).connect().expect("connected");
    office.portcullis(&["customer", "set", "acme", "--mtls-only", "true"]);
    office.until("the flag holds", || office.status(ASKED, "/shared", None) == 401);
    wire.send(&request(ASKED, "/shared")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 401, "on an open connection too");
    assert_eq!(office.status(ASKED, "/shared", Some(&acme)), 200);
    office.until("others are served", || office.status(ASKED, "/any", None) == 200);
}

#[test]
fn one_customer_is_refused_for_what_another_is_only_recorded_for() {
    let office = Office::open("test", |_| {});
    let acme = office.by_request("issue", "acme", "acme");
    let bolt = office.by_request("issue", "bolt", "bolt");
    office.portcullis(&["customer", "set", "bolt", "--waf-mode", "detect"]);
    let attack = "?q=%3Cscript%3Ealert(1)%3C/script%3E";
    office.until("bolt is served", || office.status(BOUND, &format!("/bolt{attack}"), Some(&bolt)) == 200);
    office.until("acme is known", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    assert_eq!(office.status(BOUND, &format!("/acme{attack}"), Some(&acme)), 403);
}

#[test]
fn another_environment_is_refused_by_name() {
    let office = Office::open("test", |_| {});
    // A register of another environment under the same authority: its certificates are signed by whom we trust.
    let other = office.path("other");
    fs::create_dir(&other).expect("made");
    for file in ["ca.pem", "ca.key", "crl.pem"] {
        fs::copy(office.path("pki").join(file), other.join(file)).expect("copied");
    }
    let label = fs::read_to_string(office.path("pki/register.toml"))
        .expect("read")
        .replace("\"test\"", "\"production\"");
    fs::write(other.join("register.toml"), label).expect("written");
    let there = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--pki-dir", "other"]);
        run(office.dir.path(), BINARY, &all)
    };
    there(&["customer", "add", "acme", "--name", "acme"]);
    there(&["cert", "issue", "acme", "--pem", "foreign.pem"]);
    let foreign = Held { chain: office.read("foreign.pem"), key: office.read("foreign.pem") };
    assert_eq!(office.status(BOUND, "/acme", Some(&foreign)), 0);
    let mut records = office.house.edge.access();
    assert!(records.wait_for(|record| record["refusal"] == "certificate_other_environment").is_ok());

    // And an edge does not start by such a register.
    let text = office.house.edge.dir().join("config.toml");
    let config = fs::read_to_string(&text)
        .expect("read")
        .replace("environment = \"test\"", "environment = \"production\"");
    let wrong = office.house.edge.dir().join("wrong.toml");
    fs::write(&wrong, config).expect("written");
    let output = Command::new(BINARY).args(["check", "--config"]).arg(&wrong).output().expect("run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains("E0933") && said.contains("`test`") && said.contains("`production`"), "{said}");
}

#[test]
fn what_cannot_be_read_counts_for_the_grace_and_then_nobody_is_let_in() {
    let office = Office::open("test", |config| {
        config.admin = Some(portcullis_testkit::free_port());
        config.tail = config.tail.replace("[pki]\n", "[pki]\ngrace = \"2s\"\n");
    });
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    let mut wire = office.client(BOUND, Some(&acme)).connect().expect("connected");
    wire.send(&request(BOUND, "/acme")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 200);
    let crl = office.path("pki/crl.pem");
    let good = fs::read(&crl).expect("read");
    fs::remove_file(&crl).expect("removed");
    office.until("a word about the CRL", || office.house.edge.logged("crl.pem"));
    assert_eq!(office.status(BOUND, "/acme", Some(&acme)), 200, "the grace");
    office.until("nobody is let in", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    wire.send(&request(BOUND, "/acme")).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 503);
    assert_eq!(office.status("localhost", "/open", None), 200, "others are served");
    fs::write(&crl, good).expect("written");
    office.until("acme is served again", || office.status(BOUND, "/acme", Some(&acme)) == 200);
}

/// The base64 of the first block.
fn body_of(pem: &str) -> String {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN CERTIFICATE"));
    lines.skip(1).take_while(|line| !line.starts_with("-----END")).collect()
}
