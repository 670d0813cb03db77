//! `cargo xtask instructions`: instructions of a transaction, compared with what is written down in `benches/instructions.toml`.
//!
//! Counts of a release build differ by less than one percent from run to run, so that a slower engine shows on a busy machine too. The
//! numbers belong to an architecture and to a release of the compiler: whoever changes either writes them anew with `--write`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
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

/// The file: of an architecture, of a request, instructions.
type Baseline = BTreeMap<String, BTreeMap<String, u64>>;

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
    if arguments.write {
        known.extend(REQUESTS.iter().map(|name| (*name).to_owned()).zip(counts.iter().copied()));
        fs::write(&path, format!("{HEAD}{}", toml::to_string(&baseline)?))?;
        println!("benches/instructions.toml");
        return Ok(true);
    }
    let mut holds = true;
    for (name, count) in REQUESTS.iter().zip(counts) {
        let (line, held) = judge(name, count, known.get(*name).copied());
        println!("{line}");
        holds &= held;
    }
    Ok(holds)
}

const HEAD: &str = "# Instructions of a warm transaction, CRS 4.28.0 at paranoia level 1, release profile, counted by callgrind. A change that
# takes over 5 % more fails `cargo xtask instructions`; one that takes fewer is written down with `cargo xtask instructions --write`.

";

/// What is to be said of a count, and whether it is good.
fn judge(name: &str, count: u64, known: Option<u64>) -> (String, bool) {
    let Some(known) = known else {
        return (format!("{name}: {count} instructions; no baseline for this architecture"), true);
    };
    let change = (count as f64 / known as f64 - 1.0) * 100.0;
    let line = format!("{name}: {count} instructions, {change:+.1} % of {known}");
    if count * 100 > known * (100 + TOLERATED_PERCENT) {
        return (format!("{line}: more than {TOLERATED_PERCENT} % over the baseline"), false);
    }
    (line, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_five_percent_fails() {
        assert!(judge("a", 105, Some(100)).1);
        assert!(judge("a", 10, Some(100)).1);
        let (line, holds) = judge("a", 106, Some(100));
        assert!(!holds && line.contains("+6.0 %"), "{line}");
        assert!(judge("a", 1, None).1);
    }

    #[test]
    fn the_committed_file_is_understood() {
        let path = crate::workspace().join("benches/instructions.toml");
        let baseline: Baseline = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert!(baseline.values().all(|known| REQUESTS.iter().all(|name| known.contains_key(*name))));
    }
}
