//! Certificates for a developer's machine: an authority that is good for `localhost` alone, one certificate for the edge and one for
//! the demo backend.
//!
//! [`ensure`] may be called at every start: what is there and still good for a week is kept. A certificate that this authority did
//! not issue is never overwritten: it may be somebody's real one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use time::{Duration, OffsetDateTime};

use crate::{Authority, Certificate, Name, PkiError, Secrecy, Store, Subject, authority};

/// `commonName` of the authority, by which its certificates are told from others.
const AUTHORITY: &str = "Portcullis development authority";

/// The authority's certificate, for clients to trust.
pub const CA: &str = "ca.pem";

/// The authority's key.
pub const CA_KEY: &str = "ca.key";

/// Certificate and key of each server.
pub const SERVERS: &[(&str, &str)] = &[("server.pem", "server.key"), ("backend.pem", "backend.key")];

/// A certificate that ends sooner is made anew.
const RENEW_BEFORE: Duration = Duration::days(7);

const AUTHORITY_LIFETIME: Duration = Duration::days(365);

/// Browsers refuse what holds much longer.
const SERVER_LIFETIME: Duration = Duration::days(90);

/// What became of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// File of the certificate.
    pub file: &'static str,
    /// Why it was made; absent when it was kept.
    pub made: Option<Reason>,
    /// Its last moment.
    pub not_after: OffsetDateTime,
}

/// Why a certificate was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none, or no key.
    Missing,
    /// What was there could not be used.
    Unusable,
    /// It ends within a week, or has ended.
    Expiring,
    /// The authority was made anew.
    NewAuthority,
}

/// `localhost`, `127.0.0.1`, `::1`
#[must_use]
pub fn names() -> Vec<Name> {
    vec![
        Name::Dns(String::from("localhost")),
        Name::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Name::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
}

/// Makes what is missing, unusable or about to end.
///
/// # Errors
/// The store fails, or a certificate of somebody else stands in the way; then nothing has been written.
pub fn ensure(store: &mut dyn Store, now: OffsetDateTime) -> Result<Vec<Outcome>, PkiError> {
    for file in std::iter::once(CA).chain(SERVERS.iter().map(|(certificate, _)| *certificate)) {
        refuse_foreign(store, file)?;
    }
    let (authority, reason) = ensure_authority(store, now)?;
    let mut outcomes = vec![Outcome { file: CA, made: reason, not_after: authority.certificate().not_after }];
    for (certificate, key) in SERVERS {
        outcomes.push(ensure_server(store, &authority, (certificate, key), now)?);
    }
    Ok(outcomes)
}

fn ensure_authority(
    store: &mut dyn Store,
    now: OffsetDateTime,
) -> Result<(Authority, Option<Reason>), PkiError> {
    let reason = match (store.read(CA)?, store.read(CA_KEY)?) {
        (Some(certificate), Some(key)) => match Authority::open(&certificate, &key) {
            Ok(authority) if good_until(authority.certificate(), now) => return Ok((authority, None)),
            Ok(_) => Reason::Expiring,
            Err(_) => Reason::Unusable,
        },
        _ => Reason::Missing,
    };
    let subject = Subject { name: AUTHORITY, now, lifetime: AUTHORITY_LIFETIME };
    let authority = Authority::create(subject, &names())?;
    // The key first: a crash between the two leaves a pair that does not fit and is made anew next time.
    store.write(CA_KEY, &authority.key_pem(), Secrecy::Private)?;
    store.write(CA, authority.certificate_pem(), Secrecy::Public)?;
    Ok((authority, Some(reason)))
}

fn ensure_server(
    store: &mut dyn Store,
    authority: &Authority,
    (file, key_file): (&'static str, &'static str),
    now: OffsetDateTime,
) -> Result<Outcome, PkiError> {
    let reason = match (store.read(file)?, store.read(key_file)?) {
        (Some(certificate), Some(key)) => match Certificate::from_pem(&certificate) {
            Ok(certificate) if !authority.issued(&certificate) => Reason::NewAuthority,
            Ok(certificate) if !authority::key_fits(&key, &certificate) || !same_names(&certificate) => {
                Reason::Unusable
            }
            Ok(certificate) if !good_until(&certificate, now) => Reason::Expiring,
            Ok(certificate) => return Ok(Outcome { file, made: None, not_after: certificate.not_after }),
            Err(_) => Reason::Unusable,
        },
        _ => Reason::Missing,
    };
    let issued = authority.issue_server(&names(), now, SERVER_LIFETIME)?;
    store.write(key_file, &issued.key_pem, Secrecy::Private)?;
    store.write(file, &issued.chain_pem, Secrecy::Public)?;
    let not_after = (now + SERVER_LIFETIME).min(authority.certificate().not_after);
    Ok(Outcome { file, made: Some(reason), not_after })
}

fn same_names(certificate: &Certificate) -> bool {
    let mut wanted = names();
    wanted.sort();
    certificate.names == wanted
}

fn good_until(certificate: &Certificate, now: OffsetDateTime) -> bool {
    certificate.not_before <= now && certificate.not_after > now + RENEW_BEFORE
}

/// A text that is no certificate at all is nobody's and may be replaced.
fn refuse_foreign(store: &dyn Store, file: &str) -> Result<(), PkiError> {
    let Some(text) = store.read(file)? else { return Ok(()) };
    match Certificate::from_pem(&text) {
        Ok(certificate) if certificate.issuer != format!("CN={AUTHORITY}") => {
            Err(PkiError::Foreign { file: file.to_owned(), issuer: certificate.issuer })
        }
        _ => Ok(()),
    }
}
