//! The commands on the register, killed at random moments: whatever happened, the register is whole, it has every certificate that
//! anybody was handed, and its list tells nothing that is not so.
//!
//! A short run here; `cargo xtask soak` sets `PORTCULLIS_KILLS=300`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use portcullis_pki::{Certificate, Directory, Register, Serial};

use crate::certificates::Office;

const SHORT: usize = 40;

/// What the register must remember.
#[derive(Default)]
struct Memory {
    /// Every serial number ever seen in it.
    serials: BTreeSet<String>,
    /// Those whose revocation was reported.
    revoked: BTreeSet<String>,
}

#[test]
fn killed_at_any_moment_the_register_stays_whole() {
    let kills = std::env::var("PORTCULLIS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT);
    let office = Office::empty();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let took = measure(&office);
    let (mut memory, mut killed, mut turn) = (Memory::default(), 0, 0);
    while killed < kills {
        turn += 1;
        assert!(turn < 20 * kills, "only {killed} of {turn} commands were killed");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = took.mul_f64(f64::from((random >> 40) as u32) / f64::from(1 << 24) * 1.1);
        let arguments = next(&office, turn, &memory);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut child =
            office.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let finished = finished_within(&mut child, delay);
        killed += usize::from(!finished);
        look(&office, &mut memory, (finished, &arguments));
    }
    settle(&office, &memory);
    println!("{killed} of {turn} commands killed, {} certificates, none lost", memory.serials.len());
}

/// How long a command takes here and now.
fn measure(office: &Office) -> Duration {
    let begun = Instant::now();
    office.good(&["cert", "init", "--env", "production"]);
    office.good(&["customer", "add", "first", "--name", "First"]);
    office.good(&["cert", "issue", "first", "--pem", "first.pem"]);
    begun.elapsed() / 3
}

/// Whether the process ended by itself; if not it is killed.
fn finished_within(child: &mut Child, delay: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < delay {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::yield_now();
    }
    let finished = child.try_wait().unwrap().is_some();
    if !finished {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finished
}

/// One command after another, each on what the ones before left.
fn next(office: &Office, turn: usize, memory: &Memory) -> Vec<String> {
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    let customer = turn / 12;
    let register = Register::load(&Directory::new(&office.path("pki"))).unwrap();
    let live = memory
        .serials
        .iter()
        .rfind(|serial| Serial::parse(serial).is_ok_and(|serial| !register.is_revoked(&serial)));
    match (turn % 12, live) {
        (0, _) => words(format!("customer add c{customer} --name Name")),
        (3, Some(serial)) | (9, Some(serial)) => words(format!("cert revoke {serial} --reason superseded")),
        (4, _) => words(format!("customer set c{customer} --allow 192.0.2.0/24 --rate {turn}/1m")),
        (5, _) => words(String::from("cert crl refresh")),
        (6, _) => words(format!("cert renew c{customer} --pem out{turn}.pem")),
        (7, _) => words(format!("cert issue c{customer} --pkcs12 out{turn}.p12")),
        (8, _) => words(String::from("cert expiring --events")),
        (10, _) => words(format!("customer suspend c{}", customer.saturating_sub(1))),
        (11, _) => words(format!("customer offboard c{}", customer.saturating_sub(2))),
        _ => words(format!("cert issue c{customer} --pem out{turn}.pem --days 4")),
    }
}

fn look(office: &Office, memory: &mut Memory, (finished, arguments): (bool, &[&str])) {
    let place = office.path("pki");
    let register = Register::load(&Directory::new(&place))
        .unwrap_or_else(|error| panic!("after {arguments:?}: {error}"));
    let mut records = BTreeMap::new();
    for record in register.customers().flat_map(|customer| &customer.certificates) {
        records.insert(record.serial.to_string(), record);
    }
    for serial in &memory.serials {
        assert!(records.contains_key(serial), "after {arguments:?}: {serial} is lost");
    }
    memory.serials.extend(records.keys().cloned());
    // Whoever was handed a certificate gets in with it.
    for entry in fs::read_dir(office.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            let text = fs::read_to_string(&path).unwrap();
            let start =
                text.find("-----BEGIN CERTIFICATE").unwrap_or_else(|| panic!("{} is torn", path.display()));
            let leaf = Certificate::from_pem(&text[start..]).unwrap();
            let record = records.get(leaf.serial.as_str());
            assert!(
                record.is_some_and(|record| record.sha256 == leaf.sha256),
                "after {arguments:?}: {} is unknown",
                path.display()
            );
        }
    }
    if let (true, ["cert", "revoke", serial, ..]) = (finished, arguments) {
        memory.revoked.insert((*serial).to_owned());
    }
    for serial in &memory.revoked {
        let serial = Serial::parse(serial).unwrap();
        assert!(register.trust().lists(&serial), "after {arguments:?}: {serial} is not on the list");
    }
    for (serial, record) in &records {
        let listed = register.trust().lists(&record.serial);
        assert!(
            !listed || record.revocation.is_some(),
            "after {arguments:?}: the list is ahead of the register with {serial}"
        );
        assert_eq!(register.is_revoked(&record.serial), record.revocation.is_some());
    }
    assert_eq!(mode(&place.join("ca.key")), 0o600);
}

/// At the end one command mends what is left to mend.
fn settle(office: &Office, memory: &Memory) {
    office.good(&["cert", "crl", "refresh"]);
    let directory = Directory::new(&office.path("pki"));
    let register = Register::load(&directory).unwrap();
    for serial in &memory.serials {
        let serial = Serial::parse(serial).unwrap();
        let (_, record) = register.certificate(&serial).unwrap();
        assert_eq!(register.trust().lists(&serial), record.revocation.is_some(), "{serial}");
    }
    for below in ["pki", "pki/customers", "pki/receipts"] {
        for entry in fs::read_dir(office.path(below)).into_iter().flatten() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            assert!(!name.ends_with(".new"), "{below}/{name} was left behind");
        }
    }
    let trail = fs::read_to_string(office.path("pki/audit.log")).unwrap();
    let torn = trail.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err());
    assert!(torn.count() <= trail.lines().count() / 2);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_register_that_was_killed_while_it_was_made_is_made_again() {
    let took = measure(&Office::empty());
    for part in 0..10_u32 {
        let office = Office::empty();
        let mut child =
            office.command(&["cert", "init", "--env", "production"]).stdout(Stdio::null()).spawn().unwrap();
        let finished = finished_within(&mut child, took * part / 10);
        if !finished && !office.path("pki/register.toml").exists() {
            office.good(&["cert", "init", "--env", "production"]);
        }
        office.good(&["customer", "add", "acme", "--name", "Acme"]);
        office.good(&["cert", "issue", "acme", "--pem", "acme.pem"]);
    }
}
