//! A store in memory and an authority made by hand.

use std::collections::BTreeMap;

use portcullis_pki::{Certificate, Files, PkiError, Secrecy, Store};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, (String, Secrecy)>,
}

impl Files for Memory {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        Ok(self.files.get(name).map(|file| file.0.clone()))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError> {
        let inside = |name: &String| Some(name.strip_prefix(directory)?.strip_prefix('/')?.to_owned());
        Ok(self.files.keys().filter_map(inside).collect())
    }
}

impl Store for Memory {
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.files.insert(name.to_owned(), (content.to_owned(), secrecy));
        Ok(())
    }

    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError> {
        let file = self.files.entry(name.to_owned()).or_insert_with(|| (String::new(), Secrecy::Private));
        file.0.push_str(line);
        file.0.push('\n');
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), PkiError> {
        self.files.remove(name);
        Ok(())
    }
}

impl Memory {
    pub(crate) fn text(&self, name: &str) -> &str {
        &self.files[name].0
    }

    pub(crate) fn put(&mut self, name: &str, text: &str) {
        self.write(name, text, Secrecy::Public).unwrap();
    }

    /// Replaces a text that must be there once at least.
    pub(crate) fn edit(&mut self, name: &str, from: &str, to: &str) {
        let text = self.text(name).to_owned();
        assert!(text.contains(from), "{name} has no {from}");
        self.put(name, &text.replacen(from, to, 1));
    }
}

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

/// An authority of somebody else.
pub(crate) struct Outsider {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

pub(crate) fn outsider(name: &str) -> Outsider {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now() - Duration::days(1);
    params.not_after = now() + Duration::days(100);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Outsider { issuer: Issuer::new(params, key), pem }
}

impl Outsider {
    /// A client's certificate with these URIs.
    pub(crate) fn leaf(&self, serial: u64, uris: &[&str]) -> Certificate {
        self.leaf_with(serial, uris, |_| {})
    }

    pub(crate) fn leaf_with(
        &self,
        serial: u64,
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now() - Duration::hours(1);
        params.not_after = now() + Duration::days(10);
        change(&mut params);
        let der = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().to_vec();
        Certificate::from_der(&der).unwrap()
    }

    /// A list that is fresh for ten days.
    pub(crate) fn crl(&self, number: u64, revoked: &[u64]) -> String {
        let revoked_certs = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now() + Duration::seconds(i64::try_from(number).unwrap()),
            next_update: now() + Duration::days(10),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}
