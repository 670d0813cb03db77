//! Certificate revocation lists (RFC 5280, section 5).

use std::collections::HashSet;

use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, ParsedExtension, Pem, SubjectPublicKeyInfo};

use crate::{Certificate, Serial};

/// A list whose signature was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    /// As signed.
    pub der: Vec<u8>,
    /// Subject of the authority, as text.
    pub issuer: String,
    /// `subjectKeyIdentifier` of the authority that signed it.
    pub authority: Option<Vec<u8>>,
    /// `cRLNumber`, big-endian without leading zero bytes; empty when there is none.
    pub number: Vec<u8>,
    /// When it was made.
    pub this_update: OffsetDateTime,
    /// When the next one must be there.
    pub next_update: OffsetDateTime,
    revoked: HashSet<Serial>,
}

impl std::fmt::Debug for Crl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer)
            .field("this_update", &self.this_update)
            .field("next_update", &self.next_update)
            .field("revoked", &self.revoked.len())
            .finish_non_exhaustive()
    }
}

impl Crl {
    /// Reads every list of a PEM text and verifies each with one of these authorities.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name and a colon.
    pub fn from_pem(text: &str, authorities: &[Certificate]) -> Result<Vec<Self>, String> {
        let mut lists = Vec::new();
        for pem in Pem::iter_from_buffer(text.as_bytes()) {
            let pem = pem.map_err(|error| format!("is not PEM: {error}"))?;
            if pem.label != "X509 CRL" {
                return Err(format!("holds a {} where a CRL belongs", pem.label));
            }
            lists.push(Self::from_der(&pem.contents, authorities)?);
        }
        if lists.is_empty() {
            return Err(String::from("holds no PEM block"));
        }
        Ok(lists)
    }

    /// Reads a list and verifies it with one of these authorities.
    ///
    /// A list that covers only a part of the authority's certificates, or changes another list, is refused: who took it for the whole
    /// would let revoked certificates in (RFC 5280, section 5.2).
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name and a colon.
    pub fn from_der(der: &[u8], authorities: &[Certificate]) -> Result<Self, String> {
        let (rest, parsed) = x509_parser::revocation_list::CertificateRevocationList::from_der(der)
            .map_err(|error| format!("is no CRL: {error}"))?;
        if !rest.is_empty() {
            return Err(String::from("has bytes after the CRL"));
        }
        let mut authority = None;
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    authority = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::CRLNumber(_) => {}
                ParsedExtension::IssuingDistributionPoint(point)
                    if !point.only_contains_ca_certs
                        && !point.only_contains_attribute_certs
                        && !point.indirect_crl
                        && point.only_some_reasons.is_none() => {}
                ParsedExtension::IssuingDistributionPoint(_) => {
                    return Err(String::from("covers only a part of the authority's certificates"));
                }
                _ if extension.critical => {
                    return Err(format!(
                        "has the critical extension {}, which is not understood",
                        extension.oid
                    ));
                }
                _ => {}
            }
        }
        let issuer = parsed.issuer().to_string();
        let signer = authorities.iter().find(|candidate| {
            candidate.subject == issuer
                && (authority.is_none() || candidate.key_id.is_none() || candidate.key_id == authority)
                && signed_by(&parsed, candidate)
        });
        let Some(signer) = signer else {
            return Err(format!("is not signed by any of the authorities; it says `{issuer}` is its issuer"));
        };
        let next_update =
            parsed.next_update().ok_or("has no nextUpdate, so that nobody could tell a stale one")?;
        let mut revoked = HashSet::new();
        for entry in parsed.iter_revoked_certificates() {
            if entry.extensions().iter().any(|extension| extension.critical) {
                return Err(String::from("has an entry with a critical extension"));
            }
            revoked.insert(Serial::from_bytes(entry.raw_serial()));
        }
        let number = parsed.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default();
        Ok(Self {
            der: der.to_vec(),
            issuer,
            authority: signer.key_id.clone(),
            number,
            this_update: parsed.last_update().to_datetime(),
            next_update: next_update.to_datetime(),
            revoked,
        })
    }

    /// Whether it lists a certificate.
    #[must_use]
    pub fn lists(&self, serial: &Serial) -> bool {
        self.revoked.contains(serial)
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether the next one should have been here.
    #[must_use]
    pub fn stale(&self, now: OffsetDateTime) -> bool {
        now > self.next_update
    }
}

fn signed_by(
    list: &x509_parser::revocation_list::CertificateRevocationList<'_>,
    authority: &Certificate,
) -> bool {
    authority.is_authority
        && authority.signs_crls
        && !SHA1.contains(&list.signature_algorithm.algorithm.to_id_string().as_str())
        && SubjectPublicKeyInfo::from_der(&authority.public_key)
            .is_ok_and(|(_, key)| list.verify_signature(&key).is_ok())
}

/// `sha1WithRSAEncryption` and its older twin: what they sign could be forged by a collision.
pub(crate) const SHA1: &[&str] = &["1.2.840.113549.1.1.5", "1.3.14.3.2.29"];
