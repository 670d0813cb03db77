//! `cargo xtask soak`: what takes minutes.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::conformance;

/// So many commands on the register are killed.
const KILLS: &str = "300";

/// Whether all of it holds. One that fails does not keep the others from running.
pub(crate) fn run(workspace: &Path, crs: Option<PathBuf>) -> anyhow::Result<bool> {
    let suite = conformance::run(workspace, &conformance::Arguments::whole(crs));
    let kills = kills(workspace)?;
    Ok(suite? && kills)
}

fn kills(workspace: &Path) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args(["test", "--test", "end_to_end", "kills::", "--", "--nocapture"])
        .env("PORTCULLIS_KILLS", KILLS);
    Ok(test.current_dir(workspace).status().context("cargo test")?.success())
}
