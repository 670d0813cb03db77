//! Transport security towards clients: one rustls configuration of our own per snapshot, taken anew at each handshake.

mod acceptor;
mod certificates;
mod stream;

pub(crate) use acceptor::{Handshake, HandshakeError, accept, server_config};
pub(crate) use certificates::certificates;
pub(crate) use stream::TlsStream;
