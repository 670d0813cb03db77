//! `@ipMatch`
//!
//! Matches when the value is an address within one of the listed addresses and networks, IPv4 or IPv6, separated by commas.
//!
//! Differences: an entry that is no address is refused when rules are loaded, as in v3. Blanks around entries are ignored. An IPv4 address
//! written as IPv6 (`::ffff:192.0.2.1`) is also looked up as the IPv4 address it is, so that a dual-stack listener passes no rule by.
//!
//! Example: `SecRule REMOTE_ADDR "@ipMatch 127.0.0.1,::1,192.168.0.0/16" "id:1,pass"`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Found, Operate, Refusal, Resources, written::Written};

/// Addresses as inclusive ranges, sorted and apart from each other, so that a lookup is a binary search.
#[derive(Debug)]
pub(super) struct Networks {
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<(Ipv6Addr, Ipv6Addr)>,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let mut entries = Vec::new();
    parse_list(written.text, &mut entries).map_err(|entry| not_an_address("@ipMatch", &entry))?;
    if entries.is_empty() {
        return Err(Refusal::new(
            "@ipMatch without an address",
            "list addresses and networks: 127.0.0.1,::1,10.0.0.0/8",
        ));
    }
    Ok(Box::new(Networks::new(&entries)))
}

pub(super) fn not_an_address(place: &str, entry: &str) -> Refusal {
    Refusal::new(
        format!("{place}: {entry:?} is neither an address nor a network"),
        "write IPv4 or IPv6 addresses, or networks such as 10.0.0.0/8 and 2001:db8::/32",
    )
}

/// Adds the entries of one comma separated list.
///
/// # Errors
/// The entry that is no address.
pub(super) fn parse_list(text: &[u8], entries: &mut Vec<IpNet>) -> Result<(), String> {
    for entry in text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()) {
        let parsed = std::str::from_utf8(entry).ok().and_then(network);
        entries.push(parsed.ok_or_else(|| entry.escape_ascii().to_string())?);
    }
    Ok(())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

impl Networks {
    pub(super) fn new(entries: &[IpNet]) -> Self {
        let v4: Vec<Ipv4Net> = entries
            .iter()
            .filter_map(|entry| if let IpNet::V4(net) = entry { Some(*net) } else { None })
            .collect();
        let v6: Vec<Ipv6Net> = entries
            .iter()
            .filter_map(|entry| if let IpNet::V6(net) = entry { Some(*net) } else { None })
            .collect();
        Self {
            v4: sorted(Ipv4Net::aggregate(&v4).iter().map(|net| (net.network(), net.broadcast()))),
            v6: sorted(Ipv6Net::aggregate(&v6).iter().map(|net| (net.network(), net.broadcast()))),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => lies_in(&self.v4, &address),
            IpAddr::V6(address) => {
                lies_in(&self.v6, &address)
                    || address.to_ipv4_mapped().is_some_and(|mapped| lies_in(&self.v4, &mapped))
            }
        }
    }
}

fn sorted<T: Ord>(ranges: impl Iterator<Item = (T, T)>) -> Vec<(T, T)> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort();
    ranges
}

fn lies_in<T: Ord>(ranges: &[(T, T)], address: &T) -> bool {
    let after = ranges.partition_point(|(from, _)| from <= address);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|(_, to)| address <= to)
}

impl Operate for Networks {
    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let address = std::str::from_utf8(input).ok().and_then(|text| text.parse().ok());
        let matches = address.is_some_and(|address| self.contains(address));
        if matches {
            found.all(input);
        }
        matches
    }
}
