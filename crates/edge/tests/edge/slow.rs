//! Clients that take their time: each is let go when its time is over, and meanwhile nobody else notices.
//!
//! The short form runs a few of each kind; `cargo xtask soak` runs five hundred connections.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::{Client, H2Wire, RecordingUpstream, Reply};

use crate::site::{NAME, Site};

/// Bytes of an answer that fit into no socket's buffer.
const BIG: usize = 24 << 20;

/// What a machine that does a dozen other things may add to any deadline.
const SLACK: Duration = Duration::from_secs(6);

/// Longest that an abuser goes on when nobody stops it.
const ENDLESS: Duration = Duration::from_secs(180);

/// Between two bytes of a client that sends slowly.
const DRIP: Duration = Duration::from_millis(200);

/// Behaves badly until the edge ends it; the time that took.
type Abuse = fn(&Site, &Client) -> Duration;

/// Each with the longest in seconds that its deadlines, in the short form, let it be.
const ABUSES: [(&str, u64, Abuse); 11] = [
    ("silence in place of a handshake", 2, |site, _| until_closed(tcp(site), b"", false)),
    ("half a handshake", 2, |site, _| until_closed(tcp(site), &[0x16, 3, 1, 2, 0, 1, 0], false)),
    ("a handshake by the byte", 2, |site, _| {
        until_closed(tcp(site), &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], true)
    }),
    ("a connection without a request", 2, |_, client| drip(client, b"")),
    ("a head by the byte", 1, |_, client| {
        drip(client, b"GET /slow HTTP/1.1\r\nHost: edge.test\r\nX-Padding: ")
    }),
    ("a body by the byte", 3, |_, client| {
        drip(client, b"POST /slow HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 1000000\r\n\r\nx")
    }),
    ("chunks by the byte", 3, |_, client| {
        drip(
            client,
            b"POST /slow HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nx",
        )
    }),
    ("an answer that is not read", 3, unread),
    ("a connection kept for nothing", 3, kept),
    ("HTTP/2 without a request", 3, |_, client| {
        let began = Instant::now();
        let mut wire = H2Wire::connect(client).expect("connected");
        let _ = wire.until(|_| false);
        began.elapsed()
    }),
    ("an HTTP/2 body by the byte", 5, |_, client| {
        let began = Instant::now();
        let mut wire = H2Wire::connect(client).expect("connected");
        let fields: [(&str, &[u8]); 4] =
            [(":method", b"POST"), (":scheme", b"https"), (":authority", b"edge.test"), (":path", b"/slow")];
        wire.send_headers(1, &fields, false).expect("sent");
        while began.elapsed() < ENDLESS && wire.send_frame(0, 0, 1, b"x").is_ok() {
            thread::sleep(DRIP);
        }
        began.elapsed()
    }),
];

fn tcp(site: &Site) -> TcpStream {
    TcpStream::connect(site.running().addresses().https[0]).expect("connected")
}

/// Sends, at once or byte by byte, then waits for the end.
fn until_closed(mut socket: TcpStream, bytes: &[u8], slowly: bool) -> Duration {
    let began = Instant::now();
    socket.set_read_timeout(Some(ENDLESS)).expect("set");
    let _ = match slowly {
        true => bytes.iter().try_for_each(|byte| {
            thread::sleep(DRIP);
            socket.write_all(&[*byte])
        }),
        false => socket.write_all(bytes),
    };
    let _ = std::io::copy(&mut socket, &mut std::io::sink());
    began.elapsed()
}

/// Sends this at once, then byte by byte until nobody takes any more.
fn drip(client: &Client, start: &[u8]) -> Duration {
    let mut wire = client.connect().expect("connected");
    let began = Instant::now();
    let _ = wire.send(start);
    if !start.is_empty() {
        while began.elapsed() < ENDLESS && wire.send(b"x").is_ok() {
            thread::sleep(DRIP);
        }
    }
    let _ = wire.rest();
    began.elapsed()
}

fn unread(_: &Site, client: &Client) -> Duration {
    let mut wire = client.connect().expect("connected");
    let began = Instant::now();
    wire.send(format!("GET /big HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
    // The edge gives up while nothing is read, which shows in that it takes nothing more either; what the sockets hold is not all.
    while began.elapsed() < ENDLESS && wire.send(b"x").is_ok() {
        thread::sleep(DRIP);
    }
    let time = began.elapsed();
    let received = wire.rest().map_or(0, |bytes| bytes.len());
    assert!(received < BIG, "a client that did not read got all of it");
    time
}

fn kept(_: &Site, client: &Client) -> Duration {
    let mut wire = client.connect().expect("connected");
    wire.send(format!("GET /kept HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).expect("sent");
    assert_eq!(wire.answer().expect("an answer").status, 200);
    let began = Instant::now();
    let _ = wire.rest();
    began.elapsed()
}

/// `factor` stretches every deadline, so that hundreds of abusers are there at once.
fn site(connections: usize, factor: u32) -> (Site, RecordingUpstream) {
    let big = vec![b'x'; BIG];
    let backend = RecordingUpstream::plain(move |request| match request.target.as_str() {
        "/big" => Reply::new(200, big.clone()).header("Content-Type", "application/octet-stream"),
        _ => Reply::new(200, "ok"),
    })
    .expect("a backend");
    let site = Site::with(&backend, |config, _| {
        config.limits.connections = connections + 64;
        config.limits.connections_per_address = connections + 64;
        let limits = &mut config.limits;
        limits.write_timeout = Duration::from_secs(1) * factor;
        for time in [
            &mut limits.handshake_timeout,
            &mut limits.head_timeout,
            &mut limits.idle_timeout,
            &mut limits.body_timeout,
            &mut limits.body_grace,
        ] {
            *time *= factor;
        }
    });
    (site, backend)
}

/// The slowest but one in a hundred.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).or(times.last()).copied().expect("at least one")
}

/// Times of an ordinary client's requests, until it is told to stop.
fn ordinary(site: &Site, enough: impl Fn(usize) -> bool) -> Vec<Duration> {
    let client = site.client();
    let mut times = Vec::new();
    while !enough(times.len()) {
        let began = Instant::now();
        let answer = client.get("/ordinary").expect("an ordinary client is served");
        assert_eq!(answer.status, 200);
        times.push(began.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    times
}

fn battery(of_each: usize, factor: u32) {
    let (site, _backend) = site(of_each * ABUSES.len(), factor);
    let alone = p99(ordinary(&site, |count| count >= 30));
    let over = AtomicBool::new(false);
    let beside = thread::scope(|scope| {
        let abusers: Vec<_> = ABUSES
            .iter()
            .flat_map(|abuse| (0..of_each).map(move |_| abuse))
            .map(|(name, most, abuse)| {
                // A house fills within seconds, not at once.
                thread::sleep(Duration::from_millis(10));
                let (site, client) = (&site, site.client().timeout(ENDLESS));
                let abuser = thread::Builder::new().stack_size(512 << 10);
                let abuser = abuser.spawn_scoped(scope, move || abuse(site, &client)).expect("a thread");
                (name, Duration::from_secs(*most) * factor, abuser)
            })
            .collect();
        let (site, over) = (&site, &over);
        let ordinary =
            scope.spawn(move || ordinary(site, |count| over.load(Ordering::Relaxed) && count >= 30));
        for (name, most, abuser) in abusers {
            let time = abuser.join().unwrap_or_else(|_| panic!("{name}"));
            assert!(time < most + SLACK, "{name}: let go after {time:?} of {most:?}");
        }
        over.store(true, Ordering::Relaxed);
        ordinary.join().expect("an ordinary client")
    });
    let requests = beside.len();
    let beside = p99(beside);
    println!(
        "{} slow connections: an ordinary client's p99 {beside:?} over {requests} requests, alone {alone:?}",
        of_each * ABUSES.len()
    );
    assert!(beside < alone + Duration::from_secs(1), "{beside:?} beside them, {alone:?} alone");
    for reason in ["handshake_timeout", "head_timeout", "body_timeout", "slow_reader"] {
        let none = format!("portcullis_refusals_total{{reason=\"{reason}\"}} 0");
        assert!(!site.metrics().contains(&none), "{reason} was never counted");
    }
}

/// `PORTCULLIS_SLOW_CLIENTS` asks for the full form.
#[test]
fn slow_clients_are_let_go_and_nobody_else_waits() {
    let is_long = std::env::var_os("PORTCULLIS_SLOW_CLIENTS").is_some();
    let (of_each, factor) = if is_long { (46, 6) } else { (2, 1) };
    battery(of_each, factor);
}
