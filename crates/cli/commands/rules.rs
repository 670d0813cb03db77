//! `portcullis rules`: looks at rule files and installs rule sets.

mod archive;
mod check;
mod install;
mod lock;
mod release;

use crate::output::Exit;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Parses and compiles rule files, tells every problem
    Check(check::Arguments),
    /// Installs a rule set
    Install(install::Arguments),
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Install(arguments) => install::run(&arguments),
    }
}
