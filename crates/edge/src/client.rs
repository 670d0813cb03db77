//! Who a connection and a request come from. Lists, limits, rules, records and backends all go by what is decided here.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use pingora_core::protocols::l4::stream::Stream as TcpStream;
use portcullis_policy::Source;
use tokio::time::timeout;

use crate::{
    answer::Refusal, connection::proxy_protocol, context::Connection, edge::Edge, gate::Head,
    snapshot::Snapshot, stages::address,
};

/// Reads what a trusted proxy says before everything else, and judges the address. From others not a byte is read before.
///
/// # Errors
/// A proxy says nothing, or nothing that can be understood, in time; the address may not come in.
pub(crate) async fn of_connection(
    edge: &Edge,
    snapshot: &Snapshot,
    tcp: &mut TcpStream,
    connection: &mut Connection,
    deadline: Duration,
) -> Result<(), Refusal> {
    if !snapshot.trust.speaks_proxy_protocol(connection.peer.ip()) {
        return address::connection(edge, snapshot, connection);
    }
    let header = timeout(deadline, proxy_protocol::read(tcp)).await;
    let header = header.map_err(|_| Refusal::ProxyHeaderTimeout)?;
    if let Some(client) = header.map_err(|_| Refusal::BadProxyHeader)? {
        connection.client = SocketAddr::new(client.ip().to_canonical(), client.port());
        connection.source = Source::ProxyProtocol;
    }
    address::connection(edge, snapshot, connection)
}

/// The connection as one of its requests has it: where a trusted proxy forwards for a client, that client's. Its port is not known
/// then, and zero.
pub(crate) fn of_request<'c>(
    snapshot: &Snapshot,
    connection: &'c Connection,
    head: &Head,
) -> Cow<'c, Connection> {
    let proxy = connection.client.ip();
    if !snapshot.trust.is_proxy(proxy) {
        return Cow::Borrowed(connection);
    }
    let name = snapshot.trust.field.name().as_bytes();
    let fields = head.fields();
    let values: Vec<&[u8]> = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
        .collect();
    match snapshot.trust.forwarded(proxy, &values) {
        Some(client) => {
            let client = SocketAddr::new(client, 0);
            Cow::Owned(Connection { client, source: Source::Forwarded, ..connection.clone() })
        }
        None => Cow::Borrowed(connection),
    }
}
