//! `portcullis cert server`: development certificates.

use std::path::PathBuf;

use anyhow::Context as _;
use portcullis_pki::{
    Directory, PkiError,
    development::{self, Outcome, Reason},
};
use serde_json::json;
use time::OffsetDateTime;

use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For development: an authority that is good for localhost alone, a certificate for the edge, one for the demo backend. What is
    /// there and good for another week is kept; what somebody else issued is never overwritten
    #[arg(long, required = true)]
    dev: bool,
    /// Where they go
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(server: &Arguments) -> anyhow::Result<Exit> {
    let mut store = Directory::create(&server.dir).with_context(|| server.dir.display().to_string())?;
    let outcomes = match development::ensure(&mut store, OffsetDateTime::now_utc()) {
        Ok(outcomes) => outcomes,
        Err(error @ PkiError::Foreign { .. }) => {
            output::complain(&format!("{}/{error}; name another place with --dir", server.dir.display()));
            return Ok(Exit::Findings);
        }
        Err(error) => return Err(error.into()),
    };
    if server.json {
        let list: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                json!({
                    "file": server.dir.join(outcome.file).display().to_string(),
                    "made": outcome.made.map(reason),
                    "not_after": outcome.not_after.date().to_string(),
                })
            })
            .collect();
        output::say(&json!(list).to_string());
    } else {
        outcomes.iter().for_each(|outcome| output::say(&line(server, outcome)));
    }
    Ok(Exit::Good)
}

fn line(server: &Arguments, outcome: &Outcome) -> String {
    let file = server.dir.join(outcome.file);
    let until = outcome.not_after.date();
    match outcome.made {
        Some(made) => format!("{}: made, {}; good until {until}", file.display(), reason(made)),
        None => format!("{}: kept; good until {until}", file.display()),
    }
}

fn reason(made: Reason) -> &'static str {
    match made {
        Reason::Missing => "there was none",
        Reason::Unusable => "what was there could not be used",
        Reason::Expiring => "the one before ends within a week",
        Reason::NewAuthority => "the authority is new",
    }
}
