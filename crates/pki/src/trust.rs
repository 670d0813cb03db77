//! Authorities whose certificates are trusted, and what they revoked.
//!
//! The register's own authority stands in it as `ca.pem` and `crl.pem`. Authorities of others (Vault, step-ca, EJBCA) come as a bundle
//! of their certificates and their CRLs, as one file each or a directory full.

use time::OffsetDateTime;
use x509_parser::prelude::Pem;

use crate::{Certificate, Crl, Fault, Files, PkiError, Serial};

/// Authorities and their revocation lists. Every authority has one that is signed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Facts of each authority's certificate.
    pub anchors: Vec<Certificate>,
    /// Each authority's revocation list, the newest where there were several.
    pub crls: Vec<Crl>,
}

/// Most certificates or lists of one bundle.
const BUNDLE: usize = 1000;

impl Trust {
    /// Reads a bundle of authorities and their CRLs. Each name is a file or a directory of files ending in `.pem`, `.crt`, `.cer` or
    /// `.crl`.
    ///
    /// # Errors
    /// A file is missing or wrong, a certificate is not an authority's or does not hold now, an authority has no CRL.
    pub fn load(
        files: &dyn Files,
        bundle: &str,
        crls: &[String],
        now: OffsetDateTime,
    ) -> Result<Self, PkiError> {
        let mut anchors: Vec<Certificate> = Vec::new();
        for name in expand(files, bundle)? {
            for certificate in anchors_of(files, &name)? {
                if now > certificate.not_after {
                    let problem =
                        format!("`{}` ended on {}", certificate.subject, certificate.not_after.date());
                    let remedy = "take it out of the bundle, or put its successor in";
                    return Err(Fault::new(files.place(&name), problem).remedy(remedy).into());
                }
                if !anchors.contains(&certificate) {
                    anchors.push(certificate);
                }
            }
        }
        let mut lists = Vec::new();
        for name in crls {
            for name in expand(files, name)? {
                lists.extend(crls_of(files, &name, &anchors)?);
            }
        }
        let place = crls.first().map_or(bundle, String::as_str);
        Self::new(anchors, lists).map_err(|problem| {
            let remedy = "add the CRL of that authority, or take the authority out of the bundle";
            Fault::new(files.place(place), problem).remedy(remedy).into()
        })
    }

    /// Keeps the newest list of each authority.
    pub(crate) fn new(anchors: Vec<Certificate>, lists: Vec<Crl>) -> Result<Self, String> {
        let mut crls: Vec<Crl> = Vec::new();
        for list in lists {
            let same = crls
                .iter_mut()
                .find(|other| (&other.issuer, &other.authority) == (&list.issuer, &list.authority));
            match same {
                Some(other) if other.this_update < list.this_update => *other = list,
                Some(_) => {}
                None => crls.push(list),
            }
        }
        let bare = anchors.iter().find(|anchor| {
            !crls.iter().any(|list| (&list.issuer, &list.authority) == (&anchor.subject, &anchor.key_id))
        });
        match bare {
            Some(anchor) => Err(format!("there is no CRL of `{}`", anchor.subject)),
            None => Ok(Self { anchors, crls }),
        }
    }

    /// The authority that a certificate says issued it. This compares names, not signatures: the chain was verified before.
    #[must_use]
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.anchors.iter().find(|anchor| certificate.says_issued_by(anchor))
    }

    /// Whether a list of the certificate's own issuer has its serial number.
    #[must_use]
    pub fn revoked(&self, certificate: &Certificate) -> bool {
        let mut lists = self.crls.iter().filter(|list| list.issuer == certificate.issuer);
        lists.any(|list| list.lists(&certificate.serial))
    }

    /// Whether any list has this serial number.
    #[must_use]
    pub fn lists(&self, serial: &Serial) -> bool {
        self.crls.iter().any(|list| list.lists(serial))
    }

    /// The moment from which one of the lists is stale. Without authorities there is none.
    #[must_use]
    pub fn fresh_until(&self) -> Option<OffsetDateTime> {
        self.crls.iter().map(|list| list.next_update).min()
    }
}

/// Every certificate of a PEM file, each an authority's.
pub(crate) fn anchors_of(files: &dyn Files, name: &str) -> Result<Vec<Certificate>, PkiError> {
    let fault = |problem: String| {
        Fault::new(files.place(name), problem).remedy("name PEM files of authorities' certificates")
    };
    let text = files.read(name)?.ok_or_else(|| missing(files, name))?;
    let mut anchors = Vec::new();
    for pem in Pem::iter_from_buffer(text.as_bytes()).take(BUNDLE) {
        let pem = pem.map_err(|error| fault(format!("is not PEM: {error}")))?;
        if pem.label != "CERTIFICATE" {
            return Err(fault(format!("holds a {} where a certificate belongs", pem.label)).into());
        }
        let certificate = Certificate::from_der(&pem.contents).map_err(fault)?;
        if !certificate.is_authority {
            return Err(fault(format!("`{}` is not an authority", certificate.subject)).into());
        }
        anchors.push(certificate);
    }
    if anchors.is_empty() {
        return Err(fault(String::from("holds no PEM block")).into());
    }
    Ok(anchors)
}

/// Every CRL of a PEM file.
pub(crate) fn crls_of(files: &dyn Files, name: &str, anchors: &[Certificate]) -> Result<Vec<Crl>, PkiError> {
    let text = files.read(name)?.ok_or_else(|| missing(files, name))?;
    Crl::from_pem(&text, anchors).map_err(|problem| {
        let remedy = "put the CRL back that the authority signed; `portcullis cert crl refresh` makes a register's anew";
        Fault::new(files.place(name), problem).remedy(remedy).into()
    })
}

pub(crate) fn missing(files: &dyn Files, name: &str) -> PkiError {
    Fault::new(files.place(name), "is not there").remedy("put it there, or name the place where it is").into()
}

/// A directory's files, or the file itself.
fn expand(files: &dyn Files, name: &str) -> Result<Vec<String>, PkiError> {
    let inside = files.list(name).unwrap_or_default();
    let fits = |file: &&String| [".pem", ".crt", ".cer", ".crl"].iter().any(|end| file.ends_with(end));
    let inside: Vec<String> = inside.iter().filter(fits).map(|file| format!("{name}/{file}")).collect();
    Ok(if inside.is_empty() { vec![name.to_owned()] } else { inside })
}
