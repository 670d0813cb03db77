//! May this address come in: by the lists for everybody and for the route, by the networks of the customer. A break-glass entry that
//! lets one in is written down at every use.

use std::time::Duration;

use portcullis_policy::{Admitted, Customer, NotAdmitted};
use serde_json::json;

use crate::{
    answer::Refusal,
    clock,
    context::{Connection, Context},
    edge::Edge,
    snapshot::Snapshot,
};

/// Before a byte of TLS. A proxy is not judged: its clients are, one by one.
pub(crate) fn connection(edge: &Edge, snapshot: &Snapshot, connection: &Connection) -> Result<(), Refusal> {
    let address = connection.client.ip();
    if snapshot.trust.is_proxy(address) {
        return Ok(());
    }
    match snapshot.access.access().connection(address, clock::unix_time) {
        Ok(Admitted::ByLists) => Ok(()),
        Ok(Admitted::ByBreakGlass(entry)) => {
            let used = Used { connection, entry, route: None, customer: None, request_id: None };
            used.record(edge, snapshot);
            Ok(())
        }
        Err(reason) => Err(refusal(reason)),
    }
}

/// With route and customer known. Lists may have changed since the connection was accepted.
pub(crate) fn request(snapshot: &Snapshot, ctx: &mut Context) -> Result<(), Refusal> {
    let arrival = ctx.arrival.as_ref().ok_or(Refusal::Internal)?;
    let route = &ctx.route().ok_or(Refusal::Internal)?.id;
    let address = arrival.connection.client.ip();
    let customer = ctx.identity.as_ref().and_then(|identity| {
        let networks = identity.contract()?.networks.as_deref()?;
        Some(Customer { id: identity.id.as_str(), networks })
    });
    match snapshot.access.access().request(address, route, customer, clock::unix_time) {
        Ok(Admitted::ByLists) => Ok(()),
        Ok(Admitted::ByBreakGlass(entry)) => {
            let connection = &arrival.connection;
            let customer = ctx.identity.as_ref().map(|identity| identity.id.as_str());
            let request_id = Some(&*ctx.request_id);
            let used = Used { connection, entry, route: Some(route), customer, request_id };
            used.record(&ctx.edge, snapshot);
            ctx.break_glass = Some(entry);
            Ok(())
        }
        Err(reason) => Err(refusal(reason)),
    }
}

fn refusal(reason: NotAdmitted) -> Refusal {
    match reason {
        NotAdmitted::Denied => Refusal::AddressDenied,
        NotAdmitted::NotAllowed => Refusal::AddressNotAllowed,
        NotAdmitted::NotOfCustomer => Refusal::CustomerAddress,
    }
}

/// One use of a break-glass entry.
struct Used<'a> {
    connection: &'a Connection,
    entry: usize,
    route: Option<&'a str>,
    customer: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl Used<'_> {
    fn record(&self, edge: &Edge, snapshot: &Snapshot) {
        let Some(entry) = snapshot.config.break_glass.get(self.entry) else { return };
        edge.metrics.break_glass(&entry.id);
        snapshot.logs.audit.event(&json!({
            "time": clock::rfc3339(Duration::ZERO),
            "type": "break_glass",
            "request_id": self.request_id,
            "client": self.connection.client,
            "route": self.route,
            "customer": self.customer,
            "entry": entry.id,
            "expires": clock::rfc3339_of(entry.expires),
            "reason": entry.reason,
            "ticket": entry.ticket,
            "approved_by": entry.approved_by,
        }));
    }
}
