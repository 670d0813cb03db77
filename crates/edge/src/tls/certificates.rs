//! The server's certificates, and which of them a client gets.
//!
//! By the name it asks for (RFC 6066, section 3), exact before wildcard, and by the signatures it can check: where an ECDSA and an RSA
//! certificate hold one name, ECDSA goes first, as it costs a fraction. A name that no certificate holds, and no name at all, get the
//! default.

use std::{collections::HashMap, sync::Arc, time::Duration};

use portcullis_config::CertificateFiles;
use portcullis_diag::Diagnostic;
use portcullis_pki::{Certificate, Name};
use rustls::{SignatureAlgorithm, SignatureScheme, crypto::CryptoProvider, sign::CertifiedKey};

use super::{
    chain,
    pem::{at, certificates, key},
};
use crate::codes;

/// All certificates of the server.
#[derive(Debug)]
pub(super) struct Certificates {
    all: Vec<Entry>,
    /// Exact names, and what stands behind `*.` of wildcards; indices in order of preference.
    exact: HashMap<String, Vec<usize>>,
    wild: HashMap<String, Vec<usize>>,
    default: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    certified: Arc<CertifiedKey>,
    names: Vec<String>,
    not_after: i64,
}

impl Certificates {
    /// Reads and checks all of them. `None` when a diagnostic is an error.
    pub(super) fn load(
        files: &[CertificateFiles],
        provider: &CryptoProvider,
        now: Duration,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let mut all = Vec::with_capacity(files.len());
        for files in files {
            all.extend(entry(files, provider, now, diagnostics));
        }
        if all.len() < files.len() || all.is_empty() {
            return None;
        }
        let certificates = Self::new(all);
        for (index, files) in files.iter().enumerate() {
            if !certificates.shows(index) {
                let message = format!(
                    "{}: is never shown: another certificate of its kind stands before it for each of its names",
                    files.certificate.display()
                );
                let diagnostic = Diagnostic::warning(codes::CERTIFICATE_UNUSED, message)
                    .help("a certificate is chosen by the DNS names it holds; take it out, or the other");
                diagnostics.push(at(diagnostic, files.certificate_span));
            }
        }
        Some(certificates)
    }

    fn new(all: Vec<Entry>) -> Self {
        let (mut exact, mut wild) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (index, entry) in all.iter().enumerate() {
            for name in &entry.names {
                match name.strip_prefix("*.") {
                    Some(suffix) => wild.entry(suffix.to_owned()).or_default().push(index),
                    None => exact.entry(name.clone()).or_default().push(index),
                }
            }
        }
        // One of another kind with the same names is as good a default as the first.
        let names = all.first().map(|first| &first.names);
        let same = |index: &usize| *index == 0 || all.get(*index).map(|entry| &entry.names) == names;
        let mut default: Vec<usize> = (0..all.len()).filter(same).collect();
        for indices in exact.values_mut().chain(wild.values_mut()).chain([&mut default]) {
            // Stable: within a kind the order of the configuration decides.
            indices.sort_by_key(|index| all.get(*index).map(Entry::rank));
            indices.dedup();
        }
        Self { all, exact, wild, default }
    }

    /// The certificate for a client that asks for this name and can check these signatures. One that can check none of ours gets some
    /// certificate all the same (RFC 8446, section 4.4.2.2), and is told by the right alert that there is no common ground.
    pub(super) fn choose(
        &self,
        server_name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let candidates = || self.candidates(server_name).iter().filter_map(|index| self.all.get(*index));
        candidates()
            .find(|entry| entry.certified.key.choose_scheme(schemes).is_some())
            .or_else(|| candidates().next())
            .map(|entry| Arc::clone(&entry.certified))
    }

    /// Last moments, in the order of the configuration.
    pub(super) fn not_after(&self) -> Vec<i64> {
        self.all.iter().map(|entry| entry.not_after).collect()
    }

    fn candidates(&self, server_name: Option<&str>) -> &[usize] {
        let Some(name) = server_name else { return &self.default };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let wild = || name.split_once('.').and_then(|(_, suffix)| self.wild.get(suffix));
        self.exact.get(&name).or_else(wild).unwrap_or(&self.default)
    }

    /// Whether there is a client that would be shown this one.
    fn shows(&self, index: usize) -> bool {
        let rank = self.all.get(index).map(Entry::rank);
        let first_of_kind = |indices: &Vec<usize>| {
            indices.iter().find(|other| self.all.get(**other).map(Entry::rank) == rank) == Some(&index)
        };
        self.exact.values().chain(self.wild.values()).chain([&self.default]).any(first_of_kind)
    }
}

impl Entry {
    /// Cheapest signature first.
    fn rank(&self) -> u8 {
        match self.certified.key.algorithm() {
            SignatureAlgorithm::ECDSA => 0,
            SignatureAlgorithm::ED25519 => 1,
            _ => 2,
        }
    }
}

fn entry(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    now: Duration,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Entry> {
    let chain = certificates(&files.certificate, files.certificate_span, diagnostics);
    let private = key(&files.key, files.key_span, diagnostics);
    let (chain, key) = (chain?, private?);
    let not_after = chain::check(&chain, files, now, diagnostics);
    let names = chain.first().and_then(|leaf| Certificate::from_der(leaf).ok()).map(|leaf| names(&leaf));
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(certified) => Some(Entry {
            certified: Arc::new(certified),
            names: names.unwrap_or_default(),
            not_after: not_after?,
        }),
        Err(error) => {
            let message = format!("{} and {}: {error}", files.certificate.display(), files.key.display());
            let diagnostic = Diagnostic::error(codes::UNUSABLE_KEY, message)
                .help("the first certificate of the file must be the one that was issued for this key");
            diagnostics.push(at(diagnostic, files.key_span));
            None
        }
    }
}

/// DNS names alone: there is no asking for an address (RFC 6066, section 3).
fn names(leaf: &Certificate) -> Vec<String> {
    let dns = |name: &Name| match name {
        Name::Dns(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    leaf.names.iter().filter_map(dns).collect()
}
