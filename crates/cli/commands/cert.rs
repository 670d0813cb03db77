//! `portcullis cert`: certificates.

mod crl;
mod expiring;
mod handover;
mod init;
mod issue;
mod list;
mod revoke;
mod server;

use crate::{commands::register::conclude, output::Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Makes a register of customers and the authority that issues their certificates
    Init(init::Arguments),
    /// Issues a certificate to a customer
    Issue(issue::Arguments),
    /// Issues the successor of a customer's certificate; both count until the first ends or is revoked
    Renew(issue::Arguments),
    /// Revokes a certificate by its serial number, or all of a customer
    Revoke(revoke::Arguments),
    /// Lists certificates
    List(list::Arguments),
    /// Tells which certificates end soon; exit 1 when one does that has no successor
    Expiring(expiring::Arguments),
    /// Prints the revocation list, or makes it anew
    Crl(crl::Arguments),
    /// Makes the server's certificate
    Server(server::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Init(arguments) => conclude(arguments.place.json, init::run(arguments)),
        Command::Issue(arguments) => conclude(arguments.place.json, issue::issue(arguments)),
        Command::Renew(arguments) => conclude(arguments.place.json, issue::renew(arguments)),
        Command::Revoke(arguments) => conclude(arguments.place.json, revoke::run(arguments)),
        Command::List(arguments) => conclude(arguments.place.json, list::run(arguments)),
        Command::Expiring(arguments) => conclude(arguments.place.json, expiring::run(arguments)),
        Command::Crl(arguments) => conclude(arguments.place.json, crl::run(arguments)),
        Command::Server(arguments) => server::run(arguments),
    }
}
