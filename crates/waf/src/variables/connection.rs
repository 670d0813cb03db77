//! Who talks to whom.

use std::net::IpAddr;

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Refused, Single},
    line,
};
use crate::state::{State, Value, decimal};

pub(super) const LINES: &[Line] = &[
    line(V::RemoteAddr, Single(remote_address)),
    // No name is looked up: the address, as in ModSecurity v3.
    line(V::RemoteHost, Single(remote_address)),
    line(V::RemotePort, Single(|state| Some(decimal(state.connection.client.port())))),
    line(V::ServerAddr, Single(|state| Some(address(state.connection.server.ip())))),
    line(V::ServerPort, Single(|state| Some(decimal(state.connection.server.port())))),
    line(V::UniqueId, Single(|state| Some(Value::from(state.connection.unique_id.as_bytes())))),
    line(V::UseragentIp, Refused("the edge decides who the client is before rules run", "use REMOTE_ADDR")),
];

fn remote_address(state: &State) -> Option<Value> {
    Some(address(state.connection.client.ip()))
}

/// An IPv4 client of a dual-stack listener is an IPv4 address to every rule.
fn address(address: IpAddr) -> Value {
    Value::from(address.to_canonical().to_string().into_bytes())
}
