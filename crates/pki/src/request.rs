//! The key that a customer's certificate is for: made here, or proven by a request for a certificate (RFC 2986).

use rcgen::{KeyPair, PublicKeyData as _, SubjectPublicKeyInfo};
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certification_request::X509CertificationRequest,
    prelude::{FromDer, Pem},
    public_key::PublicKey,
};
use zeroize::Zeroizing;

use crate::{KeyOrigin, PkiError, authority::Algorithm, crl::SHA1, serial::hex};

/// Largest request that is read.
const LARGEST: usize = 64 << 10;

/// A customer's key.
pub struct ClientKey {
    pub(crate) public: SubjectPublicKeyInfo,
    pub(crate) origin: KeyOrigin,
    /// SHA-256 of `subjectPublicKeyInfo`.
    pub(crate) sha256: String,
    private: Option<(Zeroizing<String>, Zeroizing<Vec<u8>>)>,
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientKey")
            .field("origin", &self.origin)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl ClientKey {
    /// A new one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn generate(algorithm: Algorithm) -> Result<Self, PkiError> {
        let pair = KeyPair::generate_for(algorithm.signature())?;
        let der = Zeroizing::new(pair.serialize_der());
        let private = Some((Zeroizing::new(pair.serialize_pem()), der));
        Self::new(&pair.subject_public_key_info(), KeyOrigin::Here, private).map_err(PkiError::Make)
    }

    /// The key of a request, PEM or DER. Its signature proves that whoever made the request has the private key. Nothing else of it is
    /// taken over: what a certificate says about a customer, the register says.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name and a colon.
    pub fn from_request(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            return Err(String::from("is larger than a request for a certificate can be"));
        }
        let der = match bytes.starts_with(&[0x30]) {
            true => bytes.to_vec(),
            false => from_pem(bytes)?,
        };
        let (rest, request) = X509CertificationRequest::from_der(&der)
            .map_err(|error| format!("is no request for a certificate: {error}"))?;
        if !rest.is_empty() {
            return Err(String::from("has bytes after the request"));
        }
        let subject = &request.certification_request_info.subject_pki;
        strong(subject)?;
        if SHA1.contains(&request.signature_algorithm.algorithm.to_id_string().as_str()) {
            return Err(String::from("is signed with SHA-1, which proves nothing; make it with SHA-256"));
        }
        request.verify_signature().map_err(|_| {
            String::from("is not signed by the key it is for: whoever made it may not have that key")
        })?;
        Self::new(subject.raw, KeyOrigin::Customer, None)
    }

    fn new(
        public: &[u8],
        origin: KeyOrigin,
        private: Option<(Zeroizing<String>, Zeroizing<Vec<u8>>)>,
    ) -> Result<Self, String> {
        let sha256 = hex(&Sha256::digest(public));
        let public = SubjectPublicKeyInfo::from_der(public)
            .map_err(|error| format!("has a key that no certificate is issued for: {error}"))?;
        Ok(Self { public, origin, sha256, private })
    }

    /// The private key, PKCS#8 in PEM, where it was made here.
    #[must_use]
    pub fn private_pem(&self) -> Option<&str> {
        self.private.as_ref().map(|(pem, _)| pem.as_str())
    }

    /// The private key, PKCS#8 in DER, where it was made here.
    #[must_use]
    pub fn private_der(&self) -> Option<&[u8]> {
        self.private.as_ref().map(|(_, der)| der.as_slice())
    }
}

fn from_pem(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let pem = Pem::iter_from_buffer(bytes)
        .next()
        .ok_or("holds no PEM block")?
        .map_err(|error| format!("is not PEM: {error}"))?;
    match pem.label.as_str() {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Ok(pem.contents),
        label if label.contains("PRIVATE KEY") => Err(String::from(
            "is a private key; the customer keeps that and sends a request for a certificate",
        )),
        label => Err(format!("holds a {label} where a request for a certificate belongs")),
    }
}

/// What TLS 1.2 and 1.3 verify with the suites that the edge speaks.
fn strong(subject: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Result<(), String> {
    match subject.parsed() {
        Ok(PublicKey::EC(point)) if matches!(point.key_size(), 256 | 384) => Ok(()),
        Ok(PublicKey::RSA(key)) if (2048..=4096).contains(&key.key_size()) => Ok(()),
        Ok(PublicKey::Unknown(_)) if subject.algorithm.algorithm.to_id_string() == "1.3.101.112" => Ok(()),
        _ => Err(String::from(
            "has a key that no certificate is issued for; use P-256, P-384, Ed25519 or RSA of 2048 to 4096 bits",
        )),
    }
}
