//! Whole handshakes, by the library: what is seen only once a connection stands.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::wire::Server;

/// Most bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// How a client shakes hands.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) versions: &'static [&'static SupportedProtocolVersion],
    /// Signatures that it takes; all that the library knows when empty.
    pub(super) schemes: Vec<SignatureScheme>,
    pub(super) alpn: &'static [&'static str],
}

/// A connection that stands.
pub(super) struct Talk {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

/// Both versions that the library has.
pub(super) const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
pub(super) const ONLY_13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
pub(super) const ONLY_12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

impl Default for Terms {
    fn default() -> Self {
        Self { versions: BOTH, schemes: Vec::new(), alpn: &["http/1.1"] }
    }
}

/// Every key agreement and suite that the library has, not only those of our server.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl Terms {
    fn config(&self, observer: &Arc<Observer>) -> io::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(self.versions);
        let builder = builder.map_err(io::Error::other)?;
        let observer = Arc::clone(observer) as Arc<dyn ServerCertVerifier>;
        // What is shown is to be looked at, whoever signed it; nothing is sent that anybody may not see.
        let mut config = builder.dangerous().with_custom_certificate_verifier(observer).with_no_client_auth();
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// The certificates that the server shows, leaf first, whether or not the handshake comes to an end; empty without any.
    ///
    /// # Errors
    /// There is no connection.
    pub(super) fn chain(&self, server: &Server) -> io::Result<Vec<CertificateDer<'static>>> {
        let observer = Arc::new(Observer::new(&self.schemes));
        // A server that asks for our certificate may end it here, and has shown its own.
        let _ = shake(server, self.config(&observer)?)?;
        Ok(observer.seen())
    }

    /// A connection, where the handshake succeeds.
    ///
    /// # Errors
    /// There is no connection.
    pub(super) fn talk(&self, server: &Server) -> io::Result<Option<Talk>> {
        shake(server, self.config(&Arc::new(Observer::new(&self.schemes)))?)
    }

    /// A connection whose keys can be taken out.
    ///
    /// # Errors
    /// There is no connection.
    pub(super) fn talk_openly(&self, server: &Server) -> io::Result<Option<Talk>> {
        let mut config = self.config(&Arc::new(Observer::new(&self.schemes)))?;
        config.enable_secret_extraction = true;
        shake(server, config)
    }

    /// Two connections, one after the other, of which the second goes on with the session of the first if the server lets it.
    /// `request` is sent over the first.
    ///
    /// # Errors
    /// There is no connection.
    pub(super) fn talk_twice(&self, server: &Server, request: &[u8]) -> io::Result<Option<Talk>> {
        let mut config = self.config(&Arc::new(Observer::new(&self.schemes)))?;
        config.resumption = Resumption::in_memory_sessions(8);
        config.enable_early_data = true;
        // A session belongs to the terms that it began by: the same for both.
        let config = Arc::new(config);
        let Some(mut first) = shake(server, Arc::clone(&config))? else { return Ok(None) };
        // Tickets of TLS 1.3 come after the handshake.
        first.ask(request);
        shake(server, config)
    }
}

fn shake(server: &Server, config: impl Into<Arc<ClientConfig>>) -> io::Result<Option<Talk>> {
    // A client must have some name, and says none when it is an address.
    let name = ServerName::try_from(server.name.clone())
        .unwrap_or_else(|_| ServerName::IpAddress(server.address.ip().into()));
    let connection = ClientConnection::new(config.into(), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, server.connect()?);
    while stream.conn.is_handshaking() {
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(Talk { stream }))
}

impl Talk {
    /// Whether it went on with an earlier session.
    pub(super) fn resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether the server took bytes before the handshake was done, or said that it would.
    pub(super) fn early_data(&mut self) -> bool {
        self.stream.conn.is_early_data_accepted() || self.stream.conn.early_data().is_some()
    }

    /// What was agreed on by ALPN.
    pub(super) fn alpn(&self) -> Option<String> {
        self.stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// The answer to these bytes, up to the connection's end or what it waits for too long.
    pub(super) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        if self.stream.write_all(request).and_then(|()| self.stream.flush()).is_err() {
            return answer;
        }
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = self.stream.read(&mut part) {
            answer.extend(part.get(..count).unwrap_or_default());
            if answer.len() > ANSWER {
                break;
            }
        }
        answer
    }

    /// Connection and socket, apart.
    pub(super) fn apart(self) -> (ClientConnection, TcpStream) {
        (self.stream.conn, self.stream.sock)
    }
}

/// Takes every certificate and remembers it. That the server has its key is verified.
#[derive(Debug)]
struct Observer {
    algorithms: WebPkiSupportedAlgorithms,
    schemes: Vec<SignatureScheme>,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl Observer {
    fn new(schemes: &[SignatureScheme]) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        let schemes = if schemes.is_empty() { algorithms.supported_schemes() } else { schemes.to_vec() };
        Self { algorithms, schemes, seen: Mutex::default() }
    }

    fn seen(&self) -> Vec<CertificateDer<'static>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
