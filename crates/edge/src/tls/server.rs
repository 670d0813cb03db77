//! What the server brings to a handshake: its certificates and terms. TLS 1.2 and 1.3, AEAD suites with forward secrecy only; no 0-RTT
//! (replayed requests would be inspected but also served twice), and neither renegotiation nor compression, which the library has not.
//!
//! The certificates may be exchanged at any time; a connection keeps those it began with. Names that ask clients for certificates have
//! terms of their own, by which no session is ever resumed: a resumed one would bring a certificate along that nobody looked at again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use portcullis_config::{CertificateFiles, ClientCert, Tls};
use portcullis_diag::Diagnostic;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache},
    sign::CertifiedKey,
};

use super::{certificates::Certificates, provider::provider, stamp::Stamps};
use crate::{
    codes,
    identity::{Identities, Verifier},
};

/// Protocols offered by ALPN, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Sessions that can be resumed; the oldest go first.
const SESSIONS: usize = 4096;

/// How long files that could not be used are left alone while they stay as they are.
const RETRY: Duration = Duration::from_secs(5);

/// The server's side of all handshakes.
#[derive(Debug)]
pub(crate) struct Server {
    provider: Arc<CryptoProvider>,
    files: Vec<CertificateFiles>,
    certificates: Arc<ArcSwap<Certificates>>,
    open: Arc<ServerConfig>,
    /// Where clients may have a certificate, and where they must.
    asking: Option<[Arc<ServerConfig>; 2]>,
    watched: Mutex<Watched>,
}

/// What the watch has seen so far.
#[derive(Debug, Default)]
struct Watched {
    /// Files as they were when the certificates in use were read.
    used: Stamps,
    /// Files that could not be used, when that was tried last, and whether it was told.
    broken: Option<(Stamps, Duration, bool)>,
}

/// What a look at the files has led to.
#[derive(Debug)]
pub(crate) enum Refresh {
    /// Nothing new.
    Same,
    /// New certificates are shown from now on. There may be warnings.
    Taken(Vec<Diagnostic>),
    /// New files cannot be used; what was shown before still is.
    Refused(Vec<Diagnostic>),
}

impl Server {
    /// Reads all certificates.
    ///
    /// `None` when a diagnostic is an error.
    pub(crate) fn load(
        settings: &Tls,
        identities: Option<&Arc<Identities>>,
        now: Duration,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let provider = provider();
        // Before the files are read: what changes meanwhile is seen by the watch.
        let used = stamps(&settings.certificates);
        let certificates = Certificates::load(&settings.certificates, &provider, now, diagnostics)?;
        let certificates = Arc::new(ArcSwap::from_pointee(certificates));
        let terms = Terms { provider: &provider, certificates: &certificates, tls12: settings.allow_tls12 };
        let asking = identities.map(|identities| {
            let asking = |mandatory| terms.build(Some(Verifier::new(identities, mandatory)));
            Some([asking(false)?, asking(true)?])
        });
        let (Some(open), Some(asking)) =
            (terms.build(None), asking.map_or(Some(None), |both| both.map(Some)))
        else {
            diagnostics.push(Diagnostic::error(codes::UNUSABLE_KEY, "TLS: no versions to speak"));
            return None;
        };
        let watched = Mutex::new(Watched { used, broken: None });
        let files = settings.certificates.clone();
        Some(Self { provider, files, certificates, open, asking, watched })
    }

    /// The terms of a handshake.
    pub(crate) fn terms(&self, client_cert: ClientCert) -> Arc<ServerConfig> {
        Arc::clone(match (&self.asking, client_cert) {
            (Some([optional, _]), ClientCert::Optional) => optional,
            (Some([_, required]), ClientCert::Required) => required,
            _ => &self.open,
        })
    }

    /// Files and last moments of the certificates in use, in Unix seconds.
    pub(crate) fn expiries(&self) -> Vec<(String, i64)> {
        let certificates = self.certificates.load();
        let name = |files: &CertificateFiles| files.certificate.display().to_string();
        self.files.iter().map(name).zip(certificates.not_after()).collect()
    }

    /// Looks whether the files have changed, and takes what they are now if it can be used.
    ///
    /// Certificate and key are two files: for a moment they may not belong together. That is told when it lasts.
    pub(crate) fn refresh(&self, now: Duration) -> Refresh {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps == watched.used {
            watched.broken = None;
            return Refresh::Same;
        }
        let told = match &watched.broken {
            Some((broken, tried, told)) if *broken == stamps => {
                if *told && now.saturating_sub(*tried) < RETRY {
                    return Refresh::Same;
                }
                Some(*told)
            }
            _ => None,
        };
        let mut diagnostics = Vec::new();
        match Certificates::load(&self.files, &self.provider, now, &mut diagnostics) {
            Some(certificates) => {
                self.certificates.store(Arc::new(certificates));
                *watched = Watched { used: stamps, broken: None };
                Refresh::Taken(diagnostics)
            }
            None => {
                watched.broken = Some((stamps, now, told.is_some()));
                match told {
                    Some(false) => Refresh::Refused(diagnostics),
                    _ => Refresh::Same,
                }
            }
        }
    }
}

/// What all terms have in common.
struct Terms<'a> {
    provider: &'a Arc<CryptoProvider>,
    certificates: &'a Arc<ArcSwap<Certificates>>,
    tls12: bool,
}

impl Terms<'_> {
    fn build(&self, verifier: Option<Verifier>) -> Option<Arc<ServerConfig>> {
        let versions: &[_] = match self.tls12 {
            true => &[&rustls::version::TLS13, &rustls::version::TLS12],
            false => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(self.provider));
        let builder = builder.with_protocol_versions(versions).ok()?;
        let asks = verifier.is_some();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut terms = builder.with_cert_resolver(Arc::new(Shown(Arc::clone(self.certificates))));
        terms.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        if asks {
            terms.send_tls13_tickets = 0;
            terms.session_storage = Arc::new(NoServerSessionStorage {});
        } else {
            terms.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        }
        Some(Arc::new(terms))
    }
}

/// Hands each handshake the certificate of the moment.
#[derive(Debug)]
struct Shown(Arc<ArcSwap<Certificates>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().choose(hello.server_name(), hello.signature_schemes())
    }
}

fn stamps(files: &[CertificateFiles]) -> Stamps {
    Stamps::of(files.iter().flat_map(|files| [files.certificate.as_path(), files.key.as_path()]))
}
