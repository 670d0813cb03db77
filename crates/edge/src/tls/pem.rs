//! Certificates and keys from PEM files (RFC 7468), every fault told with the file's name and a remedy.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use portcullis_diag::{Diagnostic, Span};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::codes;

/// Certificates of a file, in its order.
pub(crate) fn certificates(
    path: &Path,
    span: Option<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<CertificateDer<'static>>> {
    let bytes = read(path, span, diagnostics)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let problem = match parsed {
        Ok(all) if !all.is_empty() => return Some(all),
        Ok(_) => "holds no certificate".to_owned(),
        Err(error) => format!("is not PEM: {error}"),
    };
    let diagnostic = Diagnostic::error(codes::EMPTY_PEM, format!("{}: {problem}", path.display()))
        .help("a certificate stands between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----");
    diagnostics.push(at(diagnostic, span));
    None
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1. Owner and group may read it; a key that anybody can read is not taken.
pub(crate) fn key(
    path: &Path,
    span: Option<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PrivateKeyDer<'static>> {
    let bytes = read(path, span, diagnostics)?;
    if let Ok(found) = fs::metadata(path)
        && found.permissions().mode() & 0o007 != 0
    {
        let mode = found.permissions().mode() & 0o777;
        let message = format!("{}: the private key is open to everybody (mode {mode:03o})", path.display());
        let diagnostic = Diagnostic::error(codes::EXPOSED_KEY, message)
            .help(format!("`chmod o-rwx {}`, and think about a new key", path.display()));
        diagnostics.push(at(diagnostic, span));
        return None;
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Some(key),
        Err(error) => {
            let message = format!("{}: no private key: {error}", path.display());
            let diagnostic = Diagnostic::error(codes::EMPTY_PEM, message).help(
                "PEM with a PKCS#8, PKCS#1 or SEC1 key is wanted; a key under a passphrase is not taken",
            );
            diagnostics.push(at(diagnostic, span));
            None
        }
    }
}

pub(crate) fn at(diagnostic: Diagnostic, span: Option<Span>) -> Diagnostic {
    match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

fn read(path: &Path, span: Option<Span>, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let diagnostic = Diagnostic::error(codes::UNREADABLE_PEM, format!("{}: {error}", path.display()));
            diagnostics.push(at(diagnostic, span));
            None
        }
    }
}
