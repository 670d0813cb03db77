//! The server's side of a TLS handshake, under one deadline from the first byte.
//!
//! The `ClientHello` is read first, over as many records as it takes; the configuration is chosen when its server name is known. A
//! client without a server name (an address in the URL) gets the default certificate. TLS 1.2 and 1.3, AEAD suites with forward
//! secrecy only, no 0-RTT: replayed requests would be inspected but also served twice.

use std::{sync::Arc, time::Duration};

use pingora_core::protocols::l4::stream::Stream as TcpStream;
use portcullis_config::Tls;
use portcullis_diag::Diagnostic;
use rustls::{ServerConfig, crypto::ring, server::Acceptor, sign::CertifiedKey};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    certificates::{at, certificates, key},
    stream::TlsStream,
};
use crate::codes;

/// Protocols offered by ALPN, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A finished handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) stream: TlsStream,
    /// Server name the client asked for, as it wrote it.
    pub(crate) server_name: Option<String>,
}

/// Why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// The deadline passed.
    Timeout,
    /// The client closed, or spoke no TLS, or none that we do.
    Failed,
}

/// What a configuration means to rustls. The certificate's dates are a warning only: an edge that would not start at all helps nobody.
pub(crate) fn server_config(settings: &Tls, diagnostics: &mut Vec<Diagnostic>) -> Option<Arc<ServerConfig>> {
    let chain = certificates(&settings.certificate, settings.certificate_span, diagnostics);
    let private = key(&settings.key, settings.key_span, diagnostics);
    let (chain, key) = (chain?, private?);
    if let Some(leaf) = chain.first() {
        check_dates(leaf, settings, diagnostics);
    }
    let provider = Arc::new(ring::default_provider());
    let certified = match CertifiedKey::from_der(chain, key, &provider) {
        Ok(certified) => certified,
        Err(error) => {
            let message =
                format!("{} and {}: {error}", settings.certificate.display(), settings.key.display());
            let diagnostic = Diagnostic::error(codes::UNUSABLE_KEY, message)
                .help("the first certificate of the file must be the one that was issued for this key");
            diagnostics.push(at(diagnostic, settings.key_span));
            return None;
        }
    };
    let versions: &[_] = match settings.allow_tls12 {
        true => &[&rustls::version::TLS13, &rustls::version::TLS12],
        false => &[&rustls::version::TLS13],
    };
    match ServerConfig::builder_with_provider(provider).with_protocol_versions(versions) {
        Ok(builder) => {
            let resolver = rustls::sign::SingleCertAndKey::from(certified);
            let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
            config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
            Some(Arc::new(config))
        }
        Err(error) => {
            diagnostics.push(Diagnostic::error(codes::UNUSABLE_KEY, format!("TLS: {error}")));
            None
        }
    }
}

/// Shakes hands. On failure the client has been sent an alert where one was due.
///
/// # Errors
/// The deadline passed, or there was no common ground.
pub(crate) async fn accept(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    deadline: Duration,
) -> Result<Handshake, HandshakeError> {
    let shake = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
        let server_name = start.client_hello().server_name().map(str::to_owned);
        let stream = start.into_stream(config).await.ok()?;
        Some(Handshake { stream: TlsStream::new(stream), server_name })
    };
    match timeout(deadline, shake).await {
        Ok(Some(handshake)) => Ok(handshake),
        Ok(None) => Err(HandshakeError::Failed),
        Err(_) => Err(HandshakeError::Timeout),
    }
}

fn check_dates(leaf: &[u8], settings: &Tls, diagnostics: &mut Vec<Diagnostic>) {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return };
    if !certificate.validity().is_valid() {
        let message = format!(
            "{}: the certificate is valid from {} to {}, not now",
            settings.certificate.display(),
            certificate.validity().not_before,
            certificate.validity().not_after
        );
        let diagnostic = Diagnostic::warning(codes::CERTIFICATE_DATES, message)
            .help("clients will refuse it; install a new one and reload");
        diagnostics.push(at(diagnostic, settings.certificate_span));
    }
}
