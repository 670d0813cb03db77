//! `cargo xtask conformance`: builds the binary unless one is given, runs the suite, prints what does not hold.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use portcullis_conformance::{DecisionOptions, Decisions, Options, decisions, run as run_suite};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The Core Rule Set: a release, or /usr/share/modsecurity-crs; target/data/crs/4.28.0 unless given
    #[arg(long)]
    crs: Option<PathBuf>,
    /// The release whose tests are run, where the rule set comes without them, as Debian's package does
    #[arg(long, value_name = "DIR")]
    tests: Option<PathBuf>,
    /// Cases to run, such as `942*` or `920100-4`
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Run every Nth case only
    #[arg(long, value_name = "N", default_value_t = 1)]
    sample: usize,
    /// Prints one JSON object before the last line
    #[arg(long)]
    json: bool,
    /// The binary to test; builds the release binary unless given
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Connections at once
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// The decision suite instead: in blocking mode at paranoia 1 to 4, attacks are refused and ordinary requests pass
    #[arg(long)]
    decisions: bool,
}

impl Arguments {
    /// Every case, on the release binary.
    pub(crate) fn whole(crs: Option<PathBuf>) -> Self {
        Self {
            crs,
            tests: None,
            only: None,
            sample: 1,
            json: false,
            binary: None,
            connections: 4,
            decisions: false,
        }
    }
}

/// Whether every case holds.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let crs = arguments.crs.clone().unwrap_or_else(|| workspace.join("target/data/crs/4.28.0"));
    let tests = arguments.tests.clone().unwrap_or_else(|| crs.clone());
    if !tests.join("tests").is_dir() {
        bail!("{} has no tests; `cargo xtask data` fetches releases that have", tests.display());
    }
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => build(workspace)?,
    };
    if arguments.decisions {
        return decide(workspace, arguments, crs, binary);
    }
    let options = Options {
        binary,
        ledger: ledger(workspace, &tests),
        crs,
        tests,
        only: arguments.only.clone(),
        every: arguments.sample,
        connections: arguments.connections,
    };
    let outcome = run_suite(&options).map_err(anyhow::Error::msg)?;
    if arguments.json {
        println!("{}", serde_json::json!({ "problems": outcome.problems, "line": outcome.line }));
    } else {
        for problem in &outcome.problems {
            println!("{problem}");
        }
    }
    println!("{}", outcome.line);
    Ok(outcome.problems.is_empty())
}

/// Whether every decision is right.
fn decide(workspace: &Path, arguments: &Arguments, crs: PathBuf, binary: PathBuf) -> anyhow::Result<bool> {
    let options = DecisionOptions {
        binary,
        benign: workspace.join("crates/conformance/decisions/benign.toml"),
        api: workspace.join("rules/api"),
        ledger: ledger(workspace, &crs),
        crs,
        levels: vec![1, 2, 3, 4],
        every: arguments.sample,
        connections: arguments.connections,
    };
    let decided = decisions(&options).map_err(anyhow::Error::msg)?;
    if arguments.json {
        let Decisions { problems, notes, table } = &decided;
        println!("{}", serde_json::json!({ "problems": problems, "notes": notes, "table": table }));
    } else {
        for line in decided.notes.iter().chain(&decided.problems) {
            println!("{line}");
        }
        println!("{}", decided.table);
    }
    println!("{} wrong decisions", decided.problems.len());
    Ok(decided.problems.is_empty())
}

/// The ledger of the release that the tests are of, by the version that ends its directory's name or, failing that, the one of 4.28.0.
fn ledger(workspace: &Path, release: &Path) -> Option<PathBuf> {
    let ledgers = workspace.join("crates/conformance/ledger");
    let named = release.file_name()?.to_string_lossy();
    let version = named.rsplit('-').next().unwrap_or(&named);
    let candidates = [format!("crs-{version}.toml"), "crs-4.28.0.toml".to_owned()];
    candidates.into_iter().map(|name| ledgers.join(name)).find(|path| path.is_file())
}

pub(crate) fn build(workspace: &Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--bin", "portcullis"])
        .current_dir(workspace)
        .status()
        .context("cargo build")?;
    if !status.success() {
        bail!("cargo build: {status}");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    Ok(target.join("release/portcullis"))
}
