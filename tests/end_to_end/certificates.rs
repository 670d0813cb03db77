//! `portcullis cert` and `portcullis customer`, and what openssl makes of their files.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::BINARY;

/// A register for environment `production` in a directory of its own.
pub(crate) struct Office {
    place: tempfile::TempDir,
}

impl Office {
    pub(crate) fn empty() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    fn new() -> Self {
        let office = Self::empty();
        office.good(&["cert", "init", "--env", "production"]);
        office.good(&["customer", "add", "acme", "--name", "Acme Ltd", "--mtls-only", "true"]);
        office
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).env("PORTCULLIS_PKI_DIR", self.path("pki")).current_dir(self.place.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        said(&self.command(arguments).output().unwrap())
    }

    /// What a command says, which must end well.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        out
    }

    /// What a command says, which must end with this code.
    fn bad(&self, code: i32, arguments: &[&str]) -> String {
        let (ended, out, err) = self.run(arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {out}{err}");
        err
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.good(&all)).unwrap()
    }

    /// openssl in its directory.
    fn openssl(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments).current_dir(self.place.path()).stdin(Stdio::null()).output();
        let (code, out, err) = said(&output.expect("openssl is installed by ./test"));
        (code, out + &err)
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    fn verify(&self, file: &str) -> (bool, String) {
        let (code, said) = self.openssl(&[
            "verify",
            "-CAfile",
            "pki/ca.pem",
            "-CRLfile",
            "pki/crl.pem",
            "-crl_check",
            "-x509_strict",
            "-purpose",
            "sslclient",
            file,
        ]);
        (code == Some(0), said)
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{value} has no {field}"))
}

#[test]
fn a_request_becomes_a_certificate_that_openssl_verifies_until_it_is_revoked() {
    let office = Office::new();
    for (name, kind) in [("ec", "ec:P-256"), ("p384", "ec:P-384"), ("rsa", "rsa:2048")] {
        let (algorithm, option) = kind.split_once(':').unwrap();
        let parameter = if algorithm == "ec" {
            format!("ec_paramgen_curve:{option}")
        } else {
            format!("rsa_keygen_bits:{option}")
        };
        let (key, csr, out) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let request = [
            "req",
            "-new",
            "-newkey",
            algorithm,
            "-pkeyopt",
            &parameter,
            "-nodes",
            "-subj",
            "/CN=anything",
            "-keyout",
            &key,
            "-out",
            &csr,
        ];
        let (code, complaint) = office.openssl(&request);
        assert_eq!(code, Some(0), "{complaint}");
        let issued = office.json(&["cert", "issue", "acme", "--csr", &csr, "--pem", &out, "--days", "30"]);
        let serial = text(&issued, "serial").to_owned();
        assert!(!fs::read_to_string(office.path(&out)).unwrap().contains("PRIVATE"));
        let (verified, complaint) = office.verify(&out);
        assert!(verified, "{complaint}");
        let (_, shown) = office.openssl(&["x509", "-in", &out, "-noout", "-text"]);
        assert!(
            shown.contains("URI:urn:portcullis:customer:acme, URI:urn:portcullis:environment:production"),
            "{shown}"
        );
        assert!(
            shown.contains("TLS Web Client Authentication") && !shown.contains("Server Authentication"),
            "{shown}"
        );
        assert!(shown.contains("CN = acme") && !shown.contains("anything"), "{shown}");
        office.good(&["cert", "revoke", &serial, "--reason", "key-compromise"]);
        let (verified, complaint) = office.verify(&out);
        assert!(!verified && complaint.contains("certificate revoked"), "{complaint}");
        let (code, list) =
            office.openssl(&["crl", "-in", "pki/crl.pem", "-noout", "-text", "-CAfile", "pki/ca.pem"]);
        assert!(code == Some(0) && list.contains("verify OK") && list.contains("Key Compromise"), "{list}");
        assert!(list.to_lowercase().contains(&serial), "{list}");
    }
}

#[test]
fn a_package_is_read_by_openssl_with_the_passphrase_made_for_it() {
    let office = Office::new();
    let issued = office.json(&["cert", "issue", "acme", "--pkcs12", "acme.p12"]);
    assert_eq!(text(&issued, "passphrase_file"), "acme.p12.passphrase");
    assert_eq!((office.mode("acme.p12"), office.mode("acme.p12.passphrase")), (0o600, 0o600));
    let from = "file:acme.p12.passphrase";
    let (code, shown) = office.openssl(&["pkcs12", "-info", "-in", "acme.p12", "-passin", from, "-nodes"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("BEGIN PRIVATE KEY") && shown.matches("BEGIN CERTIFICATE").count() == 2,
        "{shown}"
    );
    assert!(shown.contains("PBES2, PBKDF2, AES-256-CBC") && shown.contains("MAC: sha256"), "{shown}");
    let (code, _) = office.openssl(&["pkcs12", "-in", "acme.p12", "-passin", "pass:wrong", "-nodes"]);
    assert_ne!(code, Some(0));
    let shown = office.good(&["cert", "renew", "acme", "--pkcs12", "next.p12", "--show-passphrase"]);
    let secret = shown.lines().last().unwrap();
    let (code, _) =
        office.openssl(&["pkcs12", "-in", "next.p12", "-passin", &format!("pass:{secret}"), "-nodes"]);
    assert_eq!(code, Some(0));
    assert!(!office.path("next.p12.passphrase").exists());
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn curl_shows_a_package_to_a_server_that_asks_for_one() {
    let office = Office::new();
    office.good(&["cert", "server", "--dev", "--dir", "certs"]);
    office.good(&["cert", "issue", "acme", "--pkcs12", "acme.p12"]);
    let mut server = Command::new("openssl");
    server.args([
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-www",
        "-cert",
        "certs/server.pem",
        "-key",
        "certs/server.key",
    ]);
    server.args(["-CAfile", "pki/ca.pem", "-Verify", "1", "-verify_return_error"]);
    server.current_dir(office.path("")).stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::piped());
    let mut server = Running(server.spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let accepting =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
    let url = format!("https://{}/", accepting.unwrap());
    let secret = fs::read_to_string(office.path("acme.p12.passphrase")).unwrap();
    let curl = |more: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--max-time", "10", "--cacert", "certs/ca.pem", &url]).args(more);
        said(&command.current_dir(office.path("")).output().expect("curl is installed by ./test"))
    };
    let (code, out, err) = curl(&["--cert-type", "P12", "--cert", &format!("acme.p12:{}", secret.trim())]);
    assert!(code == Some(0) && out.contains("urn:portcullis:customer:acme"), "{out}{err}");
    assert_ne!(curl(&[]).0, Some(0));
}

#[test]
fn keys_are_kept_from_others_and_files_from_being_overwritten() {
    let office = Office::new();
    assert_eq!(office.mode("pki/ca.key"), 0o600);
    office.good(&["cert", "issue", "acme", "--pem", "acme.pem"]);
    assert_eq!(office.mode("acme.pem"), 0o600);
    assert!(office.verify("acme.pem").0);
    let complaint = office.bad(1, &["cert", "issue", "acme", "--pem", "acme.pem"]);
    assert!(complaint.contains("is there already") && complaint.contains("--force"), "{complaint}");
    fs::set_permissions(office.path("pki/ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let complaint = office.bad(78, &["cert", "issue", "acme", "--pem", "b.pem"]);
    assert!(
        complaint.contains("pki/ca.key: holds a private key, and its mode 0644")
            && complaint.contains("chmod 600"),
        "{complaint}"
    );
    assert!(!office.path("b.pem").exists());
    let count = office.json(&["cert", "list", "acme"]).as_array().unwrap().len();
    assert_eq!(count, 1, "a refused command leaves no certificate");
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let office = Office::empty();
    fs::create_dir(office.path("credentials")).unwrap();
    fs::write(office.path("credentials/portcullis-ca-passphrase"), "correct horse\n").unwrap();
    let with = |arguments: &[&str], name: &str, value: &Path| {
        said(&office.command(arguments).env(name, value).output().unwrap())
    };
    let init = [
        "cert",
        "init",
        "--env",
        "production",
        "--encrypt-key",
        "--ca-key",
        "apart.key",
        "--algorithm",
        "p384",
    ];
    assert!(office.bad(1, &init).contains("needs a passphrase"));
    let (code, out, err) = with(&init, "CREDENTIALS_DIRECTORY", &office.path("credentials"));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!office.path("pki/ca.key").exists() && office.mode("apart.key") == 0o600);
    assert!(fs::read_to_string(office.path("apart.key")).unwrap().contains("ENCRYPTED PRIVATE KEY"));
    let (code, _) = office.openssl(&["pkey", "-in", "apart.key", "-passin", "pass:correct horse", "-noout"]);
    assert_eq!(code, Some(0));
    office.good(&["customer", "add", "acme", "--name", "Acme"]);
    let issue = ["cert", "issue", "acme", "--pem", "acme.pem", "--ca-key", "apart.key"];
    assert!(office.bad(78, &issue).contains("apart.key: is encrypted"));
    let wrong = with(&issue, "PORTCULLIS_CA_PASSPHRASE", Path::new("wrong"));
    assert!(wrong.0 == Some(78) && wrong.2.contains("cannot be decrypted"), "{}", wrong.2);
    let (code, out, err) = with(&issue, "PORTCULLIS_CA_PASSPHRASE", Path::new("correct horse"));
    assert_eq!(code, Some(0), "{out}{err}");
    let script = format!(
        "exec 7<credentials/portcullis-ca-passphrase; '{BINARY}' cert renew acme --pem b.pem --ca-key apart.key --passphrase-fd 7"
    );
    let shell = Command::new("sh")
        .args(["-c", &script])
        .env("PORTCULLIS_PKI_DIR", office.path("pki"))
        .current_dir(office.path(""))
        .output();
    assert_eq!(said(&shell.unwrap()).0, Some(0));
    // Revoking works without the key: the register has it, the list follows.
    let complaint = office.bad(1, &["cert", "revoke", "acme"]);
    assert!(complaint.contains("crl.pem could not be signed"), "{complaint}");
    assert_eq!(office.json(&["cert", "list"])[0]["state"], "revoked");
    let (_, _, warning) = office.run(&["cert", "list"]);
    assert!(warning.contains("does not list 2 revoked certificates"), "{warning}");
    let refresh = with(
        &["cert", "crl", "refresh", "--ca-key", "apart.key"],
        "PORTCULLIS_CA_PASSPHRASE",
        Path::new("correct horse"),
    );
    assert_eq!(refresh.0, Some(0));
    assert_eq!(office.run(&["cert", "list"]).2, "");
}

#[test]
fn a_customer_comes_changes_and_goes() {
    let office = Office::new();
    let set = [
        "customer",
        "set",
        "acme",
        "--allow",
        "192.0.2.0/24,2001:db8::/32",
        "--rate",
        "600/1m/50",
        "--waf-mode",
        "detect",
    ];
    office.good(&set);
    office.good(&[
        "customer",
        "exclude",
        "acme",
        "--rule",
        "942100",
        "--target",
        "ARGS:comment",
        "--reason",
        "prose",
        "--owner",
        "api",
        "--expires",
        "2999-01-01",
    ]);
    let shown = office.json(&["customer", "show", "acme"]);
    assert_eq!(shown["allow"][1], "2001:db8::/32");
    assert_eq!(
        (&shown["rate"]["per"], &shown["waf"]["mode"], &shown["mtls_only"]),
        (&"1m".into(), &"detect".into(), &true.into())
    );
    assert_eq!(shown["waf"]["exclusion"][0]["rules"][0], 942_100);
    office.good(&["customer", "suspend", "acme"]);
    assert!(office.bad(1, &["cert", "issue", "acme", "--pem", "a.pem"]).contains("suspended"));
    office.good(&["customer", "resume", "acme"]);
    let first = office.json(&["cert", "issue", "acme", "--pem", "a.pem"]);
    office.good(&["cert", "renew", "acme", "--pem", "b.pem"]);
    let third = office.bad(1, &["cert", "renew", "acme", "--pem", "c.pem"]);
    assert!(third.contains(text(&first, "serial")) && third.contains("cert revoke SERIAL"), "{third}");
    assert!(office.bad(1, &["customer", "verify-offboarded", "acme"]).is_empty());
    let left = office.json(&["customer", "offboard", "acme"]);
    assert_eq!(left["certificates"].as_array().unwrap().len(), 2);
    assert!(office.good(&["customer", "verify-offboarded", "acme"]).contains("nothing is left"));
    assert!(!office.verify("a.pem").0 && !office.verify("b.pem").0);
    let register = fs::read_to_string(office.path("pki/customers/acme.toml")).unwrap();
    assert!(!register.contains("Acme Ltd") && !register.contains("192.0.2.0"), "{register}");
    assert!(office.good(&["customer", "list"]).contains("offboarded"));
    assert!(office.path("pki/receipts/acme.toml").exists());
    let trail = fs::read_to_string(office.path("pki/audit.log")).unwrap();
    assert!(trail.lines().all(|line| {
        serde_json::from_str::<Value>(line).is_ok_and(|line| text(&line, "who").contains("uid"))
    }));
}

#[test]
fn what_ends_soon_is_told_by_report_and_by_event() {
    let office = Office::new();
    office.good(&["cert", "issue", "acme", "--pem", "a.pem", "--days", "12"]);
    let (code, out, _) = office.run(&["cert", "expiring", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["certificates"][0]["days_left"]), (Some(1), &11.into()), "{out}");
    assert!(office.bad(1, &["cert", "expiring"]).is_empty());
    office.good(&["cert", "expiring", "--within", "10d"]);
    let event: Value = serde_json::from_str(office.good(&["cert", "expiring", "--events"]).trim()).unwrap();
    assert_eq!((text(&event, "customer"), &event["threshold_days"]), ("acme", &15.into()));
    assert_eq!(office.good(&["cert", "expiring", "--events"]), "");
    office.good(&["cert", "renew", "acme", "--pem", "b.pem"]);
    assert!(office.good(&["cert", "expiring"]).contains("its successor is issued"));
}

#[test]
fn another_environment_is_refused_by_name() {
    let office = Office::new();
    let default = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml")).unwrap();
    fs::write(office.path("config.toml"), &default).unwrap();
    let complaint = office.bad(1, &["cert", "list", "--config", "config.toml"]);
    assert!(
        complaint.contains("for environment `production`, the configuration for `development`"),
        "{complaint}"
    );
    fs::write(
        office.path("config.toml"),
        default.replace("environment = \"development\"", "environment = \"production\""),
    )
    .unwrap();
    office.good(&["cert", "list", "--config", "config.toml"]);
    assert!(office.bad(78, &["cert", "init", "--env", "integration"]).contains("has a register"));
}

#[test]
fn mistakes_are_told_with_their_remedy() {
    let office = Office::new();
    fs::write(office.path("bad.csr"), "hello").unwrap();
    let complaint = office.bad(78, &["cert", "issue", "acme", "--csr", "bad.csr", "--pem", "a.pem"]);
    assert!(
        complaint.contains("bad.csr: holds no PEM block") && complaint.contains("openssl req"),
        "{complaint}"
    );
    assert!(office.bad(1, &["cert", "issue", "nobody", "--pem", "a.pem"]).contains("customer add"));
    assert!(office.bad(1, &["cert", "revoke", "0bad"]).contains("cert list"));
    assert!(office.bad(2, &["customer", "add", "Acme Ltd", "--name", "x"]).contains("lower-case"));
    assert!(
        office
            .bad(2, &["cert", "issue", "acme", "--csr", "a.csr", "--pkcs12", "b.p12"])
            .contains("cannot be used with")
    );
    fs::write(office.path("pki/customers/acme.toml"), "id = \"acme\"\nnaem = 1\n").unwrap();
    let complaint = office.bad(78, &["customer", "list"]);
    assert!(
        complaint.contains("pki/customers/acme.toml:2: unknown field `naem`") && complaint.contains("help:"),
        "{complaint}"
    );
    let nowhere = office
        .command(&["customer", "list"])
        .env("PORTCULLIS_PKI_DIR", office.path("nowhere"))
        .output()
        .unwrap();
    assert!(said(&nowhere).2.contains("register.toml: is not there") && !office.path("nowhere").exists());
}

/// The lines of the README's section, in a directory of their own.
#[test]
fn the_readme_gives_a_customer_a_certificate() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## Give a customer a certificate\n").nth(1).unwrap();
    let lines = section.split("```").nth(1).unwrap();
    assert_eq!(lines.trim().lines().count(), 10);
    let place = tempfile::tempdir().unwrap();
    let beside = Path::new(BINARY).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(beside.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let shell = Command::new("bash")
        .args(["-ec", lines])
        .env("PATH", path.unwrap())
        .current_dir(place.path())
        .output();
    let (code, out, err) = said(&shell.unwrap());
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("acme.pem: OK") && out.contains("nothing is left"), "{out}{err}");
}
