//! `portcullis tls report`, on the default configuration, on an edge that runs, on servers that others would not praise; and beside
//! sslyze, a scanner by other people.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{BINARY, House, house, portcullis};

/// What a report says as JSON, and how the command ended.
fn report(arguments: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec!["tls", "report", "--json"];
    all.extend(arguments);
    let output = portcullis(&all);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), value)
}

/// The default configuration with certificates for development.
fn fresh() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
    fs::copy(default, dir.path().join("config.toml")).unwrap();
    let certs = dir.path().join("certs").display().to_string();
    assert!(portcullis(&["cert", "server", "--dev", "--dir", &certs]).status.success());
    let config = dir.path().join("config.toml").display().to_string();
    (dir, config)
}

fn words(value: &Value) -> BTreeSet<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().or(item["name"].as_str()))
        .collect()
}

fn caps(sheet: &Value) -> String {
    sheet["caps"].to_string()
}

#[test]
fn the_default_configuration_has_the_best_grade() {
    let (dir, config) = fresh();
    let (code, said) = report(&["--config", &config, "--least", "A+"]);
    assert_eq!((code, &said["grade"], &said["trusted"]), (Some(0), &"A+".into(), &false.into()), "{said}");
    let sheet = &said["names"][0];
    assert_eq!((&sheet["name"], &sheet["trust"]["grade"]), (&"localhost".into(), &"T".into()));
    assert_eq!(caps(sheet), "[]");
    let spoken = |version: &str| sheet["versions"][version].as_bool().unwrap();
    for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
        assert!(!spoken(version), "{version}");
    }
    assert!(spoken("TLSv1.2") && spoken("TLSv1.3"));
    let ours = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
    assert_eq!(words(&sheet["suites"]["TLSv1.3"]), BTreeSet::from(ours));
    let ours = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(words(&sheet["suites"]["TLSv1.2"]), BTreeSet::from(ours));
    assert_eq!(words(&sheet["groups"]["TLSv1.3"]), BTreeSet::from(["X25519MLKEM768", "X25519", "secp256r1"]));
    assert_eq!(words(&sheet["groups"]["TLSv1.2"]), BTreeSet::from(["X25519", "secp256r1"]));
    let behaviour = &sheet["behaviour"];
    for (what, expected) in [
        ("compression", Value::from(false)),
        ("renegotiation", "refused".into()),
        ("secure_renegotiation", true.into()),
        ("downgrade_sentinel", true.into()),
        ("early_data", false.into()),
        ("resumes_tls12", true.into()),
        ("resumes_tls13", true.into()),
        ("extended_master_secret", true.into()),
    ] {
        assert_eq!(behaviour[what], expected, "{what}: {behaviour}");
    }
    assert_eq!(words(&behaviour["alpn"]), BTreeSet::from(["h2", "http/1.1"]));
    assert_eq!(sheet["hsts"]["max_age"], 31_536_000);

    // Trust is told apart, and can be made to count.
    assert_eq!(report(&["--config", &config, "--trusted"]).0, Some(1));
    let ca = dir.path().join("certs/ca.pem").display().to_string();
    let (code, said) = report(&["--config", &config, "--trusted", "--ca", &ca]);
    assert_eq!((code, &said["trusted"]), (Some(0), &true.into()), "{said}");
    // A name that the certificate does not hold is an M.
    let (_, said) = report(&["--config", &config, "--ca", &ca, "--name", "elsewhere.test"]);
    assert_eq!(said["names"][0]["trust"]["grade"], "M");

    let output = portcullis(&["tls", "report", "--config", &config]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("localhost: grade A+, trust of the chain ignored"), "{text}");
}

#[test]
fn what_a_configuration_gives_away_costs_the_grade() {
    let (_dir, config) = fresh();
    let change = |from: &str, to: &str| {
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&config, text.replacen(from, to, 1)).unwrap();
    };
    change("max_age = \"365d\"", "max_age = \"1d\"");
    let (code, said) = report(&["--config", &config]);
    assert_eq!((code, &said["grade"]), (Some(0), &"A".into()), "{said}");
    assert!(caps(&said["names"][0]).contains("holds for 1 days"), "{said}");
    assert_eq!(report(&["--config", &config, "--least", "A+"]).0, Some(1));
    change("min_version = \"1.2\"", "min_version = \"1.3\"");
    let (_, said) = report(&["--config", &config]);
    assert_eq!(said["names"][0]["versions"]["TLSv1.2"], false);

    change("key = \"certs/server.key\"", "key = \"certs/nowhere.key\"");
    let output = portcullis(&["tls", "report", "--config", &config]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(78) && complaint.contains("nowhere.key"), "{complaint}");
    assert_eq!(portcullis(&["tls", "report", "--connect", "127.0.0.1:1"]).status.code(), Some(70));
}

/// A server of openssl that ends with the test.
struct Server {
    child: Child,
    address: String,
    _dir: TempDir,
}

impl Server {
    fn start(key: &[&str], options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut make = Command::new("openssl");
        make.args([
            "req",
            "-x509",
            "-nodes",
            "-keyout",
            "key",
            "-out",
            "pem",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]);
        make.args(["-addext", "subjectAltName=DNS:localhost"]).args(key).current_dir(dir.path());
        assert!(make.output().expect("openssl is installed by ./test").status.success());
        let mut serve = Command::new("openssl");
        serve.args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "pem", "-key", "key"]);
        serve.args(options.split_whitespace()).current_dir(dir.path()).stdin(Stdio::piped());
        let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address =
            lines.find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned)).expect("it accepts");
        // What it says must be taken, or it waits.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _dir: dir }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn weak_servers_are_found_out() {
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let old = Server::start(
        &["-newkey", "rsa:1024", "-sha256"],
        "-cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0 -no_tls1_3",
    );
    let (code, said) = report(&["--connect", &old.address, "--name", "localhost"]);
    let sheet = &said["names"][0];
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said["grade"], "F", "{}", caps(sheet));
    for told in [
        "does not speak TLS 1.3",
        "TLS 1.0",
        "TLS 1.1",
        "without authentication",
        "RSA 1024",
        "no Strict-Transport-Security",
    ] {
        assert!(caps(sheet).contains(told), "{told}: {}", caps(sheet));
    }
    assert!(
        words(&sheet["suites"]["TLSv1.0"]).contains("TLS_RSA_WITH_AES_128_CBC_SHA"),
        "{}",
        sheet["suites"]
    );
    assert!(sheet["prime_bits"].as_u64().is_some_and(|bits| bits >= 1024), "{sheet}");

    let fair = Server::start(&ec, "-cipher ECDHE+AESGCM:@SECLEVEL=1 -client_renegotiation");
    let (code, said) = report(&["--connect", &fair.address, "--name", "localhost"]);
    let sheet = &said["names"][0];
    assert_eq!((code, &said["grade"]), (Some(0), &"A".into()), "{sheet}");
    assert_eq!(sheet["behaviour"]["renegotiation"], "only with proof", "{sheet}");
    assert_eq!(sheet["trust"]["grade"], "T");
    assert!(words(&sheet["groups"]["TLSv1.3"]).contains("secp521r1"), "{}", sheet["groups"]);
}

#[test]
fn every_certificate_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let make = |stem: &str, kind: &[&str], name: &str| {
        let mut make = Command::new("openssl");
        make.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=x",
            "-keyout",
            &format!("{stem}.key"),
        ]);
        make.args(["-out", &format!("{stem}.pem"), "-addext", &format!("subjectAltName=DNS:{name}")])
            .args(kind);
        assert!(make.current_dir(dir.path()).output().unwrap().status.success());
        ["pem", "key"].map(|end| {
            let name = format!("{stem}.{end}");
            (name.clone(), fs::read_to_string(dir.path().join(&name)).unwrap())
        })
    };
    let ec = make("ec", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "both.test");
    let rsa = make("rsa", &["-newkey", "rsa:3072"], "both.test");
    let wild = make("wild", &["-newkey", "rsa:2048"], "*.wild.test");
    let house = house(|config| {
        for stem in ["ec", "rsa", "wild"] {
            config.tail += &format!("[[certificate]]\ncertificate = \"{stem}.pem\"\nkey = \"{stem}.key\"\n");
        }
        config.files.extend([ec, rsa, wild].concat());
    });
    let config = house.edge.dir().join("config.toml").display().to_string();
    let (_, said) = report(&["--config", &config]);
    let names: Vec<&str> =
        said["names"].as_array().unwrap().iter().filter_map(|sheet| sheet["name"].as_str()).collect();
    assert_eq!(
        names,
        ["*.customers.test".replace('*', "tls-report").as_str(), "both.test", "tls-report.wild.test"]
    );
    let both = &said["names"][1];
    let keys: Vec<_> =
        both["certificates"].as_array().unwrap().iter().map(|shown| &shown["chain"][0]["key_bits"]).collect();
    assert_eq!(keys, [384, 3072], "{both}");
    let suites = words(&both["suites"]["TLSv1.2"]);
    assert!(suites.contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") && suites.len() == 6, "{suites:?}");

    // The same, asked of the edge that runs.
    let place = house.edge.https().to_string();
    let (_, running) = report(&["--connect", &place, "--name", "both.test"]);
    for what in ["grade", "versions", "suites", "groups", "behaviour", "certificates"] {
        assert_eq!(running["names"][0][what], both[what], "{what}");
    }
}

/// sslyze, as `./test` installs it.
fn sslyze() -> Option<PathBuf> {
    let target = Path::new(BINARY).ancestors().nth(2).expect("a target directory");
    let program = target.join("sslyze/bin/sslyze");
    if program.exists() {
        return Some(program);
    }
    let missing =
        format!("sslyze is not at {}: ./test installs it, from tests/sslyze.txt", program.display());
    assert!(std::env::var_os("PORTCULLIS_DATA_REQUIRED").is_none(), "{missing}");
    println!("NOT RUN: {missing}");
    None
}

/// What sslyze finds at an edge.
fn scanned(sslyze: &Path, house: &House) -> Value {
    let file = house.edge.dir().join("sslyze.json");
    let ca = house.edge.authority_file().unwrap();
    let mut scan = Command::new(sslyze);
    scan.args(["--quiet", "--json_out"]).arg(&file).arg("--certinfo_ca_file").arg(ca);
    scan.args([
        "--certinfo",
        "--sslv2",
        "--sslv3",
        "--tlsv1",
        "--tlsv1_1",
        "--tlsv1_2",
        "--tlsv1_3",
        "--elliptic_curves",
    ]);
    scan.args(["--compression", "--reneg", "--resum", "--early_data", "--ems"]);
    let output = scan.arg(format!("localhost:{}", house.edge.https().port())).output().unwrap();
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("sslyze: {}", String::from_utf8_lossy(&output.stderr)));
    let all: Value = serde_json::from_str(&text).unwrap();
    all["server_scan_results"][0]["scan_result"].clone()
}

#[test]
fn sslyze_finds_the_same() {
    let Some(sslyze) = sslyze() else { return };
    let house = house(|_| {});
    let theirs = scanned(&sslyze, &house);
    let place = format!("localhost:{}", house.edge.https().port());
    let (_, said) = report(&["--connect", &place]);
    let ours = &said["names"][0];
    let found = |what: &str| {
        let held = &theirs[what];
        assert_eq!(held["status"], "COMPLETED", "{what}: {held}");
        held["result"].clone()
    };
    for (version, what) in [
        ("SSLv2", "ssl_2_0_cipher_suites"),
        ("SSLv3", "ssl_3_0_cipher_suites"),
        ("TLSv1.0", "tls_1_0_cipher_suites"),
        ("TLSv1.1", "tls_1_1_cipher_suites"),
        ("TLSv1.2", "tls_1_2_cipher_suites"),
        ("TLSv1.3", "tls_1_3_cipher_suites"),
    ] {
        let result = found(what);
        assert_eq!(ours["versions"][version], result["is_tls_version_supported"], "{version}");
        let suites = result["accepted_cipher_suites"].as_array().unwrap();
        let suites: BTreeSet<&str> =
            suites.iter().filter_map(|held| held["cipher_suite"]["name"].as_str()).collect();
        assert_eq!(words(&ours["suites"][version]), suites, "{version}");
    }
    // Curves as far as it knows any: hybrids it does not.
    let curves = found("elliptic_curves");
    let (has, has_not) = (words(&curves["supported_curves"]), words(&curves["rejected_curves"]));
    let groups: BTreeSet<&str> =
        words(&ours["groups"]["TLSv1.2"]).union(&words(&ours["groups"]["TLSv1.3"])).copied().collect();
    assert_eq!(groups.difference(&BTreeSet::from(["X25519MLKEM768"])).copied().collect::<BTreeSet<_>>(), has);
    assert!(has_not.contains("secp384r1") && groups.is_disjoint(&has_not));
    let deployments = found("certificate_info")["certificate_deployments"].clone();
    let deployments = deployments.as_array().unwrap();
    assert_eq!(deployments.len(), ours["certificates"].as_array().unwrap().len());
    let chain = deployments[0]["received_certificate_chain"].as_array().unwrap();
    let pems: Vec<String> =
        chain.iter().filter_map(|held| held["as_pem"].as_str()).map(fingerprint).collect();
    let shown = &ours["certificates"][0];
    let chain: Vec<&str> =
        shown["chain"].as_array().unwrap().iter().filter_map(|link| link["sha256"].as_str()).collect();
    assert_eq!(pems, chain);
    assert_eq!(deployments[0]["received_chain_has_valid_order"], shown["complete"]);
    let behaviour = &ours["behaviour"];
    assert_eq!(found("tls_compression")["supports_compression"], behaviour["compression"]);
    assert_eq!(found("tls_1_3_early_data")["supports_early_data"], behaviour["early_data"]);
    let renegotiation = found("session_renegotiation");
    assert_eq!(renegotiation["supports_secure_renegotiation"], behaviour["secure_renegotiation"]);
    assert_eq!(
        renegotiation["is_vulnerable_to_client_renegotiation_dos"],
        behaviour["renegotiation"] != "refused"
    );
    let secret = found("tls_extended_master_secret");
    assert_eq!(secret["supports_ems_extension"], behaviour["extended_master_secret"]);
}

/// SHA-256 of a certificate, as we write it.
fn fingerprint(pem: &str) -> String {
    portcullis_pki::Certificate::from_pem(pem).unwrap().sha256
}
