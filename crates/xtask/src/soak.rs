//! `cargo xtask soak`: what takes minutes.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::{conformance, reloads};

/// So many times the rules are reloaded.
const RELOADS: usize = 1_000;

/// So many requests are made for both engines, over all settings.
const MUTATIONS: &str = "100000";

/// So many commands on the register are killed.
const KILLS: &str = "300";

/// So many handshakes with client certificates while register, CRL and certificates change.
const HANDSHAKES: &str = "2000";

/// Descriptors that hundreds of connections take, both ends of which are in one process.
const DESCRIPTORS: &str = "16384";

/// Whether all of it holds. One that fails does not keep the others from running.
pub(crate) fn run(workspace: &Path, crs: Option<PathBuf>) -> anyhow::Result<bool> {
    let suite = conformance::run(workspace, &conformance::Arguments::whole(crs.clone()));
    let flat = reloads::run(workspace, &reloads::Arguments { crs, binary: None, count: RELOADS });
    let equal = mutations(workspace)?;
    let kills = end_to_end(workspace, "kills::", ("PORTCULLIS_KILLS", KILLS))?;
    let churn = end_to_end(workspace, "churn::", ("PORTCULLIS_HANDSHAKES", HANDSHAKES))?;
    let slow = slow_clients(workspace)?;
    Ok(suite? && flat? && equal && kills && churn && slow)
}

/// Requests of the suite, mutated, through both engines. The seed is fixed in the test.
fn mutations(workspace: &Path) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args(["test", "--release", "--package", "portcullis-waf", "--test", "differential"])
        .args(["--", "--nocapture"])
        .env("PORTCULLIS_MUTATIONS", MUTATIONS);
    Ok(test.current_dir(workspace).status().context("cargo test")?.success())
}

/// Hundreds of clients that take their time.
fn slow_clients(workspace: &Path) -> anyhow::Result<bool> {
    let script = "ulimit -n \"$0\" && exec \"$@\"";
    let mut test = Command::new("sh");
    test.args(["-c", script, DESCRIPTORS, "cargo", "test", "--package", "portcullis-edge", "--test", "edge"])
        .args(["slow::", "--", "--nocapture"])
        .env("PORTCULLIS_SLOW_CLIENTS", "1");
    Ok(test.current_dir(workspace).status().context("sh")?.success())
}

/// Tests of the binary, by the beginning of their names, in the length that a variable says.
fn end_to_end(workspace: &Path, topic: &str, (variable, length): (&str, &str)) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args(["test", "--test", "end_to_end", topic, "--", "--nocapture"]).env(variable, length);
    Ok(test.current_dir(workspace).status().context("cargo test")?.success())
}
