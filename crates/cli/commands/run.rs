//! `portcullis run`

use std::path::PathBuf;

use portcullis_edge::{RunOptions, StartError};

use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value_os_t = crate::default_config())]
    config: PathBuf,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    ended(portcullis_edge::run(&RunOptions { config_path: arguments.config }))
}

/// What a server that ended, or never began, means for the exit code.
pub(crate) fn ended(result: Result<(), StartError>) -> anyhow::Result<Exit> {
    match result {
        Ok(()) => Ok(Exit::Good),
        Err(StartError::Config { sources, diagnostics }) => {
            output::draw(&sources, &diagnostics);
            Ok(Exit::Config)
        }
        Err(error) => Err(error.into()),
    }
}
