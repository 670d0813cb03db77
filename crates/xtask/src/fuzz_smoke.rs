//! `cargo xtask fuzz-smoke`: builds the libFuzzer binaries of `fuzz/` and runs each for a while.
//!
//! On the stable toolchain and without cargo-fuzz: coverage comes from LLVM's own pass, and nothing here has unsafe code that a sanitizer
//! would have to watch. An input that breaks a property is put into `fuzz/regressions`, where a plain test replays it for ever.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use portcullis_fuzzing::{TARGETS, Target};

/// Coverage of edges with counters, the places they stand for, and what comparisons compared.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// One input that takes longer is a fault.
const TIMEOUT_SECONDS: u32 = 10;

/// More memory than this is a fault.
const MEMORY_MIB: u32 = 2048;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Time for each target
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// The only target to run
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
}

/// Whether every property held.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let targets: Vec<&Target> = match &arguments.target {
        None => TARGETS.iter().collect(),
        Some(name) => match portcullis_fuzzing::find(name) {
            Some(target) => vec![target],
            None => {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                bail!("no target is called {name}; there are {}", names.join(", "));
            }
        },
    };
    let binaries = build(workspace, &targets)?;
    let mut broken = 0;
    for target in &targets {
        println!("== {}", target.name);
        broken += usize::from(!fuzz(workspace, &binaries, target, arguments.seconds)?);
    }
    println!("{} targets, {} seconds each, {broken} broken", targets.len(), arguments.seconds);
    Ok(broken == 0)
}

/// Builds the binaries and gives their directory. A target is named, so that build scripts and macros stay free of instrumentation.
fn build(workspace: &Path, targets: &[&Target]) -> anyhow::Result<PathBuf> {
    let host = host()?;
    let directory = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("fuzz/target"), |shared| workspace.join(shared).join("fuzz"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", &host, "--target-dir"])
        .arg(&directory)
        .current_dir(workspace.join("fuzz"))
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for target in targets {
        cargo.args(["--bin", target.name]);
    }
    let status = cargo.status().context("cargo build")?;
    if !status.success() {
        bail!("cargo build: {status}; libFuzzer needs a C++ compiler (apt: g++)");
    }
    Ok(directory.join(host).join("release"))
}

fn host() -> anyhow::Result<String> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let told = rustc.arg("-vV").output().context("rustc -vV")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what its host is")?.to_owned())
}

/// Runs one target. New inputs go to `fuzz/corpus`; one that breaks the property to `fuzz/regressions`.
fn fuzz(workspace: &Path, binaries: &Path, target: &Target, seconds: u32) -> anyhow::Result<bool> {
    let place = |kind: &str| workspace.join("fuzz").join(kind).join(target.name);
    let (corpus, artifacts, regressions) = (place("corpus"), place("artifacts"), place("regressions"));
    for directory in [&corpus, &artifacts] {
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    for (number, seed) in target.seeds.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number:02}")), seed)?;
    }
    let dictionary = artifacts.with_extension("dict");
    fs::write(&dictionary, dictionary_of(target))?;
    let before = names(&artifacts)?;
    let mut command = Command::new(binaries.join(target.name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-dict={}", dictionary.display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-verbosity=0", "-print_final_stats=1"])
        .arg(&corpus);
    if regressions.is_dir() {
        command.arg(&regressions);
    }
    let status = command.status().with_context(|| format!("{:?}", command.get_program()))?;
    let found: Vec<String> =
        names(&artifacts)?.into_iter().filter(|name| !before.contains(name) && is_fault(name)).collect();
    for name in &found {
        fs::create_dir_all(&regressions)?;
        fs::copy(artifacts.join(name), regressions.join(name))?;
        println!("{}: broken by fuzz/regressions/{}/{name}", target.name, target.name);
    }
    Ok(status.success() && found.is_empty())
}

/// A slow unit is a note of libFuzzer's, not a fault.
fn is_fault(name: &str) -> bool {
    ["crash-", "timeout-", "oom-"].iter().any(|kind| name.starts_with(kind))
}

fn names(directory: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The pieces in libFuzzer's syntax: quoted, with everything but plain letters and digits as `\xHH`.
fn dictionary_of(target: &Target) -> String {
    let mut text = String::new();
    for piece in target.pieces {
        text.push('"');
        for byte in *piece {
            if byte.is_ascii_alphanumeric() {
                text.push(char::from(*byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_in_libfuzzers_syntax() {
        static PIECES: &[&[u8]] = &[b"a1", b"\"\\\n"];
        let target = Target { name: "x", run: |_| {}, seeds: &[], pieces: PIECES };
        assert_eq!(dictionary_of(&target), "\"a1\"\n\"\\x22\\x5c\\x0a\"\n");
    }

    #[test]
    fn only_faults_become_regressions() {
        assert!(is_fault("crash-0a") && is_fault("timeout-0a") && is_fault("oom-0a"));
        assert!(!is_fault("slow-unit-0a"));
    }

    #[test]
    fn an_unknown_target_is_told_with_those_there_are() {
        let arguments = Arguments { seconds: 1, target: Some("nothing".to_owned()) };
        let error = run(Path::new("/nonexistent"), &arguments).unwrap_err().to_string();
        assert!(error.contains("nothing") && error.contains("urlencoded"), "{error}");
    }
}
