//! A set of address prefixes, asked whether it holds an address.
//!
//! What is asked is membership alone, and prefixes are nested or apart; so the set is what they cover: sorted ranges, found by a search
//! over every 32nd of them and one within those. A trie answers the same, and its nodes lie all over the memory: of a million prefixes a
//! search reads few lines of it, a walk down a trie one for each bit that matters.

use std::net::IpAddr;

use ipnet::IpNet;

/// Prefixes of both families; a million of them are asked in well under a microsecond.
///
/// An IPv4 address that came over an IPv6 socket (`::ffff:192.0.2.1`) is the IPv4 address it stands for, here and everywhere.
#[derive(Clone, Default)]
pub struct PrefixSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    prefixes: usize,
}

impl PrefixSet {
    /// Whether a prefix of the set holds the address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.holds(address.into()),
            IpAddr::V6(address) => self.v6.holds(address.into()),
        }
    }

    /// Prefixes that were put into it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prefixes
    }

    /// Whether it holds no address at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prefixes == 0
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let mut set = Self::default();
        set.extend(prefixes);
        set
    }
}

impl Extend<IpNet> for PrefixSet {
    fn extend<I: IntoIterator<Item = IpNet>>(&mut self, prefixes: I) {
        for prefix in prefixes {
            self.prefixes += 1;
            match prefix {
                IpNet::V4(prefix) => self.v4.add(prefix.network().into(), prefix.broadcast().into()),
                IpNet::V6(prefix) => self.v6.add(prefix.network().into(), prefix.broadcast().into()),
            }
        }
        self.v4.settle();
        self.v6.settle();
    }
}

/// A set may be longer than anybody wants to read.
impl std::fmt::Debug for PrefixSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} prefixes", self.len())
    }
}

/// Ranges between one step of the first search and the next.
const BLOCK: usize = 32;

/// What some prefixes cover: ranges that do not touch each other, in order, by their first and last address.
#[derive(Clone, Default)]
struct Ranges<T> {
    all: Vec<(T, T)>,
    /// The first address of every [`BLOCK`]th range.
    heads: Vec<T>,
}

impl<T: Copy + Ord> Ranges<T> {
    fn holds(&self, address: T) -> bool {
        let heads = self.heads.partition_point(|first| *first <= address);
        let Some(block) = heads.checked_sub(1).and_then(|block| self.all.chunks(BLOCK).nth(block)) else {
            return false;
        };
        let begun = block.partition_point(|(first, _)| *first <= address);
        let nearest = begun.checked_sub(1).and_then(|index| block.get(index));
        nearest.is_some_and(|(_, last)| address <= *last)
    }

    /// To be settled before anything is asked.
    fn add(&mut self, first: T, last: T) {
        self.all.push((first, last));
    }

    fn settle(&mut self) {
        self.all.sort_unstable();
        let mut covered: Vec<(T, T)> = Vec::with_capacity(self.all.len());
        for (first, last) in self.all.drain(..) {
            match covered.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => covered.push((first, last)),
            }
        }
        covered.shrink_to_fit();
        self.heads = covered.iter().step_by(BLOCK).map(|(first, _)| *first).collect();
        self.all = covered;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_families_and_what_stands_for_one_in_the_other() {
        let set: PrefixSet = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
            .iter()
            .map(|text| text.parse::<IpNet>().unwrap())
            .collect();
        for (address, held) in [
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("::ffff:192.0.2.1", true),
            ("198.51.100.7", true),
            ("198.51.100.6", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(set.holds(address.parse().unwrap()), held, "{address}");
        }
        let all: PrefixSet = ["0.0.0.0/0".parse::<IpNet>().unwrap()].into_iter().collect();
        assert!(all.holds("203.0.113.1".parse().unwrap()) && !all.holds("::1".parse().unwrap()));
        assert!(PrefixSet::default().is_empty() && !PrefixSet::default().holds("::".parse().unwrap()));
    }

    /// Prefixes and addresses out of a few bits, so that they meet.
    fn prefix() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (0_u32..4096, 0_u8..=32).prop_map(|(bits, length)| {
                IpNet::from(Ipv4Net::new(Ipv4Addr::from(bits.rotate_right(6)), length).unwrap())
            }),
            (0_u128..4096, 0_u8..=128).prop_map(|(bits, length)| {
                IpNet::from(Ipv6Net::new(Ipv6Addr::from(bits.rotate_right(6)), length).unwrap())
            }),
        ]
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0_u32..4096).prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits.rotate_right(6)))),
            (0_u128..4096).prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits.rotate_right(6)))),
            any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
            any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits))),
        ]
    }

    proptest! {
        #[test]
        fn it_answers_as_a_linear_scan_does(
            prefixes in proptest::collection::vec(prefix(), 0..200),
            later in 0_usize..200,
            addresses in proptest::collection::vec(address(), 1..60),
        ) {
            let (first, then) = prefixes.split_at(later.min(prefixes.len()));
            let mut set: PrefixSet = first.iter().copied().collect();
            set.extend(then.iter().copied());
            let edges = prefixes.iter().flat_map(|prefix| [prefix.network(), prefix.broadcast()]);
            for address in addresses.into_iter().chain(edges) {
                let canonical = address.to_canonical();
                let scan = prefixes.iter().any(|prefix| prefix.contains(&canonical));
                prop_assert_eq!(set.holds(address), scan, "{}", address);
            }
        }
    }
}
