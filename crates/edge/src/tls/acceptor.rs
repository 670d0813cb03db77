//! The server's side of a TLS handshake, under one deadline from the first byte.
//!
//! The `ClientHello` is read first, over as many records as it takes; the configuration is chosen when its server name is known.

use std::{sync::Arc, time::Duration};

use pingora_core::protocols::l4::stream::Stream as TcpStream;
use rustls::{ServerConfig, server::Acceptor};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

use super::stream::TlsStream;
use crate::{identity::refusal_of, refusal::Refusal};

/// A finished handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) stream: TlsStream,
    /// Server name the client asked for, as it wrote it.
    pub(crate) server_name: Option<String>,
}

/// Why there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// The deadline passed.
    Timeout,
    /// The client closed, or spoke no TLS, or none that we do.
    Failed,
    /// The client's certificate does not count, or it has none where it must.
    Refused(Refusal),
}

/// Shakes hands by the configuration that is chosen for the server name. On failure the client has been sent an alert where one was
/// due.
///
/// # Errors
/// The deadline passed, or there was no common ground.
pub(crate) async fn accept(
    stream: TcpStream,
    choose: impl FnOnce(Option<&str>) -> Arc<ServerConfig>,
    deadline: Duration,
) -> Result<Handshake, HandshakeError> {
    let shake = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let server_name = start.client_hello().server_name().map(str::to_owned);
        let config = choose(server_name.as_deref());
        let stream = start.into_stream(config).await?;
        Ok(Handshake { stream: TlsStream::new(stream), server_name })
    };
    match timeout(deadline, shake).await {
        Ok(Ok(handshake)) => Ok(handshake),
        Ok(Err(error)) => Err(refusal_of(&error).map_or(HandshakeError::Failed, HandshakeError::Refused)),
        Err(_) => Err(HandshakeError::Timeout),
    }
}
