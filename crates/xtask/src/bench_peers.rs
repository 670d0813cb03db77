//! `cargo xtask bench-peers`: this engine beside libmodsecurity and zentinel-modsec, over the same corpus, with the same rules.
//!
//! Every engine is a process that stays loaded, and they are asked in turn, request by request, so that the drift of a machine hits all
//! alike: what is reported are medians of CPU time and of the ratios within a round. A wrong verdict of ours or of libmodsecurity's
//! fails the run.

pub(crate) mod build;
pub(crate) mod callgrind;
mod peer;
mod table;

use std::path::{Path, PathBuf};

use anyhow::bail;
use portcullis_peers::corpus::{self, Exchange};

use build::{Ground, Kind};
use peer::{Peer, Timing};
use table::{Row, Table};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A release of the Core Rule Set; PORTCULLIS_DATA/crs/4.28.0 or target/data/crs/4.28.0 unless given
    #[arg(long)]
    crs: Option<PathBuf>,
    /// Prints one JSON object before the last line
    #[arg(long)]
    json: bool,
    /// How often every engine is asked for every request
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// CPU time for one answer, in seconds; three transactions at least
    #[arg(long, default_value_t = 0.06)]
    seconds: f64,
    /// Counts instructions of each transaction too, by callgrind: some minutes more
    #[arg(long)]
    instructions: bool,
    /// The only requests to run
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Paranoia levels of the rule set
    #[arg(long, value_name = "LEVEL", default_values_t = [1, 4])]
    level: Vec<u8>,
    /// Cargo profile of our driver
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Whether every verdict was right.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let exchanges: Vec<Exchange> = corpus::exchanges()
        .into_iter()
        .filter(|held| arguments.only.is_empty() || arguments.only.iter().any(|name| name == held.name))
        .collect();
    if exchanges.is_empty() || arguments.rounds == 0 {
        bail!("nothing to run: no such request, or no round");
    }
    let ground = Ground::prepare(workspace, arguments.crs.as_deref(), &arguments.level)?;
    let ours = ground.ours(&arguments.profile)?;
    let mut drivers = vec![
        (Kind::Libmodsecurity, ground.libmodsecurity()?),
        (Kind::Portcullis, ours.clone()),
        (Kind::Remembering, ours.clone()),
    ];
    match ground.zentinel() {
        Ok(driver) => drivers.push((Kind::Zentinel, driver)),
        Err(error) => println!("NOT RUN: zentinel-modsec does not build here: {error:#}"),
    }
    let mut tables = Vec::new();
    let mut problems = Vec::new();
    for level in &arguments.level {
        let mut peers = Vec::new();
        for (kind, driver) in &drivers {
            peers.push(Peer::start(*kind, driver, &ground.rules(*kind, *level), &ground.corpus())?);
        }
        problems.extend(verdicts(&mut peers, &exchanges, *level)?);
        let rules = ground.rules(Kind::Portcullis, *level);
        let mut oracle = Peer::start(Kind::Oracle, &ours, &rules, &ground.corpus())?;
        problems.extend(against_oracle(&mut peers, &mut oracle, &exchanges, *level)?);
        drop(oracle);
        for varied in [false, true] {
            let rows = measure(&mut peers, &exchanges, varied, arguments)?;
            tables.push(Table::new(*level, varied, &peers, rows));
        }
        for peer in &mut peers {
            println!("paranoia {level}: {}", peer.facts()?);
        }
    }
    let counts =
        if arguments.instructions { count(&ground, &drivers, &exchanges, arguments)? } else { Vec::new() };
    for table in tables.iter().chain(&counts) {
        println!("\n{table}");
    }
    for problem in &problems {
        println!("{problem}");
    }
    if arguments.json {
        let all: Vec<_> = tables.iter().chain(&counts).map(Table::json).collect();
        println!("{}", serde_json::json!({ "tables": all, "problems": problems }));
    }
    // The figure that is asked for: the first level, the corpus as it is, no verdict remembered.
    let line = tables.first().and_then(Table::summary);
    println!("{}", line.unwrap_or_else(|| "nothing measured".to_owned()));
    Ok(problems.is_empty())
}

/// What engines say about every request, compared with what is right. A peer beyond libmodsecurity that is wrong is told, not counted.
fn verdicts(peers: &mut [Peer], exchanges: &[Exchange], level: u8) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for exchange in exchanges {
        let refused = exchange.refused_from.is_some_and(|from| from <= level);
        let mut reference: Option<Vec<String>> = None;
        for peer in peers.iter_mut() {
            let (status, ids) = peer.ids(exchange.name)?;
            let (kind, name) = (peer.kind, exchange.name);
            if (status != 0) != refused {
                let wanted = if refused { "refused" } else { "passed" };
                let told = format!(
                    "paranoia {level}: {name}: {kind} gave {status}, must be {wanted}; rules {}",
                    ids.join(" ")
                );
                if kind == Kind::Zentinel {
                    println!("{told}");
                } else {
                    problems.push(told);
                }
            }
            match (&reference, kind) {
                (None, Kind::Libmodsecurity) => reference = Some(ids),
                (Some(expected), Kind::Portcullis | Kind::Remembering) => {
                    let differs = |id: &String| !known(level, name, id);
                    let more: Vec<_> =
                        ids.iter().filter(|id| !expected.contains(id) && differs(id)).collect();
                    let less: Vec<_> =
                        expected.iter().filter(|id| !ids.contains(id) && differs(id)).collect();
                    if !more.is_empty() || !less.is_empty() {
                        let place = format!("paranoia {level}: {name}");
                        problems.push(format!(
                            "{place}: libmodsecurity logs {less:?}, and does not log {more:?}"
                        ));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(problems)
}

/// What ours says, compared with what the plain evaluator says: status and every logged rule.
fn against_oracle(
    peers: &mut [Peer],
    oracle: &mut Peer,
    exchanges: &[Exchange],
    level: u8,
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let ours = |peer: &&mut Peer| matches!(peer.kind, Kind::Portcullis | Kind::Remembering);
    for peer in peers.iter_mut().filter(ours) {
        for exchange in exchanges {
            let (own, expected) = (peer.ids(exchange.name)?, oracle.ids(exchange.name)?);
            if own != expected {
                let name = exchange.name;
                problems.push(format!(
                    "paranoia {level}: {name}: {own:?} where the plain evaluator has {expected:?}"
                ));
            }
        }
    }
    Ok(problems)
}

/// Differences that are meant.
fn known(level: u8, name: &str, id: &str) -> bool {
    // Its log has no line of a rule of phase 5: those that report are not in it.
    let reporting = id.starts_with("980");
    // It shows the raw bytes of a multipart body to rules on REQUEST_BODY; here, as in ModSecurity 2 and Coraza, there are none.
    let raw_multipart = (level, name, id) == (4, "multipart_100k", "920272");
    reporting || raw_multipart
}

fn measure(
    peers: &mut [Peer],
    exchanges: &[Exchange],
    varied: bool,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Row>> {
    let mut timings: Vec<Vec<Vec<Timing>>> = vec![vec![Vec::new(); peers.len()]; exchanges.len()];
    for _ in 0..arguments.rounds {
        for (exchange, timings) in exchanges.iter().zip(&mut timings) {
            for (peer, timings) in peers.iter_mut().zip(timings) {
                timings.push(peer.time(exchange.name, varied, arguments.seconds)?);
            }
        }
    }
    Ok(exchanges.iter().zip(timings).map(|(exchange, timings)| Row::of(exchange.name, &timings)).collect())
}

fn count(
    ground: &Ground,
    drivers: &[(Kind, PathBuf)],
    exchanges: &[Exchange],
    arguments: &Arguments,
) -> anyhow::Result<Vec<Table>> {
    let names: Vec<&str> = exchanges.iter().map(|exchange| exchange.name).collect();
    let mut tables = Vec::new();
    for level in &arguments.level {
        let mut columns = Vec::new();
        for (kind, driver) in drivers {
            let counts = callgrind::count(
                *kind,
                driver,
                &ground.rules(*kind, *level),
                &ground.corpus(),
                &names,
                ground.directory(),
            )?;
            columns.push((*kind, counts));
        }
        tables.push(Table::instructions(*level, &names, &columns));
    }
    Ok(tables)
}
