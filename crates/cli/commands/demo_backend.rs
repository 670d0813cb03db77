//! `portcullis demo-backend`

use std::{net::SocketAddr, path::PathBuf};

use portcullis_edge::DemoOptions;

use super::run::ended;
use crate::output::Exit;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9443")]
    listen: SocketAddr,
    /// Its certificate, PEM, leaf first
    #[arg(long, value_name = "FILE", default_value = "certs/backend.pem")]
    certificate: PathBuf,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", default_value = "certs/backend.key")]
    key: PathBuf,
    /// Answers without a body, other than those to POST /reflect: for test suites of rules
    #[arg(long)]
    empty: bool,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { listen, certificate, key, empty } = arguments;
    ended(portcullis_edge::demo_backend(&DemoOptions { listen, certificate, key, empty }))
}
