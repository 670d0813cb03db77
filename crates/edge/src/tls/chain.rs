//! Whether a certificate file is what clients need: of today, in order, and with everything between leaf and authority.

use std::time::Duration;

use portcullis_config::CertificateFiles;
use portcullis_diag::Diagnostic;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::ParsedExtension,
    oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS,
    prelude::{ASN1Time, FromDer as _, X509Certificate},
};

use super::pem::at;
use crate::codes;

/// What can be said of a chain without asking anybody. The last moment at which all of it holds, in Unix seconds.
pub(super) fn check(
    chain: &[CertificateDer<'_>],
    files: &CertificateFiles,
    now: Duration,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<i64> {
    let parsed: Result<Vec<_>, _> =
        chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, parsed)| parsed)).collect();
    let file = files.certificate.display();
    let mut complain = |diagnostic: Diagnostic| diagnostics.push(at(diagnostic, files.certificate_span));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!("{file}: a certificate cannot be read: {error}");
            complain(
                Diagnostic::error(codes::EMPTY_PEM, message).help("ask whoever issued it for a new one"),
            );
            return None;
        }
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let mut last = i64::MAX;
    let mut good = true;
    for certificate in &parsed {
        last = last.min(certificate.validity().not_after.timestamp());
        if let Some(diagnostic) = outside_dates(certificate, &file.to_string(), now) {
            complain(diagnostic);
            good = false;
        }
    }
    if let Some(diagnostic) = gap(&parsed, &file.to_string()) {
        complain(diagnostic);
        good = false;
    }
    good.then_some(last)
}

/// Whether each was issued by the next, and no intermediate is missing that clients cannot have.
pub(super) fn is_whole(chain: &[CertificateDer<'_>]) -> bool {
    let parsed: Result<Vec<_>, _> =
        chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, parsed)| parsed)).collect();
    parsed.is_ok_and(|parsed| gap(&parsed, "").is_none())
}

fn outside_dates(certificate: &X509Certificate<'_>, file: &str, now: i64) -> Option<Diagnostic> {
    let validity = certificate.validity();
    let moment = ASN1Time::from_timestamp(now).ok()?;
    if validity.is_valid_at(moment) {
        return None;
    }
    let (problem, remedy) = match now < validity.not_before.timestamp() {
        true => ("is not valid before", "set the clock of this machine, or wait: clients would refuse it"),
        false => ("has expired at", "install a new one: clients refuse this one"),
    };
    let bound = if now < validity.not_before.timestamp() { validity.not_before } else { validity.not_after };
    let message = format!("{file}: the certificate of {} {problem} {bound}", certificate.subject());
    Some(Diagnostic::error(codes::CERTIFICATE_OUTSIDE_DATES, message).help(remedy))
}

fn gap(chain: &[X509Certificate<'_>], file: &str) -> Option<Diagnostic> {
    for pair in chain.windows(2) {
        let [certificate, issuer] = pair else { continue };
        if certificate.issuer() != issuer.subject() || !key_ids_fit(certificate, issuer) {
            let message = format!(
                "{file}: the certificate of {} was issued by {}, but the one after it is of {}",
                certificate.subject(),
                certificate.issuer(),
                issuer.subject()
            );
            let remedy = "put the leaf first, then each certificate after the one it has issued";
            return Some(Diagnostic::error(codes::INCOMPLETE_CHAIN, message).help(remedy));
        }
    }
    let [leaf] = chain else { return None };
    // An authority that tells where its certificate can be had expects that clients do not have it.
    if leaf.issuer() != leaf.subject() && names_its_issuer(leaf) {
        let message =
            format!("{file}: lacks an intermediate: the only certificate was issued by {}", leaf.issuer());
        let remedy = "append the issuer's certificate (\"full chain\"), even if it is the root";
        return Some(Diagnostic::error(codes::INCOMPLETE_CHAIN, message).help(remedy));
    }
    None
}

/// Authorities change their keys and keep their names; where both say which key is meant, it must be one.
fn key_ids_fit(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let wanted = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    });
    let given = issuer.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    });
    wanted.zip(given).is_none_or(|(wanted, given)| wanted == given)
}

fn names_its_issuer(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access
            .accessdescs
            .iter()
            .any(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS),
        _ => false,
    })
}
