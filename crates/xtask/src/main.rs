//! Developer commands: `cargo xtask layers`, `conformance`, `data`, `soak`, `docs`.

mod bench_edge;
mod bench_handshakes;
mod bench_hostile;
mod bench_peers;
mod conformance;
mod data;
mod docs;
mod fuzz_smoke;
mod instructions;
mod layers;
mod reloads;
mod soak;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Developer commands of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fails on any arrow between crates that is not in the drawing of ARCHITECTURE.md
    Layers,
    /// Runs the regression suite of the Core Rule Set through a real edge
    Conformance(conformance::Arguments),
    /// This engine beside others, over one corpus: CPU time of a transaction
    BenchPeers(bench_peers::Arguments),
    /// The most expensive requests that can be made from the rules: CPU time for each byte
    BenchHostile(bench_hostile::Arguments),
    /// Requests that a core serves: the edge with its rules and without, nginx with ModSecurity and without
    BenchEdge(bench_edge::Arguments),
    /// Full TLS 1.3 handshakes with client certificates that a core does: the edge and nginx
    BenchHandshakes(bench_handshakes::Arguments),
    /// Instructions of a transaction, compared with benches/instructions.toml
    Instructions(instructions::Arguments),
    /// Fetches the pinned data sets of tests/data.lock into target/data
    Data(data::Arguments),
    /// Writes the reference pages that are generated from the language's tables
    Docs {
        /// Writes nothing; fails when a page is not what it would write
        #[arg(long)]
        check: bool,
    },
    /// Runs the fuzz targets, each for a while
    FuzzSmoke(fuzz_smoke::Arguments),
    /// Reloads the full rule set under load: memory must stay as it was
    Reloads(reloads::Arguments),
    /// The long forms of what ./test runs in short: the whole regression suite on the release binary, 300 kills of the commands on
    /// the register, 2,000 handshakes while certificates change, slow clients by the hundred, 1,000 reloads under load, 100,000 mutated requests for both engines
    Soak {
        /// A release of the Core Rule Set with its tests; target/data/crs/4.28.0 unless given
        #[arg(long)]
        crs: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Layers => layers::run(workspace()),
        Command::Conformance(arguments) => conformance::run(workspace(), &arguments),
        Command::BenchPeers(arguments) => bench_peers::run(workspace(), &arguments),
        Command::BenchHostile(arguments) => bench_hostile::run(workspace(), &arguments),
        Command::BenchEdge(arguments) => bench_edge::run(workspace(), &arguments),
        Command::BenchHandshakes(arguments) => bench_handshakes::run(workspace(), &arguments),
        Command::Reloads(arguments) => reloads::run(workspace(), &arguments),
        Command::Instructions(arguments) => instructions::run(workspace(), &arguments),
        Command::Data(arguments) => data::run(workspace(), &arguments),
        Command::Docs { check } => docs::run(workspace(), check),
        Command::FuzzSmoke(arguments) => fuzz_smoke::run(workspace(), &arguments),
        Command::Soak { crs } => soak::run(workspace(), crs),
    };
    match done {
        Ok(holds) => ExitCode::from(u8::from(!holds)),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The directory of the root manifest.
fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}
