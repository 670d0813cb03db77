//! `portcullis tls`: transport security as clients see it.

mod report;
mod sheet;

use crate::output::Exit;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shakes hands in every way there is and grades what came of it, after SSL Labs' rating guide
    Report(report::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Report(arguments) => report::run(arguments),
    }
}
