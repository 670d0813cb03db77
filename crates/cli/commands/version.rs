//! `portcullis version`

use serde_json::json;

use crate::output::{self, Exit};

/// Version of this binary.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit it was built from, where whoever built it said so.
const REVISION: Option<&str> = option_env!("PORTCULLIS_REVISION");

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.json {
        output::say(&json!({ "name": "portcullis", "version": VERSION, "revision": REVISION }).to_string());
    } else {
        let revision = REVISION.map(|revision| format!(" ({revision})")).unwrap_or_default();
        output::say(&format!("portcullis {VERSION}{revision}"));
    }
    Ok(Exit::Good)
}
