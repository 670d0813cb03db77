//! Groups of key agreement, which a server is asked for one after the other.

use std::io;

use super::wire::{Offer, Reply, SCHEMES, Server, TLS13};

/// A group of IANA's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub code: u16,
    /// Its name.
    pub name: &'static str,
    /// Length of an RSA key of the same strength (NIST SP 800-57, table 2).
    pub rsa_bits: u32,
    /// Whether it holds against a quantum computer too.
    pub post_quantum: bool,
}

const fn classic(code: u16, name: &'static str, rsa_bits: u32) -> Group {
    Group { code, name, rsa_bits, post_quantum: false }
}

const fn hybrid(code: u16, name: &'static str, rsa_bits: u32) -> Group {
    Group { code, name, rsa_bits, post_quantum: true }
}

/// Those that anybody uses, and those that nobody should.
const ALL: [Group; 28] = [
    hybrid(0x11ec, "X25519MLKEM768", 3072),
    hybrid(0x11eb, "SecP256r1MLKEM768", 3072),
    hybrid(0x11ed, "SecP384r1MLKEM1024", 7680),
    classic(29, "X25519", 3072),
    classic(23, "secp256r1", 3072),
    classic(24, "secp384r1", 7680),
    classic(25, "secp521r1", 15360),
    classic(30, "X448", 7680),
    classic(256, "ffdhe2048", 2048),
    classic(257, "ffdhe3072", 3072),
    classic(258, "ffdhe4096", 4096),
    classic(259, "ffdhe6144", 6144),
    classic(260, "ffdhe8192", 8192),
    classic(31, "brainpoolP256r1tls13", 3072),
    classic(32, "brainpoolP384r1tls13", 7680),
    classic(33, "brainpoolP512r1tls13", 15360),
    classic(26, "brainpoolP256r1", 3072),
    classic(27, "brainpoolP384r1", 7680),
    classic(28, "brainpoolP512r1", 15360),
    classic(22, "secp256k1", 3072),
    classic(21, "secp224r1", 2048),
    classic(20, "secp224k1", 2048),
    classic(19, "secp192r1", 1024),
    classic(18, "secp192k1", 1024),
    classic(16, "secp160r1", 1024),
    classic(9, "sect283k1", 3072),
    classic(6, "sect233k1", 2048),
    classic(1, "sect163k1", 1024),
];

impl Group {
    pub(super) fn of(code: u16) -> Option<Self> {
        ALL.into_iter().find(|group| group.code == code)
    }

    /// Numbers of all, those that are wanted most first.
    pub(super) fn codes() -> Vec<u16> {
        ALL.iter().map(|group| group.code).collect()
    }
}

/// Every group that the server agrees to with these suites.
pub(super) fn accepted(server: &Server, version: u16, suites: &[u16]) -> io::Result<Vec<Group>> {
    let mut left = Group::codes();
    let mut accepted = Vec::new();
    while !left.is_empty() && !suites.is_empty() {
        let offer = Offer { version, suites, groups: &left, schemes: &SCHEMES, compression: &[0] };
        let Reply::Hello(hello) = server.ask(&offer)? else { break };
        let Some(group) = hello.group.filter(|code| left.contains(code)) else { break };
        if hello.version != version {
            break;
        }
        left.retain(|code| *code != group);
        accepted.extend(Group::of(group));
    }
    if version >= TLS13 {
        return Ok(accepted);
    }
    // A server without any of them may still have agreed on another kind of key.
    accepted.retain(|group| !group.post_quantum);
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_stands_twice() {
        let mut codes = Group::codes();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
        assert_eq!(Group::of(29).map(|group| group.name), Some("X25519"));
    }
}
