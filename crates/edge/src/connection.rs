//! One client connection, from its acceptance to its end: bounds, handshake, then HTTP/2 or the HTTP/1 loop.

mod frames;
mod http1;
mod http2;
mod io;
pub(crate) mod proxy_protocol;

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use pingora_core::{
    apps::ServerApp,
    protocols::{
        ALPN, GetSocketDigest as _, Stream, l4::socket::SocketAddr as PingoraAddr,
        l4::stream::Stream as TcpStream,
    },
    server::ShutdownWatch,
};
use pingora_proxy::HttpProxy;
use portcullis_policy::Source;
use portcullis_telemetry::{TlsFacts, redact};
use tokio::time::Instant;

use crate::{
    answer::Refusal, client, context::Connection, edge::Edge, pipeline::Pipeline, stages::record, tls,
};

pub(crate) use io::EdgeIo;

/// Serves the TLS listeners.
pub(crate) struct Connections {
    pub(crate) edge: Arc<Edge>,
    pub(crate) proxy: Arc<HttpProxy<Pipeline>>,
}

#[async_trait]
impl ServerApp for Connections {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let mut tcp: TcpStream = *stream.into_any().downcast().ok()?;
        let mut connection = facts(&tcp)?;
        let snapshot = self.edge.snapshot();
        let limit = snapshot.config.limits.connections;
        let Some(_place) = self.edge.connections.reserve(1, limit) else {
            record::connection(&self.edge, &connection, &Refusal::ConnectionLimit);
            return None;
        };
        let _open = self.edge.metrics.connection();
        let began = Instant::now();
        let limit = snapshot.config.limits.handshake_timeout;
        if let Err(refusal) = client::of_connection(&snapshot, &mut tcp, &mut connection, limit).await {
            record::connection(&self.edge, &connection, &refusal);
            return None;
        }
        let deadline = limit.saturating_sub(began.elapsed());
        let config = Arc::clone(&snapshot.tls);
        // A connection may live for hours; it must not keep the snapshot it began under.
        drop(snapshot);
        match tls::accept(tcp, config, deadline).await {
            Ok(handshake) => {
                self.edge.metrics.tls_handshake("ok");
                self.serve(handshake, connection, shutdown).await;
            }
            Err(tls::HandshakeError::Timeout) => {
                self.edge.metrics.tls_handshake("timeout");
                record::connection(&self.edge, &connection, &Refusal::HandshakeTimeout);
            }
            Err(tls::HandshakeError::Failed) => {
                self.edge.metrics.tls_handshake("failed");
                record::connection(&self.edge, &connection, &Refusal::HandshakeFailed);
            }
        }
        None
    }
}

impl Connections {
    async fn serve(&self, handshake: tls::Handshake, mut connection: Connection, shutdown: &ShutdownWatch) {
        connection.tls = Some(TlsFacts {
            version: handshake.stream.version().map(str::to_owned),
            sni: handshake.server_name.as_ref().map(|name| redact::host(name.as_bytes())),
            alpn: handshake.stream.alpn_name().map(redact::word),
        });
        let connection = Arc::new(connection);
        let http2 = handshake.stream.alpn() == Some(ALPN::H2);
        let io = EdgeIo::new(handshake.stream);
        if http2 {
            http2::serve(self, io, connection, shutdown.clone()).await;
        } else {
            http1::serve(self, io, connection, shutdown.clone()).await;
        }
    }
}

/// Both ends of a connection. `None` when the client was gone before they could be read.
pub(crate) fn facts(tcp: &TcpStream) -> Option<Connection> {
    let socket = tcp.get_socket_digest()?;
    let (PingoraAddr::Inet(client), PingoraAddr::Inet(server)) = (socket.peer_addr()?, socket.local_addr()?)
    else {
        return None;
    };
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    Some(Connection { peer: client, client, source: Source::Connection, server: *server, tls: None })
}
