//! Cipher suites: what a name says, and which of them a server agrees to.
//!
//! All suites of the registry are offered, by the hundred; what the server picks is taken out and the rest offered again, until it picks
//! none. That takes one connection for each suite it has and one for each hundred it has not.

use std::io;

use rustls::CipherSuite;

use super::wire::{FALLBACK_SCSV, Offer, RENEGOTIATION_SCSV, Reply, SCHEMES, Server, TLS13};

/// So many in one hello: there are servers that choke on more.
const AT_ONCE: usize = 100;

/// A suite of IANA's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number.
    pub code: u16,
    /// Its name.
    pub name: &'static str,
}

/// How a suite agrees on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchange {
    /// TLS 1.3: the group is agreed on apart.
    Ephemeral,
    /// Ephemeral elliptic curves.
    Ecdhe,
    /// Ephemeral Diffie-Hellman.
    Dhe,
    /// The same without a certificate.
    AnonymousEcdh,
    /// The same without a certificate.
    AnonymousDh,
    /// By RSA encryption or with the certificate's own key: no forward secrecy.
    Static,
    /// None at all, or with keys of an exportable size.
    Broken,
}

impl Suite {
    /// `None` for a number that is not registered, or signals something.
    pub(super) fn of(code: u16) -> Option<Self> {
        if [RENEGOTIATION_SCSV, FALLBACK_SCSV].contains(&code) {
            return None;
        }
        let name = CipherSuite::from(code).as_str()?;
        Some(Self { code, name: tls13_name(code).unwrap_or(name) })
    }

    /// Every suite that a server of this version may have.
    pub(super) fn all(version: u16) -> impl Iterator<Item = u16> {
        (0..=u16::MAX)
            .filter(move |code| (version >= TLS13) == is_tls13(*code))
            .filter(|code| Self::of(*code).is_some())
    }

    /// How it agrees on keys.
    #[must_use]
    pub fn key_exchange(self) -> KeyExchange {
        if is_tls13(self.code) {
            return KeyExchange::Ephemeral;
        }
        let how = self.name.split("_WITH_").next().unwrap_or_default();
        match () {
            () if how.contains("EXPORT") || how == "TLS_NULL" => KeyExchange::Broken,
            () if how.starts_with("TLS_ECDHE_") => KeyExchange::Ecdhe,
            () if how.starts_with("TLS_DHE_") => KeyExchange::Dhe,
            () if how == "TLS_ECDH_anon" => KeyExchange::AnonymousEcdh,
            () if how == "TLS_DH_anon" => KeyExchange::AnonymousDh,
            () => KeyExchange::Static,
        }
    }

    /// Whether keys are of no use once the connection is gone.
    #[must_use]
    pub fn has_forward_secrecy(self) -> bool {
        matches!(self.key_exchange(), KeyExchange::Ephemeral | KeyExchange::Ecdhe | KeyExchange::Dhe)
    }

    /// Whether the server is not authenticated.
    #[must_use]
    pub fn is_anonymous(self) -> bool {
        matches!(self.key_exchange(), KeyExchange::AnonymousDh | KeyExchange::AnonymousEcdh)
    }

    /// Whether it encrypts and authenticates in one (AES-GCM, CCM, ChaCha20-Poly1305).
    #[must_use]
    pub fn is_aead(self) -> bool {
        ["GCM", "CCM", "POLY1305"].iter().any(|part| self.name.contains(part))
    }

    /// Bits of the key that it encrypts with.
    #[must_use]
    pub fn bits(self) -> u16 {
        let with = self.name.split("_WITH_").nth(1).unwrap_or(self.name);
        let has = |part: &str| with.contains(part);
        match () {
            () if has("NULL") => 0,
            () if self.name.contains("EXPORT1024") => 56,
            () if self.name.contains("EXPORT") || has("_40") => 40,
            () if has("3DES") => 112,
            () if has("DES") => 56,
            () if has("256") && !has("128") || has("CHACHA20") => 256,
            () if has("AES_256") || has("CAMELLIA_256") || has("ARIA_256") => 256,
            () => 128,
        }
    }

    /// Whether its blocks are so small that two of them are soon the same (Sweet32).
    #[must_use]
    pub fn has_small_blocks(self) -> bool {
        ["DES", "IDEA", "RC2"].iter().any(|part| self.name.contains(part))
    }

    /// Whether it is RC4.
    #[must_use]
    pub fn is_rc4(self) -> bool {
        self.name.contains("RC4")
    }
}

fn is_tls13(code: u16) -> bool {
    (0x1301..=0x1307).contains(&code)
}

/// The library has names of its own for these.
fn tls13_name(code: u16) -> Option<&'static str> {
    Some(match code {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0x1304 => "TLS_AES_128_CCM_SHA256",
        0x1305 => "TLS_AES_128_CCM_8_SHA256",
        _ => return None,
    })
}

/// Every suite that the server agrees to in this version, in the order in which it prefers them.
pub(super) fn accepted(server: &Server, version: u16, groups: &[u16]) -> io::Result<Vec<Suite>> {
    let all: Vec<u16> = Suite::all(version).collect();
    let mut accepted = Vec::new();
    for part in all.chunks(AT_ONCE) {
        let mut left = part.to_vec();
        while let Some(picked) = pick(server, version, &left, groups)? {
            left.retain(|code| *code != picked);
            accepted.push(picked);
        }
    }
    // Which goes first is only seen when all that it has are offered together.
    let mut left = accepted;
    let mut ordered = Vec::new();
    while let Some(picked) = pick(server, version, &left, groups)? {
        left.retain(|code| *code != picked);
        ordered.push(picked);
    }
    Ok(ordered.into_iter().filter_map(Suite::of).collect())
}

/// Whether the server goes by its own order rather than by the client's.
pub(super) fn prefers_its_own(
    server: &Server,
    version: u16,
    suites: &[Suite],
    groups: &[u16],
) -> io::Result<bool> {
    let forward: Vec<u16> = suites.iter().map(|suite| suite.code).collect();
    let backward: Vec<u16> = forward.iter().rev().copied().collect();
    Ok(pick(server, version, &forward, groups)? == pick(server, version, &backward, groups)?)
}

fn pick(server: &Server, version: u16, suites: &[u16], groups: &[u16]) -> io::Result<Option<u16>> {
    if suites.is_empty() {
        return Ok(None);
    }
    let offer = Offer { version, suites, groups, schemes: &SCHEMES, compression: &[0] };
    Ok(match server.ask(&offer)? {
        Reply::Hello(hello) if hello.version == version && suites.contains(&hello.suite) => Some(hello.suite),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_suite_is() {
        use KeyExchange::{AnonymousDh, Broken, Dhe, Ecdhe, Ephemeral, Static};
        for (code, key_exchange, bits, aead) in [
            (0x1301, Ephemeral, 128, true),
            (0x1302, Ephemeral, 256, true),
            (0x1303, Ephemeral, 256, true),
            (0xc02b, Ecdhe, 128, true),
            (0xc030, Ecdhe, 256, true),
            (0xcca9, Ecdhe, 256, true),
            (0xc009, Ecdhe, 128, false),
            (0xc024, Ecdhe, 256, false),
            (0xc023, Ecdhe, 128, false),
            (0x009e, Dhe, 128, true),
            (0x002f, Static, 128, false),
            (0x003d, Static, 256, false),
            (0x000a, Static, 112, false),
            (0x0009, Static, 56, false),
            (0x0005, Static, 128, false),
            (0x0003, Broken, 40, false),
            (0x0034, AnonymousDh, 128, false),
            (0x003b, Static, 0, false),
        ] {
            let suite = Suite::of(code).unwrap();
            let found = (suite.key_exchange(), suite.bits(), suite.is_aead());
            assert_eq!(found, (key_exchange, bits, aead), "{}", suite.name);
        }
        assert!(
            Suite::of(0x000a).unwrap().has_small_blocks() && !Suite::of(0xc02b).unwrap().has_small_blocks()
        );
        assert!(Suite::of(0x0005).unwrap().is_rc4());
        assert_eq!((Suite::of(RENEGOTIATION_SCSV), Suite::of(FALLBACK_SCSV)), (None, None));
    }

    #[test]
    fn the_registry_is_offered() {
        assert!(Suite::all(super::super::wire::TLS12).count() > 300);
        assert_eq!(Suite::all(TLS13).count(), 5);
    }
}
