//! Transport security towards clients: what the server shows itself with, taken anew at each handshake, and watched on the disk.

mod acceptor;
mod certificates;
mod chain;
mod pem;
mod provider;
pub mod report;
mod server;
mod stamp;
mod stream;
mod watch;

pub(crate) use acceptor::{Handshake, HandshakeError, accept};
pub(crate) use pem::{at, certificates};
pub(crate) use provider::{algorithms, install as install_provider};
pub(crate) use server::Server;
pub(crate) use stamp::Stamps;
pub(crate) use stream::TlsStream;
pub(crate) use watch::watch;
