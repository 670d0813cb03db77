//! Who a request comes from: the one answer to it that lists, limits, rules, records and backends go by.
//!
//! A client's own word on its address counts for nothing. Only proxies that the operator named are believed, and of a chain of
//! addresses only as far as each was added by one of them: the right-most that is not such a proxy is the client.

use std::{borrow::Cow, net::IpAddr};

use crate::PrefixSet;

/// Addresses of one request's chain that are looked at; nobody has that many proxies of his own.
const MOST_HOPS: usize = 32;

/// The field in which trusted proxies tell where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedField {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl ForwardedField {
    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// How the address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is the other end of the connection.
    Connection,
    /// The connection's other end is a trusted proxy that said so before everything else.
    ProxyProtocol,
    /// A trusted proxy said so in the request's head.
    Forwarded,
}

/// Who is believed about addresses.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Peers that begin every connection with a PROXY protocol header.
    pub proxy_protocol: PrefixSet,
    /// Proxies whose `field` is believed.
    pub proxies: PrefixSet,
    /// The one field that is read; the others are a client's word even when a trusted proxy passes them on.
    pub field: ForwardedField,
}

impl Trust {
    /// Whether connections of this peer begin with a PROXY protocol header. They then must: guessing would let a client of the
    /// proxy write one of its own.
    #[must_use]
    pub fn speaks_proxy_protocol(&self, peer: IpAddr) -> bool {
        self.proxy_protocol.holds(peer)
    }

    /// Whether this address is that of a proxy, so that its clients are to be judged instead of it.
    #[must_use]
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.holds(address)
    }

    /// The client of a request that came from `peer`, if `peer` is a trusted proxy and has said so. `values` are those of
    /// [`Trust::field`] in the order of the wire.
    ///
    /// An entry that is no address (`unknown`, a name made up by a proxy, garbage) ends the chain: the proxy that wrote it is then the
    /// client, as it is the last that is known.
    #[must_use]
    pub fn forwarded(&self, peer: IpAddr, values: &[&[u8]]) -> Option<IpAddr> {
        if !self.is_proxy(peer) {
            return None;
        }
        let mut client = None;
        let mut hops = 0;
        for value in values.iter().rev() {
            let entries = match self.field {
                ForwardedField::XForwardedFor => Some(value.split(|byte| *byte == b',').collect::<Vec<_>>()),
                ForwardedField::Forwarded => split_unquoted(value, b','),
            };
            let Some(entries) = entries else { return client };
            for entry in entries.iter().rev() {
                hops += 1;
                let address = match self.field {
                    ForwardedField::XForwardedFor => node(entry.trim_ascii()),
                    ForwardedField::Forwarded => forwarded_for(entry),
                };
                let Some(address) = address.filter(|_| hops <= MOST_HOPS) else { return client };
                client = Some(address);
                if !self.is_proxy(address) {
                    return client;
                }
            }
        }
        client
    }
}

/// The parts between separators that stand outside of quotes. None when a quote does not end: then nobody can say which parts a
/// client wrote and which a proxy added behind them.
fn split_unquoted(value: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value
        .split(|byte| {
            if escaped {
                escaped = false;
            } else if quoted && *byte == b'\\' {
                escaped = true;
            } else if *byte == b'"' {
                quoted = !quoted;
            } else if *byte == separator {
                return !quoted;
            }
            false
        })
        .collect();
    (!quoted).then_some(parts)
}

/// The address in the `for` of an element (RFC 7239, section 4). Two of them are none.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in split_unquoted(element, b';')? {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (pair.get(..equals)?, pair.get(equals + 1..)?);
        if name.trim_ascii().eq_ignore_ascii_case(b"for") {
            if found.is_some() {
                return None;
            }
            found = Some(value.trim_ascii());
        }
    }
    let value = found?;
    let value: Cow<'_, [u8]> = match value.strip_prefix(b"\"") {
        Some(rest) => unescaped(rest.strip_suffix(b"\"")?),
        None => value.into(),
    };
    node(&value)
}

fn unescaped(quoted: &[u8]) -> Cow<'_, [u8]> {
    if !quoted.contains(&b'\\') {
        return quoted.into();
    }
    let mut escaped = false;
    let plain = quoted.iter().filter(|byte| {
        escaped = !escaped && **byte == b'\\';
        !escaped
    });
    plain.copied().collect::<Vec<u8>>().into()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port_fits
            .then(|| address.parse().ok().map(IpAddr::V6))
            .flatten()
            .map(|ip: IpAddr| ip.to_canonical());
    }
    let address = match text.split_once(':') {
        Some((address, port)) if is_port(port) && !address.is_empty() => address,
        _ => text,
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Also the made-up ports that a proxy may write to hide the real one (RFC 7239, section 6.3).
fn is_port(text: &str) -> bool {
    let obfuscated = |text: &str| {
        text.len() > 1 && text.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    (!text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit()))
        || (text.starts_with('_') && obfuscated(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trust(field: ForwardedField) -> Trust {
        let proxies = ["10.0.0.0/8", "2001:db8:aaaa::/48"].iter().map(|text| text.parse().unwrap()).collect();
        Trust { proxy_protocol: PrefixSet::default(), proxies, field }
    }

    fn client(field: ForwardedField, peer: &str, values: &[&str]) -> Option<String> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        trust(field).forwarded(peer.parse().unwrap(), &values).map(|address| address.to_string())
    }

    #[test]
    fn the_right_most_that_is_no_proxy_is_the_client() {
        for (peer, values, expected) in [
            // From outside of trust nothing is believed.
            ("192.0.2.1", &["203.0.113.9"][..], None),
            ("10.0.0.1", &[], None),
            ("10.0.0.1", &["203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["1.2.3.4, 203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["1.2.3.4", "203.0.113.9 ,10.0.0.2"], Some("203.0.113.9")),
            ("10.0.0.1", &["1.2.3.4,10.0.0.9,garbage,10.0.0.2"], Some("10.0.0.2")),
            ("10.0.0.1", &["203.0.113.9, unknown"], None),
            ("10.0.0.1", &["10.0.0.7, 10.0.0.8"], Some("10.0.0.7")),
            ("10.0.0.1", &["203.0.113.9:4711"], Some("203.0.113.9")),
            ("10.0.0.1", &["[2001:db8::9]:4711"], Some("2001:db8::9")),
            ("10.0.0.1", &["2001:db8::9, 2001:db8:aaaa::1"], Some("2001:db8::9")),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["203.0.113.9,"], None),
            ("10.0.0.1", &["203.0.113.9:80x"], None),
            ("10.0.0.1", &["[203.0.113.9]"], None),
            ("10.0.0.1", &["203.0.113.9]"], None),
        ] {
            let found = client(ForwardedField::XForwardedFor, peer, values);
            assert_eq!(found.as_deref(), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        for (values, expected) in [
            (&["for=203.0.113.9"][..], Some("203.0.113.9")),
            (&["For=\"[2001:db8:cafe::17]:4711\";by=10.0.0.1;proto=https"], Some("2001:db8:cafe::17")),
            (&["for=1.2.3.4;by=\"a,for=9.9.9.9\", for=203.0.113.9"], Some("203.0.113.9")),
            (&["for=1.2.3.4", "for=203.0.113.9 , for=10.0.0.3;host=x"], Some("203.0.113.9")),
            (&["for=203.0.113.9, for=_hidden"], None),
            (&["for=203.0.113.9, for=10.1.1.1, for=unknown"], None),
            (&["for=203.0.113.9;for=10.0.0.1"], None),
            (&["by=203.0.113.9"], None),
            (&["for=\"203.0.113.9"], None),
            (&["for=1.2.3.4;x=\", for=203.0.113.9"], None),
            (&["for=1.2.3.4;x=\", for=\"[2001:db8::9]\""], None),
            (&["for=\"203.0.113.9:_gone\""], Some("203.0.113.9")),
            (&["for=\"\\203.0.113.9\""], Some("203.0.113.9")),
        ] {
            let found = client(ForwardedField::Forwarded, "10.0.0.1", values);
            assert_eq!(found.as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn a_chain_without_end_is_cut() {
        let endless = "10.0.0.1,".repeat(10_000) + "10.0.0.1";
        assert_eq!(
            client(ForwardedField::XForwardedFor, "10.0.0.1", &[&endless]).as_deref(),
            Some("10.0.0.1")
        );
        let far = "203.0.113.9,".to_owned() + &endless;
        assert_eq!(client(ForwardedField::XForwardedFor, "10.0.0.1", &[&far]).as_deref(), Some("10.0.0.1"));
    }

    proptest! {
        /// Whatever a client writes to the left of what our proxy saw changes nothing.
        #[test]
        fn what_a_client_writes_is_not_believed(
            written in proptest::collection::vec("[ -~]{0,40}", 0..4),
            seen in any::<u32>(),
        ) {
            let seen = IpAddr::from(std::net::Ipv4Addr::from(seen));
            let trust = trust(ForwardedField::XForwardedFor);
            prop_assume!(!trust.is_proxy(seen));
            let mut values = written;
            values.push(seen.to_string());
            let values: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
            prop_assert_eq!(trust.forwarded("10.0.0.1".parse().unwrap(), &values), Some(seen));
        }

        #[test]
        fn not_even_in_the_same_value(written in "[ -~]{0,60}", quoted in any::<bool>()) {
            let trust = trust(ForwardedField::Forwarded);
            let seen: IpAddr = "2001:db8::9".parse().unwrap();
            let added = if quoted { "for=\"[2001:db8::9]\"" } else { "for=2001:db8::9" };
            let value = format!("{written}, {added}");
            let found = trust.forwarded("10.0.0.1".parse().unwrap(), &[value.as_bytes()]);
            prop_assert!(found.is_none() || found == Some(seen), "{:?}", found);
        }

        #[test]
        fn nothing_that_is_read_is_too_much(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            for field in [ForwardedField::XForwardedFor, ForwardedField::Forwarded] {
                let _ = trust(field).forwarded("10.0.0.1".parse().unwrap(), &[&value]);
            }
        }
    }
}
