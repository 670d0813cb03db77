//! Certificates made for one test: an authority, and leaves that it signs, good or expired.
//!
//! A stranger's certificate is a leaf of a second authority that nobody trusts.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use time::{Duration, OffsetDateTime};

/// A certificate authority that exists for one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, and the authority's certificate as the rest of the chain.
pub struct Leaf {
    /// Leaf first, authority second.
    pub chain_pem: String,
    /// PKCS#8.
    pub key_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Authority {
    /// Makes an authority; `common_name` tells two of them apart in messages.
    ///
    /// # Panics
    /// When the system gives no randomness.
    #[must_use]
    pub fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a P-256 key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a self-signed authority");
        Self { issuer }
    }

    /// The authority's certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A trust store that holds this authority alone.
    ///
    /// # Panics
    /// Never: the certificate was made here.
    #[must_use]
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a certificate of our own making");
        roots
    }

    /// A leaf for DNS names or addresses, valid for a day around now.
    #[must_use]
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        let now = OffsetDateTime::now_utc();
        self.leaf_valid(names, now - Duration::hours(12), now + Duration::hours(12))
    }

    /// A leaf whose validity ended an hour ago.
    #[must_use]
    pub fn expired_leaf(&self, names: &[&str]) -> Leaf {
        let now = OffsetDateTime::now_utc();
        self.leaf_valid(names, now - Duration::hours(48), now - Duration::hours(1))
    }

    fn leaf_valid(&self, names: &[&str], not_before: OffsetDateTime, not_after: OffsetDateTime) -> Leaf {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names that a certificate can hold");
        params.distinguished_name.push(DnType::CommonName, "leaf");
        params.not_before = not_before;
        params.not_after = not_after;
        let key = KeyPair::generate().expect("a P-256 key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signed leaf");
        Leaf {
            chain_pem: certificate.pem() + &self.issuer.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![certificate.der().clone(), self.issuer.der().clone()],
            key: key.serialize_der(),
        }
    }

    /// Writes the authority's certificate to `DIR/STEM.pem`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, dir: &Path, stem: &str) -> io::Result<PathBuf> {
        let path = dir.join(format!("{stem}.pem"));
        fs::write(&path, self.pem())?;
        Ok(path)
    }
}

/// A file that nobody but its owner may read, from the moment it is there.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    (&file).write_all(text.as_bytes())
}

impl Leaf {
    /// Writes `DIR/STEM.pem` and `DIR/STEM.key`, and returns both paths.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, dir: &Path, stem: &str) -> io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (dir.join(format!("{stem}.pem")), dir.join(format!("{stem}.key")));
        fs::write(&certificate, &self.chain_pem)?;
        write_private(&key, &self.key_pem)?;
        Ok((certificate, key))
    }

    /// A server that shows this certificate and asks for none.
    ///
    /// # Panics
    /// Never: key and certificate belong together.
    #[must_use]
    pub fn server_config(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .expect("key and certificate belong together");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
