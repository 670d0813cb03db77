//! What clients' certificates are judged by: authorities of other companies, files that are missing, stale or broken.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use portcullis_testkit::{Client, EdgeConfig};

use crate::{
    customers::{BOUND, Held, Office},
    support::BINARY,
};

/// An authority of another company, as openssl keeps one.
struct Company {
    dir: PathBuf,
}

impl Company {
    /// A root that issues an intermediate, which issues to clients.
    fn found(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let company = Self { dir: dir.to_owned() };
        for name in ["root", "issuing"] {
            fs::write(dir.join(format!("{name}.index")), "").unwrap();
            fs::write(dir.join(format!("{name}.number")), "1000\n").unwrap();
            let section = format!(
                "[ca_{name}]\ndatabase = {name}.index\nserial = {name}.number\ncrlnumber = {name}.number\n\
                 new_certs_dir = .\ncertificate = {name}.pem\nprivate_key = {name}.key\ndefault_md = sha256\n\
                 default_days = 30\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n\
                 [authority]\nbasicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign,cRLSign\n\
                 subjectKeyIdentifier = hash\n[client]\nextendedKeyUsage = clientAuth\nauthorityKeyIdentifier = keyid\n\
                 subjectAltName = $ENV::SAN\n"
            );
            fs::write(dir.join(format!("{name}.cnf")), section).unwrap();
        }
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        company.openssl(&format!("req {curve} -x509 -keyout root.key -out root.pem -days 60 -subj /CN=root -config root.cnf -extensions authority"));
        company.openssl(&format!(
            "req {curve} -new -keyout issuing.key -out issuing.csr -subj /CN=issuing -config root.cnf"
        ));
        company.openssl("ca -batch -config root.cnf -name ca_root -extensions authority -in issuing.csr -out issuing.pem -notext");
        company
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(&self.dir).env("SAN", "URI:urn:example:nobody");
        let output = command.output().expect("openssl is installed by ./test");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A client's certificate with this name, by the intermediate, which it brings along.
    fn issue(&self, stem: &str, name: &str) -> Held {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        self.openssl(&format!(
            "req {curve} -new -keyout {stem}.key -out {stem}.csr -subj /CN={stem} -config issuing.cnf"
        ));
        let line = format!(
            "ca -batch -config issuing.cnf -name ca_issuing -extensions client -in {stem}.csr -out {stem}.pem -notext"
        );
        let mut command = Command::new("openssl");
        let output = command.args(line.split(' ')).current_dir(&self.dir).env("SAN", name).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Held {
            chain: self.read(&format!("{stem}.pem")) + &self.read("issuing.pem"),
            key: self.read(&format!("{stem}.key")),
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).expect(name)
    }

    /// Signs the list of an authority anew, for so many seconds, and puts it in its place as a whole.
    fn list(&self, name: &str, place: &Path, seconds: u32) {
        self.openssl(&format!(
            "ca -config {name}.cnf -name ca_{name} -gencrl -crlsec {seconds} -out {name}.new"
        ));
        fs::copy(self.dir.join(format!("{name}.new")), place.with_extension("new")).unwrap();
        fs::rename(place.with_extension("new"), place).unwrap();
    }
}

fn with_company(config: &mut EdgeConfig, bundle: &Path, crl: &Path, grace: &str) {
    config.tail = config.tail.replace("[pki]\n", &format!("[pki]\ngrace = \"{grace}\"\n"));
    config.tail += &format!(
        "[[authority]]\nid = \"partners\"\nbundle = \"{}\"\ncrl = \"{}\"\n",
        bundle.display(),
        crl.display()
    );
}

#[test]
fn an_authority_of_another_company_and_its_intermediate_are_honoured_by_their_lists() {
    let dir = tempfile::tempdir().unwrap();
    let company = Company::found(&dir.path().join("company"));
    let lists = dir.path().join("lists");
    fs::create_dir(&lists).unwrap();
    // A directory of lists, and a file with both certificates.
    company.list("root", &lists.join("root.crl"), 3600);
    company.list("issuing", &lists.join("issuing.crl"), 3600);
    let bundle = dir.path().join("bundle.pem");
    fs::write(&bundle, company.read("issuing.pem") + &company.read("root.pem")).unwrap();
    let office = Office::open("test", |config| with_company(config, &bundle, &lists, "1h"));
    office.portcullis(&["customer", "set", "acme", "--identity", "spiffe://partner.test/acme"]);
    let acme = company.issue("acme", "URI:spiffe://partner.test/acme");
    let other = company.issue("other", "URI:spiffe://partner.test/other");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    assert_eq!(office.status(BOUND, "/bolt", Some(&acme)), 403);
    assert_eq!(office.status(BOUND, "/acme", Some(&other)), 0, "a name that stands for nobody");
    // The leaf alone will do: who issued it is known here.
    let leaf = Held { chain: company.read("acme.pem"), key: acme.key.clone() };
    assert_eq!(office.status(BOUND, "/acme", Some(&leaf)), 200);

    let mut wire = office.client(BOUND, Some(&acme)).connect().unwrap();
    company.openssl("ca -config issuing.cnf -name ca_issuing -revoke acme.pem");
    company.list("issuing", &lists.join("issuing.crl"), 3600);
    office.until("the revoked certificate fails", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    wire.send(&crate::customers::request(BOUND, "/acme")).unwrap();
    assert_eq!(wire.answer().unwrap().status, 403);

    // An authority whose list is gone: the start is refused.
    fs::remove_file(lists.join("root.crl")).unwrap();
    let (code, said) = check(&office);
    assert!(code == Some(78) && said.contains("E0933") && said.contains("no CRL of `CN=root`"), "{said}");
}

#[test]
fn a_list_that_is_not_renewed_counts_for_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let company = Company::found(&dir.path().join("company"));
    let (bundle, crl) = (dir.path().join("bundle"), dir.path().join("issuing.crl"));
    fs::create_dir(&bundle).unwrap();
    fs::copy(dir.path().join("company/issuing.pem"), bundle.join("issuing.pem")).unwrap();
    company.list("issuing", &crl, 8);
    let office = Office::open("test", |config| {
        config.admin = Some(portcullis_testkit::free_port());
        with_company(config, &bundle, &crl, "3s");
    });
    let admin = Client::plain(office.house.edge.admin().unwrap());
    office.portcullis(&["customer", "set", "acme", "--identity", "acme.partner.test"]);
    let acme = company.issue("acme", "DNS:acme.partner.test");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    assert_eq!(admin.get("/readyz").unwrap().status, 200);

    office.until("the list is stale", || admin.get("/readyz").unwrap().status == 503);
    office.until("it is told", || office.house.edge.logged("a CRL is stale"));
    let down = "portcullis_client_trust_up{source=\"partners\"} 0";
    office.until("it is counted", || admin.get("/metrics").unwrap().text().contains(down));
    assert_eq!(office.status(BOUND, "/acme", Some(&acme)), 200, "the grace");
    office.until("the grace is over", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    let mut records = office.house.edge.access();
    assert!(records.wait_for(|record| record["refusal"] == "certificate_trust_lost").is_ok());
    let (code, said) = check(&office);
    assert!(code == Some(78) && said.contains("E0933") && said.contains("stale"), "no start by it: {said}");
    // What the register itself issues does not need that list.
    let bolt = office.by_request("issue", "bolt", "bolt");
    office.until("bolt is served", || office.status(BOUND, "/bolt", Some(&bolt)) == 200);

    company.list("issuing", &crl, 3600);
    office.until("acme is served again", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    office.until("it is ready", || admin.get("/readyz").unwrap().status == 200);
}

#[test]
fn an_edge_does_not_start_by_what_it_cannot_read() {
    let office = Office::open("test", |_| {});
    assert_eq!(check(&office).0, Some(0), "{}", check(&office).1);
    for (file, damage, told) in [
        ("ca.pem", None, "ca.pem"),
        ("crl.pem", None, "crl.pem"),
        ("crl.pem", Some("garbage"), "crl.pem"),
        ("register.toml", None, "register.toml"),
        ("customers/acme.toml", Some("id = \"acme\"\nnaem = 1\n"), "customers/acme.toml:2"),
    ] {
        let path = office.path("pki").join(file);
        let good = fs::read(&path).unwrap();
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        let (code, said) = check(&office);
        assert!(code == Some(78) && said.contains("E0933") && said.contains(told), "{file}: {said}");
        let started = Command::new(BINARY).args(["run", "--config"]).arg(config(&office)).output().unwrap();
        assert_eq!(started.status.code(), Some(78), "{file}: {}", String::from_utf8_lossy(&started.stderr));
        fs::write(&path, good).unwrap();
    }
    assert_eq!(check(&office).0, Some(0));
}

#[test]
fn a_register_that_breaks_while_it_is_used_counts_as_it_was_for_the_grace() {
    let office = Office::open("test", |config| {
        config.admin = Some(portcullis_testkit::free_port());
        config.tail = config.tail.replace("[pki]\n", "[pki]\ngrace = \"3s\"\n");
    });
    let admin = Client::plain(office.house.edge.admin().unwrap());
    let acme = office.by_request("issue", "acme", "acme");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    let file = office.path("pki/customers/acme.toml");
    let good = fs::read(&file).unwrap();
    fs::write(&file, "id = \"acme\"\nnaem = 1\n").unwrap();
    office.until("it is not ready", || admin.get("/readyz").unwrap().status == 503);
    assert!(admin.get("/readyz").unwrap().text().contains("customers/acme.toml:2"));
    assert!(office.house.edge.logged("customers/acme.toml:2"), "{}", office.house.edge.log());
    assert_eq!(office.status(BOUND, "/acme", Some(&acme)), 200, "the grace");
    office.until("the grace is over", || office.status(BOUND, "/acme", Some(&acme)) == 0);
    // A reload does not make a broken register good.
    office.house.edge.signal("HUP").unwrap();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(office.status(BOUND, "/acme", Some(&acme)), 0);
    fs::write(&file, good).unwrap();
    office.until("acme is served again", || office.status(BOUND, "/acme", Some(&acme)) == 200);
    office.until("it is ready", || admin.get("/readyz").unwrap().status == 200);
}

fn config(office: &Office) -> PathBuf {
    office.house.edge.dir().join("config.toml")
}

fn check(office: &Office) -> (Option<i32>, String) {
    let output = Command::new(BINARY).args(["check", "--config"]).arg(config(office)).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
