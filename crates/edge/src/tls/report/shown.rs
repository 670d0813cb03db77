//! Certificates that a server shows: how strong, how long, by whom, and whether clients get from them to an authority.

use std::time::Duration;

use portcullis_pki::{Certificate, Name};
use rustls::{
    SignatureScheme,
    pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime},
};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::{
    objects::{oid_registry, oid2sn},
    prelude::{FromDer as _, X509Certificate},
    public_key::PublicKey,
};

use super::{
    client::{Terms, provider},
    wire::{Offer, Reply, Server},
};
use crate::tls::chain;

/// A chain that a server shows to clients of some kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Leaf first.
    pub chain: Vec<Link>,
    /// Every certificate was issued by the next, and none is missing that clients do not have.
    pub is_complete: bool,
    /// The leaf holds the name that was asked for.
    pub fits_name: bool,
    /// The moment is within the dates of all of them.
    pub in_dates: bool,
    /// Why clients that know the given authorities would not take it; nothing when they would.
    pub distrust: Option<String>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What every reader of certificates asks for.
    pub facts: Certificate,
    /// `RSA`, `EC`, `Ed25519`, or the number of its kind.
    pub key: String,
    /// Length of the key.
    pub key_bits: usize,
    /// Length of an RSA key of the same strength (NIST SP 800-57, table 2).
    pub rsa_bits: u32,
    /// How it was signed, `ecdsa-with-SHA256`.
    pub signature: String,
    /// Issued by itself: what it is signed with says nothing.
    pub is_self_issued: bool,
}

/// Whom clients know, and what time it is.
pub(super) struct Judge<'a> {
    pub(super) anchors: &'a [TrustAnchor<'a>],
    pub(super) now: Duration,
}

/// Signatures by which clients of different ages ask for certificates of different kinds.
const KINDS: [&[SignatureScheme]; 3] = [
    &[
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ECDSA_NISTP521_SHA512,
    ],
    &[SignatureScheme::ED25519],
    &[
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PSS_SHA384,
        SignatureScheme::RSA_PSS_SHA512,
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ],
];

/// Every chain that some client would get. `hello` is what an old client would offer, where none of ours gets through.
pub(super) fn all(server: &Server, judge: &Judge<'_>, hello: &Offer<'_>) -> std::io::Result<Vec<Shown>> {
    let mut chains: Vec<Vec<CertificateDer<'static>>> = Vec::new();
    for schemes in KINDS {
        let terms = Terms { schemes: schemes.to_vec(), ..Terms::default() };
        let chain = terms.chain(server)?;
        if !chain.is_empty() && !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    if chains.is_empty()
        && let Reply::Hello(hello) = server.ask(hello)?
        && !hello.chain.is_empty()
    {
        chains.push(hello.chain.into_iter().map(CertificateDer::from).collect());
    }
    Ok(chains.iter().filter_map(|chain| Shown::read(chain, &server.name, judge)).collect())
}

impl Shown {
    fn read(chain: &[CertificateDer<'static>], name: &str, judge: &Judge<'_>) -> Option<Self> {
        let links: Vec<Link> = chain.iter().filter_map(|der| Link::read(der)).collect();
        if links.len() != chain.len() || links.is_empty() {
            return None;
        }
        let seconds = i64::try_from(judge.now.as_secs()).ok()?;
        let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        let within = |link: &Link| link.facts.not_before <= now && now <= link.facts.not_after;
        let in_dates = links.iter().all(within);
        let distrust = distrust(chain, judge);
        Some(Self {
            is_complete: distrust.is_none() || chain::is_whole(chain),
            fits_name: fits(chain.first()?, name),
            in_dates,
            distrust,
            chain: links,
        })
    }

    /// DNS names and addresses of the leaf.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let text = |name: &Name| match name {
            Name::Dns(name) => name.clone(),
            Name::Address(address) => address.to_string(),
        };
        self.chain.first().into_iter().flat_map(|leaf| &leaf.facts.names).map(text).collect()
    }
}

impl Link {
    fn read(der: &[u8]) -> Option<Self> {
        let facts = Certificate::from_der(der).ok()?;
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let algorithm = parsed.public_key().algorithm.algorithm.to_id_string();
        let (key, key_bits, rsa_bits) = match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => {
                ("RSA".to_owned(), key.key_size(), u32::try_from(key.key_size()).ok()?)
            }
            Ok(PublicKey::EC(point)) => {
                let bits = point.key_size();
                ("EC".to_owned(), bits, if bits >= 384 { 7680 } else { equal_to_curve(bits) })
            }
            _ if algorithm == "1.3.101.112" => ("Ed25519".to_owned(), 256, 3072),
            // Of an unknown kind nothing good can be said.
            _ => (algorithm, 0, 0),
        };
        let oid = &parsed.signature_algorithm.algorithm;
        let signature = oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned);
        Some(Self {
            is_self_issued: facts.subject == facts.issuer,
            facts,
            key,
            key_bits,
            rsa_bits,
            signature,
        })
    }

    /// Whether it is signed by means of a broken hash.
    #[must_use]
    pub fn is_signed_weakly(&self) -> bool {
        let name = self.signature.to_ascii_lowercase();
        !self.is_self_issued && ["sha1", "md5", "md2", "md4"].iter().any(|hash| name.contains(hash))
    }
}

fn equal_to_curve(bits: usize) -> u32 {
    match bits {
        256.. => 3072,
        224.. => 2048,
        _ => 1024,
    }
}

fn fits(leaf: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(leaf) = EndEntityCert::try_from(leaf) else { return false };
    // Nobody asked for a name: the default certificate is whatever it is.
    name.is_empty()
        || ServerName::try_from(name).is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok())
}

fn distrust(chain: &[CertificateDer<'static>], judge: &Judge<'_>) -> Option<String> {
    let (leaf, rest) = chain.split_first()?;
    let leaf = match EndEntityCert::try_from(leaf) {
        Ok(leaf) => leaf,
        Err(error) => return Some(error.to_string()),
    };
    let algorithms = provider().signature_verification_algorithms;
    let now = UnixTime::since_unix_epoch(judge.now);
    leaf.verify_for_usage(algorithms.all, judge.anchors, rest, now, KeyUsage::server_auth(), None, None)
        .err()
        .map(|error| match error {
            webpki::Error::UnknownIssuer => String::from("no authority that is known here has issued it"),
            error => error.to_string(),
        })
}
