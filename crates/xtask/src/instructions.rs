//! `cargo xtask instructions`: instructions of a transaction, compared with what is written down in `benches/instructions.toml`.
//!
//! Counts of a release build differ by less than one percent from run to run, so that a slower engine shows on a busy machine too. The
//! numbers belong to an architecture and to a release of the compiler, which stands beside them: another release is allowed more, as it
//! may well need more or less itself.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::bench_peers::{
    build::{Ground, Kind},
    callgrind,
};

/// What is counted: a page, an API call, an attack.
const REQUESTS: [&str; 3] = ["get_browser", "json_1k", "atk_sqli"];

/// More than this over the baseline fails.
const TOLERATED_PERCENT: u64 = 5;
/// The same where another release of the compiler built it.
const TOLERATED_OF_ANOTHER_COMPILER: u64 = 20;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A release of the Core Rule Set; PORTCULLIS_DATA/crs/4.28.0 or target/data/crs/4.28.0 unless given
    #[arg(long)]
    crs: Option<PathBuf>,
    /// Writes the counts down instead of comparing
    #[arg(long)]
    write: bool,
}

/// The file, by architecture.
type Baseline = BTreeMap<String, Known>;

/// What was counted.
#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Known {
    /// `rustc --version`
    #[serde(default)]
    compiler: String,
    /// Instructions of each request.
    #[serde(flatten)]
    counts: BTreeMap<String, u64>,
}

/// Whether no request takes more instructions than the baseline allows.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    if !callgrind::available() {
        println!("NOT RUN: no valgrind here (apt install valgrind)");
        return Ok(true);
    }
    let path = workspace.join("benches/instructions.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut baseline: Baseline = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let ground = Ground::prepare(workspace, arguments.crs.as_deref(), &[1])?;
    let driver = ground.ours("release")?;
    let rules = ground.rules(Kind::Portcullis, 1);
    let counts =
        callgrind::count(Kind::Portcullis, &driver, &rules, &ground.corpus(), &REQUESTS, ground.directory())?;
    let known = baseline.entry(std::env::consts::ARCH.to_owned()).or_default();
    let compiler = compiler()?;
    if arguments.write {
        known.compiler = compiler;
        known.counts.extend(REQUESTS.iter().map(|name| (*name).to_owned()).zip(counts.iter().copied()));
        fs::write(&path, format!("{HEAD}{}", toml::to_string(&baseline)?))?;
        println!("benches/instructions.toml");
        return Ok(true);
    }
    let mut tolerated = TOLERATED_PERCENT;
    if compiler != known.compiler {
        println!("the baseline was counted with {}, this is {compiler}", known.compiler);
        tolerated = TOLERATED_OF_ANOTHER_COMPILER;
    }
    let mut holds = true;
    for (name, count) in REQUESTS.iter().zip(counts) {
        let (line, held) = judge(name, count, known.counts.get(*name).copied(), tolerated);
        println!("{line}");
        holds &= held;
    }
    Ok(holds)
}

const HEAD: &str = "# Instructions of a warm transaction, CRS 4.28.0 at paranoia level 1, release profile, counted by callgrind. A change that
# takes over 5 % more fails `cargo xtask instructions`; one that takes fewer is written down with `cargo xtask instructions --write`.

";

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("rustc")?;
    let version = String::from_utf8_lossy(&output.stdout);
    // `rustc 1.95.0`: the commit and its date say no more.
    Ok(version.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// What is to be said of a count, and whether it is good.
fn judge(name: &str, count: u64, known: Option<u64>, tolerated: u64) -> (String, bool) {
    let Some(known) = known else {
        return (format!("{name}: {count} instructions; no baseline for this architecture"), true);
    };
    let change = (count as f64 / known as f64 - 1.0) * 100.0;
    let line = format!("{name}: {count} instructions, {change:+.1} % of {known}");
    if count * 100 > known * (100 + tolerated) {
        return (format!("{line}: more than {tolerated} % over the baseline"), false);
    }
    (line, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_five_percent_fails() {
        assert!(judge("a", 105, Some(100), TOLERATED_PERCENT).1);
        assert!(judge("a", 10, Some(100), TOLERATED_PERCENT).1);
        let (line, holds) = judge("a", 106, Some(100), TOLERATED_PERCENT);
        assert!(!holds && line.contains("+6.0 %"), "{line}");
        assert!(judge("a", 106, Some(100), TOLERATED_OF_ANOTHER_COMPILER).1);
        assert!(!judge("a", 121, Some(100), TOLERATED_OF_ANOTHER_COMPILER).1);
        assert!(judge("a", 1, None, TOLERATED_PERCENT).1);
    }

    #[test]
    fn the_committed_file_is_understood() {
        let path = crate::workspace().join("benches/instructions.toml");
        let baseline: Baseline = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert!(baseline.values().all(|known| REQUESTS.iter().all(|name| known.counts.contains_key(*name))));
    }
}
