//! Handshakes with client certificates while everything they are judged by changes: server certificates, the CRL, the register.
//!
//! A short run here; `cargo xtask soak` sets `PORTCULLIS_HANDSHAKES=2000`.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::{Authority, Client, resident_kib};

use crate::customers::{BOUND, Held, Office};

const SHORT: usize = 400;

/// A round of changes for each so many handshakes at least.
const HANDSHAKES_A_ROUND: usize = 100;

/// What a change takes to hold, and what a busy machine makes of that.
const SETTLED: Duration = Duration::from_secs(3);

/// Connections to the backend that are kept for a while, one for each client that asked at once.
const KEPT: usize = 6;

/// More growth than this, in percent, is a leak. What the allocator keeps goes up and down between 66 and 83 MiB over 99,004 handshakes,
/// so the least of each half is compared.
const TOLERATED_PERCENT: u64 = 20;

/// What went on.
#[derive(Default)]
struct Tally {
    handshakes: AtomicUsize,
    accepted: AtomicUsize,
    refused: AtomicUsize,
    /// Rounds of changes that are over.
    rounds: AtomicUsize,
    wrong: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Tally {
    /// Counts a handshake and complains about one that did not end as it must.
    fn note(&self, what: &str, client: &Client, path: &str, expected: u16) {
        let status = client.get(path).map_or(0, |answer| answer.status);
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        let counter = if status == 200 { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        if status != expected {
            self.wrong.lock().unwrap().push(format!("{what}: {status} where {expected} is due"));
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

#[test]
fn nobody_is_wrongly_let_in_or_out_while_everything_changes() {
    let count =
        std::env::var("PORTCULLIS_HANDSHAKES").ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT);
    let office = Office::open("test", |_| {});
    let good = office.by_request("issue", "acme", "acme");
    let gone = office.by_request("issue", "bolt", "gone");
    office.until("acme is served", || office.status(BOUND, "/acme", Some(&good)) == 200);
    office.until("bolt is served", || office.status(BOUND, "/bolt", Some(&gone)) == 200);
    office.portcullis(&["cert", "revoke", "bolt"]);
    office.until("the revoked certificate fails", || office.status(BOUND, "/bolt", Some(&gone)) == 0);
    let stranger = Authority::new("stranger").leaf(&["acme"]);
    let stranger = Held { chain: stranger.chain_pem.clone(), key: stranger.key_pem.clone() };
    // Server certificates by one authority, which clients know, so that any of them will do.
    let server = Authority::new("server");
    let server_names = ["localhost", "*.customers.test"];
    let swap = |leaf: &portcullis_testkit::Leaf| leaf.write(office.house.edge.dir(), "edge").unwrap();
    swap(&server.leaf(&server_names));
    let shown = Client::tls(office.house.edge.https(), &server, "localhost");
    office.until("the new server certificate is shown", || shown.get("/open").is_ok());
    let client = |held: &Held| {
        Client::tls(office.house.edge.https(), &server, BOUND).with_certificate(&held.chain, &held.key)
    };

    let tally = Tally::default();
    let (mut sizes, descriptors) = (Vec::new(), open_files(office.house.edge.pid()));
    let changes = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let (good, gone, stranger) = (client(&good), client(&gone), client(&stranger));
                while tally.goes_on() {
                    tally.note("a good one", &good, "/acme", 200);
                    tally.note("a good one elsewhere", &good, "/bolt", 403);
                    tally.note("a revoked one", &gone, "/bolt", 0);
                    tally.note("a stranger's", &stranger, "/acme", 0);
                }
            });
        }
        let changes = scope.spawn(|| {
            let mut changes = 0;
            while tally.goes_on() {
                change(&office, changes, &tally, &client, &|| drop(swap(&server.leaf(&server_names))));
                changes += 1;
                tally.rounds.store(changes, Ordering::Relaxed);
            }
            changes
        });
        let patience = Instant::now() + Duration::from_secs(300);
        let enough = || {
            tally.handshakes.load(Ordering::Relaxed) >= count
                && tally.rounds.load(Ordering::Relaxed) >= count / HANDSHAKES_A_ROUND
        };
        // No `Drop` ends the threads when this one panics: whatever is wrong is told after them.
        while !enough() && Instant::now() < patience && !changes.is_finished() {
            thread::sleep(Duration::from_millis(100));
            sizes.push(resident_kib(office.house.edge.pid()).unwrap());
        }
        tally.stop.store(true, Ordering::Relaxed);
        changes.join().expect("the changes went well")
    });
    judge(&office, &tally, count, changes, &sizes, descriptors);
}

/// One round: a certificate comes, counts, goes and counts no more, while the list, the customers and the server's certificate change.
fn change(office: &Office, round: usize, tally: &Tally, client: &impl Fn(&Held) -> Client, swap: &impl Fn()) {
    let stem = format!("turn{round}");
    let out = format!("{stem}.pem");
    office.portcullis(&["cert", "issue", "bolt", "--pem", &out]);
    let held = Held { chain: office.read(&out), key: office.read(&out) };
    let own = client(&held);
    settled("an issued one", tally, &own, 200);
    swap();
    office.portcullis(&["cert", "crl", "refresh"]);
    office.portcullis(&["customer", "set", "acme", "--rate", &format!("{}/1m", 100_000 + round)]);
    tally.note("an issued one", &own, "/bolt", 200);
    if round % 3 == 2 {
        office.portcullis(&["customer", "suspend", "bolt"]);
        settled("a suspended one", tally, &own, 0);
        office.portcullis(&["customer", "resume", "bolt"]);
        settled("a resumed one", tally, &own, 200);
    }
    office.portcullis(&["cert", "revoke", "bolt"]);
    settled("a revoked one", tally, &own, 0);
    for _ in 0..5 {
        tally.note("one revoked for a while", &own, "/bolt", 0);
    }
}

/// Waits until a change holds, no longer than it may take; from then on it must.
fn settled(what: &str, tally: &Tally, client: &Client, expected: u16) {
    let began = Instant::now();
    while client.get("/bolt").map_or(0, |answer| answer.status) != expected && began.elapsed() < SETTLED {
        thread::sleep(Duration::from_millis(20));
    }
    tally.note(what, client, "/bolt", expected);
}

fn judge(office: &Office, tally: &Tally, count: usize, changes: usize, sizes: &[u64], descriptors: usize) {
    let wrong = tally.wrong.lock().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}: {:?}\n{}",
        wrong.len(),
        count,
        &wrong[..wrong.len().min(10)],
        office.house.edge.log()
    );
    let (handshakes, accepted, refused) = [&tally.handshakes, &tally.accepted, &tally.refused]
        .map(|counter| counter.load(Ordering::Relaxed))
        .into();
    assert!(handshakes >= count && changes > 0, "{handshakes} handshakes, {changes} changes");
    assert!(accepted * 10 > handshakes && refused * 10 > handshakes, "{accepted} let in, {refused} not");
    // Connections have ended; what they used must be free again.
    office.until("all connections are closed", || open_files(office.house.edge.pid()) <= descriptors + KEPT);
    let left = open_files(office.house.edge.pid());
    let least = |part: &[u64]| part.iter().min().copied().unwrap_or_default();
    let (first, second) = sizes.split_at(sizes.len() / 2);
    let (begin, end) = (least(first), least(second));
    println!(
        "{handshakes} handshakes, {accepted} let in, {refused} refused, none wrongly; {changes} rounds of changes; resident {begin} KiB, then {end} KiB; {descriptors} descriptors, then {left}"
    );
    assert!(end * 100 <= begin * (100 + TOLERATED_PERCENT), "memory grows from {begin} to {end} KiB");
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).unwrap_or_default()
}
