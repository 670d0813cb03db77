//! A certificate as it is read: the few facts that decide whether it is still to be used.

use std::net::IpAddr;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, Pem, X509Certificate};

use crate::{Serial, serial::hex};

/// A name a certificate holds as `subjectAltName`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `dNSName`
    Dns(String),
    /// `iPAddress`
    Address(IpAddr),
}

/// Facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Subject, as text.
    pub subject: String,
    /// Issuer, as text.
    pub issuer: String,
    /// Serial number.
    pub serial: Serial,
    /// First moment it holds.
    pub not_before: OffsetDateTime,
    /// Last moment it holds.
    pub not_after: OffsetDateTime,
    /// DNS names and addresses, sorted.
    pub names: Vec<Name>,
    /// URIs, in the order of the certificate.
    pub uris: Vec<String>,
    /// Whether it may issue others (`basicConstraints`).
    pub is_authority: bool,
    /// Whether it may sign CRLs (`keyUsage`, where there is one).
    pub signs_crls: bool,
    /// Whether it is for TLS clients (`extendedKeyUsage` with `clientAuth`, which must be there).
    pub client_auth: bool,
    /// `subjectKeyIdentifier`
    pub key_id: Option<Vec<u8>>,
    /// `authorityKeyIdentifier`
    pub issuer_key_id: Option<Vec<u8>>,
    /// `subjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
    /// SHA-256 of the whole certificate, lower-case hexadecimal.
    pub sha256: String,
    /// The whole certificate.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name and a colon.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let pem = Pem::iter_from_buffer(text.as_bytes())
            .next()
            .ok_or("holds no PEM block")?
            .map_err(|error| format!("is not PEM: {error}"))?;
        if pem.label != "CERTIFICATE" {
            return Err(format!("holds a {} where a certificate belongs", pem.label));
        }
        Self::from_der(&pem.contents)
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name and a colon.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|error| format!("is not X.509: {error}"))?;
        if !rest.is_empty() {
            return Err(String::from("has bytes after the certificate"));
        }
        let mut certificate = Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial: Serial::from_bytes(parsed.raw_serial()),
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            names: Vec::new(),
            uris: Vec::new(),
            is_authority: parsed.is_ca(),
            signs_crls: true,
            client_auth: false,
            key_id: None,
            issuer_key_id: None,
            public_key: parsed.public_key().raw.to_vec(),
            sha256: hex(&Sha256::digest(der)),
            der: der.to_vec(),
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    certificate.names.extend(names.general_names.iter().filter_map(name));
                    certificate.uris.extend(names.general_names.iter().filter_map(uri));
                }
                ParsedExtension::KeyUsage(usage) => certificate.signs_crls = usage.crl_sign(),
                ParsedExtension::ExtendedKeyUsage(usage) => certificate.client_auth = usage.client_auth,
                ParsedExtension::SubjectKeyIdentifier(id) => certificate.key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    certificate.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        certificate.names.sort();
        Ok(certificate)
    }

    /// The whole certificate as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// Its DNS names.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Dns(name) => Some(name.as_str()),
            Name::Address(_) => None,
        })
    }

    /// Whether issuer and `authorityKeyIdentifier` name this authority. This compares names; only a signature proves it.
    #[must_use]
    pub fn says_issued_by(&self, authority: &Self) -> bool {
        self.issuer == authority.subject
            && self.issuer_key_id.is_some()
            && self.issuer_key_id == authority.key_id
    }
}

/// A PEM block (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut block = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, more)) = rest.split_at_checked(64) {
        block.push_str(line);
        block.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        block.push_str(rest);
        block.push('\n');
    }
    block.push_str(&format!("-----END {label}-----\n"));
    block
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    }
}

fn name(name: &GeneralName<'_>) -> Option<Name> {
    match name {
        GeneralName::DNSName(name) => Some(Name::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(Name::Address)
        }
        _ => None,
    }
}
