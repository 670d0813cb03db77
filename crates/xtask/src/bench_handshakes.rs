//! `cargo xtask bench-handshakes`: what a full TLS 1.3 handshake with a client certificate costs a server on one core.
//!
//! The edge and Debian's nginx, with the same server certificate (P-256), the same authority of clients and its CRL, no session ever
//! resumed, X25519; and the edge with X25519MLKEM768, which Debian's OpenSSL does not have. The server has the first core for itself,
//! clients share the second one. What is compared is the CPU time of the server process for a connection, from its first packet to its
//! last, without a request: its inverse is what a core can do, and other work on the machine disturbs it little.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use portcullis_testkit::{Authority, Backend, Client, Edge, EdgeConfig, free_port};

use crate::{
    bench_edge::{
        load::{TICKS, ticks},
        servers::{Nginx, pin, started},
    },
    bench_peers::build,
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The binary to measure; builds the release binary unless given
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Seconds of load for each turn
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Turns of each server, one after the other; the median counts
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// The name that clients ask for, and must show a certificate for.
const NAME: &str = "bound.customers.test";
/// Clients at once.
const CLIENTS: usize = 8;
/// Least ratio that the run accepts.
const LEAST: f64 = 0.8;
const CLASSIC: &str = "X25519";
const POST_QUANTUM: &str = "X25519MLKEM768";

/// What one server cost.
struct Row {
    name: &'static str,
    /// CPU time of a handshake, each turn.
    micros: Vec<f64>,
}

/// Whether the edge does at least [`LEAST`] of what nginx does.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    if !Path::new("/usr/sbin/nginx").exists() {
        build::apt(&["nginx-light"])?;
    }
    let binary = match &arguments.binary {
        Some(binary) => binary.canonicalize()?,
        None => crate::conformance::build(workspace)?,
    };
    let scratch = tempfile::tempdir()?;
    let (chain, key) = register(&binary, scratch.path())?;
    let edge = edge(&binary, scratch.path())?;
    let (nginx, address) = nginx(&edge, scratch.path())?;
    // This process is the clients.
    pin(std::process::id(), "1")?;
    let client = |address: SocketAddr, group: &str| {
        let client = Client::tls(address, edge.authority(), NAME);
        client.with_certificate(&chain, &key).with_group(group)
    };
    let mut rows = [
        Row { name: "edge, X25519", micros: Vec::new() },
        Row { name: "nginx, X25519", micros: Vec::new() },
        Row { name: "edge, X25519MLKEM768", micros: Vec::new() },
    ];
    let servers = [
        (client(edge.https(), CLASSIC), edge.pid()),
        (client(address, CLASSIC), nginx.pid()),
        (client(edge.https(), POST_QUANTUM), edge.pid()),
    ];
    for (client, _) in &servers {
        refuses_strangers(client, edge.authority())?;
    }
    for _ in 0..arguments.turns.max(1) {
        for (row, (client, pid)) in rows.iter_mut().zip(&servers) {
            row.micros.push(measure(client, *pid, Duration::from_secs(arguments.seconds))?);
        }
    }
    let [ours, theirs, hybrid] = rows.each_ref().map(Row::median);
    println!("{:28}{:>20}{:>24}", "server", "CPU us a handshake", "handshakes a core a s");
    for row in &rows {
        println!("{:28}{:>20.1}{:>24.0}", row.name, row.median(), 1e6 / row.median());
    }
    println!(
        "full handshakes with client certificates, edge over nginx: {:.2}; with X25519MLKEM768 {:.2} of it",
        theirs / ours,
        ours / hybrid
    );
    Ok(theirs / ours >= LEAST)
}

impl Row {
    fn median(&self) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// A register with one customer; its certificate and key.
fn register(binary: &Path, scratch: &Path) -> anyhow::Result<(String, String)> {
    for line in ["cert init --env test", "customer add acme --name Acme", "cert issue acme --pem acme.pem"] {
        let mut command = Command::new(binary);
        let output =
            command.args(line.split(' ')).args(["--pki-dir", "pki"]).current_dir(scratch).output()?;
        if !output.status.success() {
            bail!("{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let text = fs::read_to_string(scratch.join("acme.pem"))?;
    Ok((text.clone(), text))
}

fn edge(binary: &Path, scratch: &Path) -> anyhow::Result<Edge> {
    let backend = Backend::plain_at("backend", free_port());
    let config = EdgeConfig {
        mode: "off".to_owned(),
        threads: 1,
        limits: "connections_per_address = 4096".to_owned(),
        tail: format!(
            "[pki]\ndir = \"{}\"\n[[host]]\nnames = [\"{NAME}\"]\nclient_cert = \"required\"\n",
            scratch.join("pki").display()
        ),
        ..EdgeConfig::with_backend(backend)
    };
    let edge = Edge::start(binary, config)
        .map_err(|start| anyhow::anyhow!("not ready ({:?}):\n{}", start.status, start.log))?;
    pin(edge.pid(), "0")?;
    Ok(edge)
}

/// nginx with the edge's own certificate and key, and the same authority of clients.
fn nginx(edge: &Edge, scratch: &Path) -> anyhow::Result<(Nginx, SocketAddr)> {
    let address = free_port();
    let (certs, pki) = (edge.dir().display(), scratch.join("pki"));
    let pki = pki.display();
    let server = format!(
        "listen {address} ssl; server_name {NAME}; ssl_certificate {certs}/edge.pem; ssl_certificate_key {certs}/edge.key;\n\
         ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off; ssl_ecdh_curve X25519:P-256;\n\
         ssl_client_certificate {pki}/ca.pem; ssl_crl {pki}/crl.pem; ssl_verify_client on; location / {{ return 404; }}"
    );
    let nginx = started(&scratch.join("nginx"), address, address, "0", "", &server)?;
    Ok((nginx, address))
}

/// A server that lets anybody in would be quick.
fn refuses_strangers(client: &Client, authority: &Authority) -> anyhow::Result<()> {
    let stranger = Authority::new("stranger").leaf(&["acme"]);
    let stranger = Client::tls(client.address(), authority, NAME)
        .with_certificate(&stranger.chain_pem, &stranger.key_pem);
    let answer = stranger.get("/").map(|answer| answer.status);
    // nginx lets everybody shake hands and answers 400.
    if !matches!(answer, Err(_) | Ok(400)) {
        bail!("{}: a stranger is answered {answer:?}", client.address());
    }
    let answer = client.get("/").context("a request with a certificate")?.status;
    if answer == 400 || answer == 401 {
        bail!("{}: a customer is answered {answer}", client.address());
    }
    Ok(())
}

/// CPU time of one handshake, in microseconds.
fn measure(client: &Client, pid: u32, duration: Duration) -> anyhow::Result<f64> {
    // What is built on first use is there by then.
    load(client, Duration::from_millis(500))?;
    let before = ticks(pid)?;
    let count = load(client, duration)?;
    let spent = (ticks(pid)? - before) as f64 / TICKS;
    Ok(spent * 1e6 / f64::from(count.max(1)))
}

/// Handshakes by several clients at once; how many.
fn load(client: &Client, duration: Duration) -> anyhow::Result<u32> {
    let begun = Instant::now();
    let one = || -> std::io::Result<u32> {
        let mut count = 0;
        while begun.elapsed() < duration {
            client.connect()?.close()?;
            count += 1;
        }
        Ok(count)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        let counts = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        counts.map(|count| count.context("a handshake")).sum()
    })
}
