//! `portcullis rules`: looks at rule files and installs rule sets.

mod archive;
mod check;
mod chosen;
mod explain;
mod install;
mod lock;
mod release;
mod stats;

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
    /// Shows how a rule was compiled: what wakes it, and what it costs
    Explain(explain::Arguments),
    /// Shows what a rule set was compiled to, in numbers
    Stats(stats::Arguments),
    /// Installs a rule set
    Install(install::Arguments),
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Stats(arguments) => stats::run(&arguments),
        Command::Install(arguments) => install::run(&arguments),
    }
}
