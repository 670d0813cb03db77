//! One client connection, from its acceptance to its end: bounds, handshake, then HTTP/2 or the HTTP/1 loop.

mod flood;
mod frames;
mod http1;
mod http2;
mod io;
mod pace;
pub(crate) mod proxy_protocol;
mod stream;

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
    answer::Refusal, budget::Share, client, context::Connection, edge::Edge, host, identity::Presented,
    pipeline::Pipeline, snapshot::Snapshot, stages::record, tls,
};

pub(crate) use io::EdgeIo;
pub(crate) use pace::Patience;

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
        let Some(_place) = self.edge.connections.reserve(1, snapshot.config.limits.connections) else {
            record::connection(&self.edge, &connection, &Refusal::ConnectionLimit);
            return None;
        };
        let _open = self.edge.metrics.connection();
        let began = Instant::now();
        let limit = snapshot.config.limits.handshake_timeout;
        let admitted =
            match client::of_connection(&self.edge, &snapshot, &mut tcp, &mut connection, limit).await {
                Ok(()) => share(&self.edge, &snapshot, &connection),
                Err(refusal) => Err(refusal),
            };
        let _share = match admitted {
            Ok(share) => share,
            Err(refusal) => {
                record::connection(&self.edge, &connection, &refusal);
                return None;
            }
        };
        let deadline = limit.saturating_sub(began.elapsed());
        let patience = Patience {
            stall: snapshot.config.limits.write_timeout,
            rate: snapshot.config.limits.answer_rate,
        };
        // A connection may live for hours; it must not keep the snapshot it began under beyond its handshake.
        let terms = move |name: Option<&str>| {
            let host = name.and_then(|name| host::parse(name.as_bytes()));
            snapshot.tls.terms(snapshot.asked_of(host.as_deref()))
        };
        match tls::accept(tcp, terms, deadline).await {
            Ok(handshake) => {
                self.edge.metrics.tls_handshake("ok");
                self.serve(handshake, connection, patience, shutdown).await;
            }
            Err(tls::HandshakeError::Timeout) => {
                self.edge.metrics.tls_handshake("timeout");
                record::connection(&self.edge, &connection, &Refusal::HandshakeTimeout);
            }
            Err(tls::HandshakeError::Refused(refusal)) => {
                self.edge.metrics.tls_handshake("refused");
                record::connection(&self.edge, &connection, &refusal);
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
    async fn serve(
        &self,
        handshake: tls::Handshake,
        mut connection: Connection,
        patience: Patience,
        shutdown: &ShutdownWatch,
    ) {
        connection.tls = Some(TlsFacts {
            version: handshake.stream.version().map(str::to_owned),
            sni: handshake.server_name.as_ref().map(|name| redact::host(name.as_bytes())),
            alpn: handshake.stream.alpn_name().map(redact::word),
        });
        connection.server_name = handshake.server_name.as_ref().and_then(|name| host::parse(name.as_bytes()));
        // One that was accepted can be read; one that could not be would be none, and be asked for again where it must be there.
        connection.certificate =
            handshake.stream.client_certificate().and_then(|der| Presented::read(der).ok());
        let connection = Arc::new(connection);
        let http2 = handshake.stream.alpn() == Some(ALPN::H2);
        let io = EdgeIo::new(handshake.stream, patience);
        if http2 {
            http2::serve(self, io, connection, shutdown.clone()).await;
        } else {
            http1::serve(self, io, connection, shutdown.clone()).await;
        }
    }
}

/// Room for one more connection from its address. Proxies that are trusted to forward for many have no bound of their own.
pub(crate) fn share(
    edge: &Edge,
    snapshot: &Snapshot,
    connection: &Connection,
) -> Result<Option<Share>, Refusal> {
    let address = connection.client.ip();
    if snapshot.trust.is_proxy(address) {
        return Ok(None);
    }
    let share = edge.addresses.reserve(address, snapshot.config.limits.connections_per_address);
    share.map(Some).ok_or(Refusal::AddressLimit)
}

/// Both ends of a connection. `None` when the client was gone before they could be read.
pub(crate) fn facts(tcp: &TcpStream) -> Option<Connection> {
    let socket = tcp.get_socket_digest()?;
    let (PingoraAddr::Inet(client), PingoraAddr::Inet(server)) = (socket.peer_addr()?, socket.local_addr()?)
    else {
        return None;
    };
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    Some(Connection {
        peer: client,
        client,
        source: Source::Connection,
        server: *server,
        tls: None,
        server_name: None,
        certificate: None,
    })
}
