//! `cargo xtask bench-edge`: what a request costs a proxy on one core, over TLS, connections kept.
//!
//! The edge with its rules on and off, nginx with Debian's ModSecurity module and the same rules, and nginx alone, all in front of the
//! same backend. The servers are on the first core, the load and the backend share the second one. What is compared is the CPU time of the
//! server process for a request: its inverse is what a core can serve, and other work on the machine disturbs it little. All servers are
//! there from the beginning, and the load goes round them several times, one after another: a machine that is slow for a while is slow for
//! all of them, and what counts is the median of the rounds.
//!
//! Where the memory of a process happens to lie moves its figure by a tenth, so there are several processes of either edge. What the rules
//! leave of the requests a core serves is compared in pairs that were measured one right after the other, and is the median of the pairs.

pub(crate) mod load;
pub(crate) mod servers;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
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
    /// Seconds of load for each process and request in each round
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Processes of the edge, with its rules on and with them off
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    processes: u32,
    /// Times that the load goes round the servers
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
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

/// What the processes of a server did: by request, in the order of measurement.
struct Row {
    server: &'static str,
    requests: Vec<Vec<Measured>>,
}

/// Goes round the processes, each server's first one first, and every other time the other way round.
fn measured(place: &Place, loads: &[Load], arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let mut processes = Vec::new();
    for number in 0..arguments.processes {
        for (row, (name, start)) in servers::ALL.iter().enumerate() {
            if number > 0 && !servers::REPEATED.contains(name) {
                continue;
            }
            let server = start(place).with_context(|| (*name).to_owned())?;
            for load in loads {
                load.warm_up(&server)?;
            }
            processes.push((row, server));
        }
    }
    let empty = |(server, _): &(&'static str, _)| Row { server, requests: vec![Vec::new(); loads.len()] };
    let mut rows: Vec<Row> = servers::ALL.iter().map(empty).collect();
    for _ in 0..arguments.rounds {
        for (at, load) in loads.iter().enumerate() {
            for (row, server) in &processes {
                let measured = load.measure(server, arguments.seconds)?;
                rows[*row].requests[at].push(measured);
            }
        }
        processes.reverse();
    }
    Ok(rows)
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

fn print(rows: &[Row], json: bool) -> anyhow::Result<()> {
    println!("{:28}{:>14}{:>16}{:>18}", "server", "request", "requests/s", "CPU us a request");
    let mut all = Vec::new();
    for row in rows {
        for (request, measured) in REQUESTS.iter().zip(&row.requests) {
            let Measured { requests_per_second, micros_per_request } = Measured::median(measured);
            println!("{:28}{request:>14}{requests_per_second:>16.0}{micros_per_request:>18.1}", row.server);
            all.push(serde_json::json!({
                "server": row.server,
                "request": request,
                "requests_per_second": requests_per_second,
                "micros_per_request": micros_per_request,
            }));
        }
    }
    let of = |name: &str, request: usize| {
        let row = rows.iter().find(|row| row.server == name);
        row.and_then(|row| row.requests.get(request)).context("not measured")
    };
    let mut parts = Vec::new();
    for (at, request) in REQUESTS.iter().enumerate() {
        let (on, off) = (of(servers::ON, at)?, of(servers::OFF, at)?);
        let cost = |name: &str| Ok::<_, anyhow::Error>(Measured::median(of(name, at)?).micros_per_request);
        let left =
            Quartiles::of(off.iter().zip(on).map(|(off, on)| off.micros_per_request / on.micros_per_request))
                .with_context(|| format!("{request}: too short to be measured"))?;
        println!("{request}: {} pairs of WAF off and on, quartiles {left}", on.len());
        let on = cost(servers::ON)?;
        parts.push(format!(
            "{request} {:.2} of WAF off, {:.1}x nginx with ModSecurity, {:.2} of nginx alone",
            left.median,
            cost(servers::MODSECURITY)? / on,
            cost(servers::NGINX)? / on
        ));
    }
    if json {
        println!("{}", serde_json::json!({ "measured": all }));
    }
    println!("requests a core serves: {}", parts.join("; "));
    Ok(())
}

/// How figures are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quartiles {
    lower: f64,
    median: f64,
    upper: f64,
}

impl Quartiles {
    /// Nothing for no figures, or where one is no number.
    fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let last = figures.len().checked_sub(1)?;
        let between = |quarters: usize| {
            let at = |place: usize| figures.get(place.min(last)).copied().unwrap_or_default();
            let (place, rest) = (last * quarters / 4, (last * quarters % 4) as f64 / 4.0);
            at(place) + (at(place + 1) - at(place)) * rest
        };
        let all = figures.iter().all(|figure| figure.is_finite());
        all.then(|| Self { lower: between(1), median: between(2), upper: between(3) })
    }
}

impl std::fmt::Display for Quartiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}, {:.2}, {:.2}", self.lower, self.median, self.upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_stand_between_figures() {
        let of = |figures: &[f64]| Quartiles::of(figures.iter().copied());
        assert_eq!(
            of(&[4.0, 1.0, 3.0, 2.0, 5.0]).map(|of| of.to_string()),
            Some("2.00, 3.00, 4.00".to_owned())
        );
        assert_eq!(of(&[1.0, 2.0]), Some(Quartiles { lower: 1.25, median: 1.5, upper: 1.75 }));
        assert_eq!(of(&[7.0]), Some(Quartiles { lower: 7.0, median: 7.0, upper: 7.0 }));
        assert_eq!((of(&[]), of(&[1.0, f64::NAN]), of(&[f64::INFINITY])), (None, None, None));
    }
}
