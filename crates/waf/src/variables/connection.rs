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
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let (mut text, mut at) = ([0; 15], 0);
            let mut put = |byte: u8| {
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                    at += 1;
                }
            };
            for (position, octet) in address.octets().into_iter().enumerate() {
                if position > 0 {
                    put(b'.');
                }
                if octet >= 100 {
                    put(b'0' + octet / 100);
                }
                if octet >= 10 {
                    put(b'0' + octet / 10 % 10);
                }
                put(b'0' + octet % 10);
            }
            Value::from(text.get(..at).unwrap_or_default())
        }
        IpAddr::V6(address) => Value::from(address.to_string().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_are_written_as_anywhere() {
        for bits in [0, 1, 0x0102_0304, 0x0a63_64c8, 0x7f00_0001, 0xc0a8_09ff, u32::MAX] {
            let client = Ipv4Addr::from_bits(bits);
            assert_eq!(&*address(client.into()), client.to_string().as_bytes());
            assert_eq!(&*address(client.to_ipv6_mapped().into()), client.to_string().as_bytes());
        }
        let client: IpAddr = "2001:db8::7".parse().unwrap();
        assert_eq!(&*address(client), b"2001:db8::7");
    }
}
