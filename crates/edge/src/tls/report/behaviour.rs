//! What a server does beside agreeing on suites: compression, downgrades, sessions, early data.

use std::io;

use super::{
    client::{ONLY_12, ONLY_13, Terms},
    renegotiation::{self, Renegotiation},
    suites::Suite,
    wire::{FALLBACK_SCSV, Offer, Reply, SCHEMES, Server, ServerHello, TLS12, TLS13},
};

/// RFC 7507, section 3.
const INAPPROPRIATE_FALLBACK: u8 = 86;

/// What was seen. `None` where it could not be: the version that it belongs to is not spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// It compresses before it encrypts (CRIME).
    pub compression: Option<bool>,
    /// It promises that a renegotiation belongs to its connection (RFC 5746).
    pub secure_renegotiation: Option<bool>,
    /// What it does when a client renegotiates.
    pub renegotiation: Option<Renegotiation>,
    /// It notices a client that was pushed to a lower version, by TLS_FALLBACK_SCSV (RFC 7507).
    pub fallback_scsv: Option<bool>,
    /// It tells clients that were pushed down, in its random (RFC 8446, section 4.1.3).
    pub downgrade_sentinel: Option<bool>,
    /// Extended master secret (RFC 7627).
    pub extended_master_secret: Option<bool>,
    /// Sessions are resumed in TLS 1.2.
    pub resumes_tls12: Option<bool>,
    /// Sessions are resumed in TLS 1.3.
    pub resumes_tls13: Option<bool>,
    /// It takes requests before the handshake is done, which can be replayed.
    pub early_data: Option<bool>,
    /// Protocols that it agrees to by ALPN.
    pub alpn: Vec<String>,
}

/// Versions and suites that were found before.
pub(super) struct Known<'a> {
    pub(super) versions: &'a [u16],
    /// Of the highest version up to TLS 1.2.
    pub(super) suites: &'a [Suite],
    pub(super) groups: &'a [u16],
}

impl Behaviour {
    /// Looks at all of it. `request` is what an answer is asked for with.
    pub(super) fn of(server: &Server, known: &Known<'_>, request: &[u8]) -> io::Result<Self> {
        let has = |version| known.versions.contains(&version);
        let mut seen = Self::default();
        if let Some(version) = known.versions.iter().copied().filter(|version| *version < TLS13).max() {
            hello_of(server, version, known, &mut seen)?;
        }
        if has(TLS12) {
            seen.renegotiation = renegotiation::ask(server, request)?;
            seen.resumes_tls12 = resumes(server, ONLY_12, request)?.map(|(resumed, _)| resumed);
        }
        if has(TLS13) {
            let resumed = resumes(server, ONLY_13, request)?;
            seen.resumes_tls13 = resumed.map(|(resumed, _)| resumed);
            seen.early_data = resumed.map(|(_, early)| early);
        }
        for name in [&["h2"], &["http/1.1"]] {
            let talk = Terms { alpn: name, ..Terms::default() }.talk(server)?;
            seen.alpn.extend(talk.and_then(|talk| talk.alpn()));
        }
        Ok(seen)
    }
}

/// What the server's hello says, up to TLS 1.2.
fn hello_of(server: &Server, version: u16, known: &Known<'_>, seen: &mut Behaviour) -> io::Result<()> {
    let suites: Vec<u16> = known.suites.iter().map(|suite| suite.code).collect();
    let offer =
        Offer { version, suites: &suites, groups: known.groups, schemes: &SCHEMES, compression: &[1, 0] };
    let highest = known.versions.iter().copied().max().unwrap_or(version);
    if let Some(hello) = agreed(server.ask(&offer)?) {
        seen.compression = Some(hello.compression != 0);
        seen.secure_renegotiation = Some(hello.renegotiation_info);
        seen.extended_master_secret = Some(hello.extended_master_secret);
        seen.downgrade_sentinel = (highest > version).then_some(hello.downgrade_sentinel);
    }
    let below = known.versions.iter().copied().filter(|version| *version < highest).max();
    if let Some(below) = below {
        let suites = [suites.as_slice(), &[FALLBACK_SCSV]].concat();
        let offer = Offer { version: below, suites: &suites, compression: &[0], ..offer };
        seen.fallback_scsv = Some(server.ask(&offer)? == Reply::Alert(INAPPROPRIATE_FALLBACK));
    }
    Ok(())
}

fn agreed(reply: Reply) -> Option<Box<ServerHello>> {
    match reply {
        Reply::Hello(hello) => Some(hello),
        _ => None,
    }
}

/// Whether a second connection goes on with the session of the first, and whether it may bring early data.
fn resumes(
    server: &Server,
    versions: &'static [&'static rustls::SupportedProtocolVersion],
    request: &[u8],
) -> io::Result<Option<(bool, bool)>> {
    let second = Terms { versions, ..Terms::default() }.talk_twice(server, request)?;
    Ok(second.map(|mut talk| (talk.resumed(), talk.early_data())))
}
