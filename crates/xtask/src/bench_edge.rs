//! `cargo xtask bench-edge`: what a request costs a proxy on one core, over TLS, connections kept.
//!
//! The edge with its rules on and off, nginx with Debian's ModSecurity module and the same rules, and nginx alone, all in front of the
//! same backend. The servers are on the first core, the load and the backend share the second one. What is compared is the CPU time of the
//! server process for a request: its inverse is what a core can serve, and other work on the machine disturbs it little. All servers are
//! there from the beginning, and the load goes round them several times, one after another: a machine that is slow for a while is slow for
//! all of them, and what counts is the median of the rounds.

pub(crate) mod load;
pub(crate) mod servers;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use portcullis_peers::corpus::{self, Exchange};

use crate::bench_peers::build::{self, Ground, Kind};
use load::{Load, Measured};
use servers::Place;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A release of the Core Rule Set; PORTCULLIS_DATA/crs/4.28.0 or target/data/crs/4.28.0 unless given
    #[arg(long)]
    crs: Option<PathBuf>,
    /// The binary to measure; builds the release binary unless given
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Seconds of load for each server and request in each round
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Times that the load goes round the servers
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Connections at once
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// Prints one JSON object before the last line
    #[arg(long)]
    json: bool,
}

/// What is sent: a browser's page, an API call.
const REQUESTS: [&str; 2] = ["get_browser", "json_1k"];

/// Whether everything was served.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    tools()?;
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => crate::conformance::build(workspace)?,
    };
    let crs = build::rule_set(workspace, arguments.crs.as_deref())?;
    let ground = Ground::prepare(workspace, Some(&crs), &[1])?;
    let scratch = tempfile::tempdir_in(ground.directory())?;
    let place = Place::new(scratch.path(), &ground.rules(Kind::Libmodsecurity, 1), &crs, &binary)?;
    let _backend = servers::backend(&place)?;
    let exchanges: Vec<Exchange> =
        corpus::exchanges().into_iter().filter(|held| REQUESTS.contains(&held.name)).collect();
    let mut loads = Vec::new();
    for exchange in &exchanges {
        loads.push(Load::new(exchange, scratch.path(), arguments.connections)?);
    }
    print(&measured(&place, &loads, arguments)?, arguments.json)?;
    Ok(true)
}

/// What each server did, request by request.
fn measured(
    place: &Place,
    loads: &[Load],
    arguments: &Arguments,
) -> anyhow::Result<Vec<(&'static str, Vec<Measured>)>> {
    let mut servers = Vec::new();
    for (name, start) in servers::ALL {
        let server = start(place).with_context(|| (*name).to_owned())?;
        for load in loads {
            load.warm_up(&server)?;
        }
        servers.push((*name, server));
    }
    let mut rounds = vec![vec![Vec::new(); loads.len()]; servers.len()];
    for _ in 0..arguments.rounds {
        for (at, load) in loads.iter().enumerate() {
            for ((_, server), row) in servers.iter().zip(&mut rounds) {
                let measured = load.measure(server, arguments.seconds)?;
                row.get_mut(at).context("no such request")?.push(measured);
            }
        }
    }
    let names = servers.iter().map(|(name, _)| *name);
    let rows = rounds.iter().map(|row| row.iter().map(|rounds| Measured::median(rounds)).collect());
    Ok(names.zip(rows).collect())
}

/// Installs what is missing.
fn tools() -> anyhow::Result<()> {
    let there = |path: &str| Path::new(path).exists();
    let needed = [
        ("/usr/bin/wrk", "wrk"),
        ("/usr/sbin/nginx", "nginx-light"),
        ("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so", "libnginx-mod-http-modsecurity"),
    ];
    let missing: Vec<&str> =
        needed.iter().filter(|(path, _)| !there(path)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { build::apt(&missing) }
}

fn print(rows: &[(&str, Vec<Measured>)], json: bool) -> anyhow::Result<()> {
    println!("{:28}{:>14}{:>16}{:>18}", "server", "request", "requests/s", "CPU us a request");
    for (name, row) in rows {
        for (request, measured) in REQUESTS.iter().zip(row) {
            println!(
                "{name:28}{request:>14}{:>16.0}{:>18.1}",
                measured.requests_per_second, measured.micros_per_request
            );
        }
    }
    let cost = |name: &str, request: usize| {
        let row = rows.iter().find(|(known, _)| *known == name).map(|(_, row)| row);
        row.and_then(|row| row.get(request))
            .map(|measured| measured.micros_per_request)
            .context("not measured")
    };
    let mut parts = Vec::new();
    for (at, request) in REQUESTS.iter().enumerate() {
        let (on, off) = (cost(servers::ON, at)?, cost(servers::OFF, at)?);
        if on <= 0.0 {
            bail!("{request}: too short to be measured");
        }
        parts.push(format!(
            "{request} {:.2} of WAF off, {:.1}x nginx with ModSecurity, {:.2} of nginx alone",
            off / on,
            cost(servers::MODSECURITY, at)? / on,
            cost(servers::NGINX, at)? / on
        ));
    }
    if json {
        let all: Vec<_> = rows
            .iter()
            .flat_map(|(name, row)| {
                REQUESTS.iter().zip(row).map(move |(request, measured)| {
                    serde_json::json!({
                        "server": name,
                        "request": request,
                        "requests_per_second": measured.requests_per_second,
                        "micros_per_request": measured.micros_per_request,
                    })
                })
            })
            .collect();
        println!("{}", serde_json::json!({ "measured": all }));
    }
    println!("requests a core serves: {}", parts.join("; "));
    Ok(())
}
