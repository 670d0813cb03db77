//! How pingora is told to connect to a backend.
//!
//! A connection from the pool may only serve requests that would have accepted its certificate: pingora's pool key leaves the
//! authority out, so a key of ours that holds it is put in.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use pingora_core::{
    upstreams::peer::{ALPN, HttpPeer, PeerOptions},
    utils::tls::{WrappedX509, parse_x509},
};
use portcullis_config::{Transport, Upstream, UpstreamHttp};
use portcullis_diag::Diagnostic;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{codes, tls};

/// Streams that one HTTP/2 connection to a backend may carry.
const H2_STREAMS: usize = 100;

/// What all connections to one backend have in common.
#[derive(Debug)]
pub(super) struct Template {
    secure: Option<Secure>,
    alpn: ALPN,
    group_key: u64,
    connect_timeout: Duration,
    read_timeout: Duration,
    write_timeout: Duration,
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Secure {
    authorities: Arc<[WrappedX509]>,
    /// Name the certificate must hold; the server's host without one.
    name: Option<String>,
}

impl Template {
    /// Reads the authority's file. `None`, and an error, when it cannot be used.
    pub(super) fn load(settings: &Upstream, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let mut hash = Sha256::new();
        let secure = match &settings.transport {
            Transport::Plaintext => None,
            Transport::Tls { ca, ca_span, name } => {
                let certificates = tls::certificates(ca, *ca_span, diagnostics)?;
                let mut authorities = Vec::with_capacity(certificates.len());
                for certificate in certificates {
                    // Pingora parses it once more and panics over what it cannot parse.
                    let trailing = X509Certificate::from_der(&certificate).map(|(rest, _)| rest.is_empty());
                    if !matches!(trailing, Ok(true)) || !is_anchor(&certificate) {
                        let message = format!("{}: not a certificate of an authority", ca.display());
                        let diagnostic = Diagnostic::error(codes::UNUSABLE_AUTHORITY, message);
                        diagnostics.push(match ca_span {
                            Some(span) => diagnostic.at(*span),
                            None => diagnostic,
                        });
                        return None;
                    }
                    hash.update(Sha256::digest(&certificate));
                    authorities.push(WrappedX509::new(certificate.to_vec(), parse_x509));
                }
                hash.update(name.as_deref().unwrap_or("").as_bytes());
                Some(Secure { authorities: authorities.into(), name: name.clone() })
            }
        };
        let [a, b, c, d, e, f, g, h, ..] = hash.finalize().0;
        Some(Self {
            alpn: alpn(settings.http, secure.is_some()),
            secure,
            group_key: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            connect_timeout: settings.connect_timeout,
            read_timeout: settings.read_timeout,
            write_timeout: settings.write_timeout,
            idle_timeout: settings.idle_timeout,
        })
    }

    pub(super) fn is_plaintext(&self) -> bool {
        self.secure.is_none()
    }

    /// The connection wanted to this server, `host` being its name in the configuration.
    pub(super) fn peer(&self, address: SocketAddr, host: &str) -> HttpPeer {
        let name = match &self.secure {
            Some(secure) => secure.name.as_deref().unwrap_or(host).to_owned(),
            None => String::new(),
        };
        // A socket address: given a name, pingora would resolve it here and now, blocking.
        let mut peer = HttpPeer::new(address, self.secure.is_some(), name);
        peer.group_key = self.group_key;
        self.fill(&mut peer.options);
        peer
    }

    fn fill(&self, options: &mut PeerOptions) {
        options.ca = self.secure.as_ref().map(|secure| Arc::clone(&secure.authorities));
        options.verify_cert = true;
        options.verify_hostname = true;
        options.alpn = self.alpn.clone();
        options.max_h2_streams = H2_STREAMS;
        options.connection_timeout = Some(self.connect_timeout);
        options.total_connection_timeout = Some(self.connect_timeout);
        options.read_timeout = Some(self.read_timeout);
        options.write_timeout = Some(self.write_timeout);
        options.idle_timeout = Some(self.idle_timeout);
    }
}

fn alpn(http: UpstreamHttp, secure: bool) -> ALPN {
    match http {
        UpstreamHttp::Http1 => ALPN::H1,
        UpstreamHttp::Http2 => ALPN::H2,
        // Without TLS there is nothing to negotiate by.
        UpstreamHttp::Auto if secure => ALPN::H2H1,
        UpstreamHttp::Auto => ALPN::H1,
    }
}

fn is_anchor(certificate: &rustls::pki_types::CertificateDer<'static>) -> bool {
    rustls::RootCertStore::empty().add(certificate.clone()).is_ok()
}
