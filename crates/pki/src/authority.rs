//! An authority: a certificate that may issue others, and its key.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, RevocationReason, RevokedCertParams,
    SanType, SerialNumber, SignatureAlgorithm, SubjectPublicKeyInfo,
};
use time::{Duration, OffsetDateTime};

use crate::{
    Certificate, CustomerId, Fault, Name, PkiError, Reason, Revocation, Serial, environment_uri, key,
};

/// Clocks of clients differ: a new certificate holds from a little before it was made.
const SKEW: Duration = Duration::hours(1);

/// A certificate and its key.
#[derive(Clone)]
pub struct Issued {
    /// Leaf first, then what is between it and the authority (nothing, as yet); without the authority itself, which a client must
    /// have already (RFC 8446, section 4.4.2).
    pub chain_pem: String,
    /// PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("chain_pem", &self.chain_pem).finish_non_exhaustive()
    }
}

/// What an authority is to be called, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `commonName`
    pub name: &'a str,
    /// First moment.
    pub now: OffsetDateTime,
    /// For how long.
    pub lifetime: Duration,
}

/// An authority that can issue.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    certificate_pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority. With `only` it can issue for these names alone (RFC 5280, section 4.2.1.10), so that a machine which trusts
    /// it trusts it for nothing else.
    ///
    /// # Errors
    /// No key or certificate can be made.
    pub fn create(subject: Subject<'_>, only: &[Name]) -> Result<Self, PkiError> {
        let mut params = authority_params(subject);
        if !only.is_empty() {
            let permitted_subtrees = only.iter().map(subtree).collect();
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        }
        Self::sign_itself(&params, Algorithm::P256)
    }

    /// A new authority for customers' certificates. It can issue for TLS clients alone: whoever trusts it for servers trusts nothing.
    ///
    /// # Errors
    /// No key or certificate can be made.
    pub fn create_for_clients(subject: Subject<'_>, algorithm: Algorithm) -> Result<Self, PkiError> {
        let mut params = authority_params(subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self::sign_itself(&params, algorithm)
    }

    fn sign_itself(params: &CertificateParams, algorithm: Algorithm) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(algorithm.signature())?;
        let certificate_pem = params.self_signed(&key)?.pem();
        Self::open(&certificate_pem, &key.serialize_pem())
            .map_err(|problem| Fault::new("new authority", problem).into())
    }

    /// An authority made before.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the file's name: not PEM, not an authority, a key that is not the certificate's.
    pub fn open(certificate_pem: &str, key_pem: &str) -> Result<Self, String> {
        let certificate = Certificate::from_pem(certificate_pem)?;
        if !certificate.is_authority {
            return Err(String::from("is not the certificate of an authority"));
        }
        let key =
            KeyPair::from_pem(key_pem).map_err(|error| format!("has a key that cannot be read: {error}"))?;
        if public_key(&key) != certificate.public_key {
            return Err(String::from("has the key of another certificate"));
        }
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)
            .map_err(|error| format!("cannot be used: {error}"))?;
        Ok(Self { issuer, certificate, certificate_pem: certificate_pem.to_owned() })
    }

    /// An authority whose key may be encrypted.
    ///
    /// # Errors
    /// As [`open`](Self::open), and where the passphrase is missing or another one.
    pub fn open_sealed(
        certificate_pem: &str,
        key_pem: &str,
        passphrase: Option<&str>,
    ) -> Result<Self, String> {
        match passphrase {
            _ if !Self::sealed(key_pem) => Self::open(certificate_pem, key_pem),
            Some(passphrase) => Self::open(certificate_pem, &key::unseal(key_pem, passphrase)?),
            None => Err(String::from("is encrypted")),
        }
    }

    /// Whether a key's text says that it is encrypted.
    #[must_use]
    pub fn sealed(key_pem: &str) -> bool {
        key::sealed(key_pem)
    }

    /// Its certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key, PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Facts of its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues a certificate for a TLS server with these names, and a key for it.
    ///
    /// # Errors
    /// No key or certificate can be made, or a DNS name is not ASCII.
    pub fn issue_server(
        &self,
        names: &[Name],
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> Result<Issued, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(Name::Dns(name)) = names.first() {
            params.distinguished_name = common_name(name);
        }
        params.subject_alt_names = names.iter().map(alternative_name).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        // ECDSA signs and never enciphers: digitalSignature alone (RFC 8446, section 4.4.2.2).
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = (now - SKEW).max(self.certificate.not_before);
        params.not_after = (now + lifetime).min(self.certificate.not_after);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { chain_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Issues a certificate for a TLS client. Subject, URIs, usage and serial number are ours; the customer's part is its public key.
    ///
    /// # Errors
    /// No certificate can be made.
    pub(crate) fn issue_client(&self, profile: &ClientProfile<'_>) -> Result<Certificate, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(profile.id.as_str());
        params.serial_number = Some(SerialNumber::from_slice(&profile.serial));
        let uris = [profile.id.uri(), environment_uri(profile.environment)];
        params.subject_alt_names = uris
            .into_iter()
            .map(|uri| Ok(SanType::URI(uri.try_into()?)))
            .collect::<Result<_, rcgen::Error>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = (profile.now - SKEW).max(self.certificate.not_before);
        params.not_after = (profile.now + profile.lifetime).min(self.certificate.not_after);
        let made = params.signed_by(profile.key, &self.issuer)?;
        Certificate::from_der(made.der()).map_err(PkiError::Make)
    }

    /// Signs a revocation list.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn sign_crl(
        &self,
        number: u64,
        validity: (OffsetDateTime, OffsetDateTime),
        revoked: impl Iterator<Item = (Serial, Revocation)>,
    ) -> Result<String, PkiError> {
        let entry = |(serial, revocation): (Serial, Revocation)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial.to_bytes()),
            revocation_time: revocation.at,
            reason_code: Some(reason_code(revocation.reason)),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: validity.0,
            next_update: validity.1,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.map(entry).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(
                self.certificate.key_id.clone().unwrap_or_default(),
            ),
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }

    /// Whether this authority, and not one of the same name before it, issued a certificate.
    #[must_use]
    pub fn issued(&self, certificate: &Certificate) -> bool {
        certificate.says_issued_by(&self.certificate)
    }
}

/// What a customer's certificate says.
pub(crate) struct ClientProfile<'a> {
    pub(crate) id: &'a CustomerId,
    pub(crate) environment: &'a str,
    pub(crate) serial: [u8; 16],
    pub(crate) key: &'a SubjectPublicKeyInfo,
    pub(crate) now: OffsetDateTime,
    pub(crate) lifetime: Duration,
}

/// Kind of a new key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
}

impl Algorithm {
    pub(crate) fn signature(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::P384 => &PKCS_ECDSA_P384_SHA384,
        }
    }
}

fn authority_params(subject: Subject<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(subject.name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = subject.now - SKEW;
    params.not_after = subject.now + subject.lifetime;
    params
}

fn reason_code(reason: Reason) -> RevocationReason {
    match reason {
        Reason::Unspecified => RevocationReason::Unspecified,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
    }
}

/// Whether a private key is that of a certificate.
pub(crate) fn key_fits(key_pem: &str, certificate: &Certificate) -> bool {
    KeyPair::from_pem(key_pem).is_ok_and(|key| public_key(&key) == certificate.public_key)
}

fn public_key(key: &KeyPair) -> Vec<u8> {
    use rcgen::PublicKeyData;
    key.subject_public_key_info()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn alternative_name(name: &Name) -> Result<SanType, rcgen::Error> {
    Ok(match name {
        Name::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
        Name::Address(address) => SanType::IpAddress(*address),
    })
}

fn subtree(name: &Name) -> GeneralSubtree {
    match name {
        Name::Dns(name) => GeneralSubtree::DnsName(name.clone()),
        Name::Address(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits))
        }
    }
}
