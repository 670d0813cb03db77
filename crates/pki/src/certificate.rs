//! A certificate as it is read: the few facts that decide whether it is still to be used.

use std::net::IpAddr;

use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, Pem, X509Certificate};

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
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// First moment it holds.
    pub not_before: OffsetDateTime,
    /// Last moment it holds.
    pub not_after: OffsetDateTime,
    /// DNS names and addresses, sorted.
    pub names: Vec<Name>,
    /// Whether it may issue others (`basicConstraints`).
    pub is_authority: bool,
    /// `subjectKeyIdentifier`
    pub key_id: Option<Vec<u8>>,
    /// `authorityKeyIdentifier`
    pub issuer_key_id: Option<Vec<u8>>,
    /// `subjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
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
            serial: parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            names: Vec::new(),
            is_authority: parsed.is_ca(),
            key_id: None,
            issuer_key_id: None,
            public_key: parsed.public_key().raw.to_vec(),
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    certificate.names.extend(names.general_names.iter().filter_map(name));
                }
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
