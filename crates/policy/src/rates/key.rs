//! What a limit counts by: parts of a request, made into one number by a keyed hash.
//!
//! The hash is keyed (SipHash) so that nobody outside can find two requests that share a count, and so that what is kept, here or in a
//! store, tells no address and no credential.

use std::{hash::Hasher as _, net::IpAddr};

use ipnet::IpNet;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::OwnRate;

/// A part of a request that a limit counts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The client's address, of IPv6 as much as [`Prefixes`] says.
    Address,
    /// The customer.
    Customer,
    /// The route.
    Route,
    /// The value of a header field, such as an API key; name in lower case.
    Header(String),
}

/// How much of an address counts as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Bits of an IPv4 address, 32 at most.
    pub v4: u8,
    /// Bits of an IPv6 address: whoever has one has a whole network of them, 64 bits or shorter.
    pub v6: u8,
}

/// What is known of a request when limits are asked.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The client.
    pub address: IpAddr,
    /// Id of the customer, where one is known.
    pub customer: Option<&'a str>,
    /// Its own rate, where one was agreed on.
    pub own_rate: Option<&'a OwnRate>,
    /// Id of the route.
    pub route: &'a str,
    /// The first value of a header field by its name in lower case.
    pub header: &'a (dyn Fn(&str) -> Option<&'a [u8]> + Sync),
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject")
            .field("customer", &self.customer)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// Makes keys. Edges that share a store share the secret as well, or each would count for itself.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHasher {
    secret: [u8; 16],
    prefixes: Prefixes,
}

impl KeyHasher {
    /// With a secret of the process, or of the fleet.
    #[must_use]
    pub fn new(secret: [u8; 16], prefixes: Prefixes) -> Self {
        Self { secret, prefixes }
    }

    /// The key of a request under a limit. None where a part is missing that the limit counts by: it does not apply then.
    pub(super) fn key(&self, limit: &str, parts: &[KeyPart], subject: &Subject<'_>) -> Option<u128> {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        write(&mut hasher, limit.as_bytes());
        for part in parts {
            match part {
                KeyPart::Address => match self.network(subject.address) {
                    IpAddr::V4(address) => write(&mut hasher, &address.octets()),
                    IpAddr::V6(address) => write(&mut hasher, &address.octets()),
                },
                KeyPart::Customer => write(&mut hasher, subject.customer?.as_bytes()),
                KeyPart::Route => write(&mut hasher, subject.route.as_bytes()),
                KeyPart::Header(name) => write(&mut hasher, (subject.header)(name)?),
            }
        }
        Some(hasher.finish128().as_u128())
    }

    fn network(&self, address: IpAddr) -> IpAddr {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { self.prefixes.v4 } else { self.prefixes.v6 };
        IpNet::new(address, length).map_or(address, |network| network.network())
    }
}

/// The secret stays a secret.
impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyHasher").field("prefixes", &self.prefixes).finish_non_exhaustive()
    }
}

/// With its length in front, so that two parts never look like two others.
fn write(hasher: &mut SipHasher13, part: &[u8]) {
    hasher.write_u64(part.len() as u64);
    hasher.write(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(
        parts: &[KeyPart],
        address: &str,
        customer: Option<&str>,
        header: Option<&'static [u8]>,
    ) -> Option<u128> {
        let hasher = KeyHasher::new([7; 16], Prefixes { v4: 32, v6: 64 });
        let of_header = |_: &str| header;
        let subject = Subject {
            address: address.parse().unwrap(),
            customer,
            own_rate: None,
            route: "all",
            header: &of_header,
        };
        hasher.key("a-limit", parts, &subject)
    }

    #[test]
    fn who_shares_a_key() {
        let by_address = |address| key(&[KeyPart::Address], address, None, None).unwrap();
        assert_eq!(by_address("2001:db8::1"), by_address("2001:db8::ffff:1"));
        assert_ne!(by_address("2001:db8::1"), by_address("2001:db8:0:1::1"));
        assert_ne!(by_address("192.0.2.1"), by_address("192.0.2.2"));
        assert_eq!(by_address("192.0.2.1"), by_address("::ffff:192.0.2.1"));
        let two = [KeyPart::Customer, KeyPart::Header("x-api-key".to_owned())];
        let both = |customer, header| key(&two, "192.0.2.1", Some(customer), Some(header)).unwrap();
        assert_ne!(both("ab", b"c"), both("a", b"bc"));
        assert_eq!(both("ab", b"c"), key(&two, "192.0.2.9", Some("ab"), Some(b"c")).unwrap());
    }

    #[test]
    fn without_a_part_there_is_no_key() {
        assert_eq!(key(&[KeyPart::Customer], "192.0.2.1", None, None), None);
        assert_eq!(key(&[KeyPart::Address, KeyPart::Header("x".to_owned())], "192.0.2.1", None, None), None);
        assert!(key(&[], "192.0.2.1", None, None).is_some());
    }
}
