//! `portcullis`: the commands, one file each in `commands`.
//!
//! What a command says about its subject goes to standard output, everything else to standard error. The exit code tells what
//! happened: see [`output::Exit`].

mod commands;
mod output;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use commands::{cert, check, customer, demo_backend, rules, run, tls, version};
use output::Exit;

// Nearly everything that a proxied request needs is allocated for it and freed with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reverse proxy and web application firewall that compiles the OWASP Core Rule Set
#[derive(Parser)]
#[command(name = "portcullis", version = version::VERSION, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Portcullis {
    /// Checks a configuration and all it names; the same as `portcullis check`
    #[arg(short = 't', long = "test")]
    test: bool,
    #[command(flatten)]
    check: check::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is told to end: SIGHUP reloads, SIGTERM drains, SIGINT ends
    Run(run::Arguments),
    /// Checks a configuration and all it names, serves nothing
    Check(check::Arguments),
    /// Checks and installs rule sets
    Rules(rules::Arguments),
    /// Issues, renews, revokes and lists customers' certificates; makes development certificates
    Cert(cert::Arguments),
    /// Adds, changes and offboards customers
    Customer(customer::Arguments),
    /// Grades transport security as clients see it
    Tls(tls::Arguments),
    /// Serves an echo over TLS, something to put the edge in front of
    DemoBackend(demo_backend::Arguments),
    /// Says what this is
    Version(version::Arguments),
}

fn main() -> ExitCode {
    let arguments = Portcullis::parse();
    let done = match (arguments.command, arguments.test) {
        (Some(Command::Run(arguments)), _) => run::run(arguments),
        (Some(Command::Check(arguments)), _) => check::run(&arguments),
        (Some(Command::Rules(arguments)), _) => rules::run(arguments),
        (Some(Command::Cert(arguments)), _) => cert::run(&arguments),
        (Some(Command::Customer(arguments)), _) => customer::run(&arguments),
        (Some(Command::Tls(arguments)), _) => tls::run(&arguments),
        (Some(Command::DemoBackend(arguments)), _) => demo_backend::run(arguments),
        (Some(Command::Version(arguments)), _) => version::run(&arguments),
        (None, true) => check::run(&arguments.check),
        (None, false) => {
            output::complain("a command is needed, or -t; see `portcullis --help`");
            Ok(Exit::Usage)
        }
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Exit::Internal.into()
        }
    }
}

/// The configuration that a command without `--config` reads.
fn default_config() -> PathBuf {
    PathBuf::from("config.toml")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Portcullis::command().debug_assert();
    }

    #[test]
    fn the_short_form_checks() {
        let parsed =
            Portcullis::try_parse_from(["portcullis", "-t", "--config", "a.toml"]).map(|parsed| parsed.test);
        assert_eq!(parsed.ok(), Some(true));
        assert!(Portcullis::try_parse_from(["portcullis", "-t", "run"]).is_err());
        assert!(
            Portcullis::try_parse_from(["portcullis", "rules", "install", "other", "--from", "x"]).is_err()
        );
        assert!(Portcullis::try_parse_from(["portcullis", "cert", "server"]).is_err());
    }
}
