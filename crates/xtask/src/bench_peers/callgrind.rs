//! Instructions of a transaction, counted by callgrind: the same on every machine of an architecture, whatever else it is doing.
//!
//! The rules are loaded once. For every request the driver runs some transactions that are not counted, then a function whose name
//! callgrind knows: it counts inside of it alone and writes a file when it is left.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

use super::build::{self, Kind};

/// Transactions before those that are counted: everything that is built on first use is there by then.
const WARM: u32 = 2;
/// Transactions that are counted.
const COUNTED: u32 = 2;

/// Whether valgrind is there.
pub(crate) fn available() -> bool {
    build::answers("valgrind")
}

/// Instructions of one warm transaction of each request.
pub(crate) fn count(
    kind: Kind,
    driver: &Path,
    rules: &Path,
    corpus: &Path,
    names: &[&str],
    directory: &Path,
) -> anyhow::Result<Vec<u64>> {
    if !available() {
        build::apt(&["valgrind"])?;
    }
    // In full: callgrind writes no file when a pattern begins with an asterisk.
    let function = match kind {
        Kind::Libmodsecurity => "counted_transactions",
        Kind::Portcullis | Kind::Remembering | Kind::Oracle => {
            "portcullis_peers::driver::counted_transactions"
        }
        Kind::Zentinel => "zentinel_peer::driver::counted_transactions",
    };
    let scratch = tempfile::tempdir_in(directory)?;
    let log = fs::File::create(scratch.path().join("log"))?;
    let mut valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--compress-strings=no"])
        .args([format!("--toggle-collect={function}"), format!("--dump-after={function}")])
        .arg(format!("--callgrind-out-file={}", scratch.path().join("out").display()))
        .arg(driver)
        .arg(rules)
        .arg(corpus)
        .args(kind.argument())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("valgrind")?;
    if let Some(mut input) = valgrind.stdin.take() {
        for name in names {
            writeln!(input, "count {name} {WARM} {COUNTED}")?;
        }
    }
    let status = valgrind.wait()?;
    if !status.success() {
        bail!("valgrind: {status}: {}", fs::read_to_string(scratch.path().join("log")).unwrap_or_default());
    }
    (1..=names.len())
        .map(|number| Ok(total(&scratch.path().join(format!("out.{number}")))? / u64::from(COUNTED)))
        .collect()
}

/// The sum that a file of callgrind's ends with.
fn total(path: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("{}: no total", path.display()))
}
