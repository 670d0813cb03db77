//! A client that sends exactly the bytes it is given, over TLS or plain.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::{
    Answer, Authority,
    http1::{self, Buffered},
};

/// Where to connect and whom to trust.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    name: String,
    roots: Arc<RootCertStore>,
    config: Option<Arc<ClientConfig>>,
    timeout: Duration,
    preamble: Vec<u8>,
}

/// One open connection.
pub struct Wire {
    stream: Buffered<Stream>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Client {
    /// A TLS client that trusts `authority`, asks for `name` by SNI and offers HTTP/1.1.
    #[must_use]
    pub fn tls(address: SocketAddr, authority: &Authority, name: &str) -> Self {
        let roots = Arc::new(authority.roots());
        let config = client_config(RootCertStore::clone(&roots), &["http/1.1"]);
        let timeout = Duration::from_secs(30);
        Self { address, name: name.to_owned(), roots, config: Some(config), timeout, preamble: Vec::new() }
    }

    /// A client without TLS.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        let timeout = Duration::from_secs(30);
        let roots = Arc::new(RootCertStore::empty());
        Self { address, name: String::new(), roots, config: None, timeout, preamble: Vec::new() }
    }

    /// Shows this certificate to a server that asks: PEM, leaf first, and its key.
    ///
    /// # Panics
    /// Key and certificate do not belong together, or are not PEM.
    #[must_use]
    pub fn with_certificate(mut self, chain_pem: &str, key_pem: &str) -> Self {
        if let Some(config) = &self.config {
            let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .expect("certificates in PEM");
            let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("a key in PEM");
            let key = config.crypto_provider().key_provider.load_private_key(key).expect("a usable key");
            let mut config = ClientConfig::clone(config);
            config.client_auth_cert_resolver =
                Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
            self.config = Some(Arc::new(config));
        }
        self
    }

    /// Resumes sessions where the server gives tickets; otherwise every connection is a full handshake.
    #[must_use]
    pub fn resuming(mut self) -> Self {
        if let Some(config) = &self.config {
            let mut config = ClientConfig::clone(config);
            config.resumption = Resumption::in_memory_sessions(8);
            self.config = Some(Arc::new(config));
        }
        self
    }

    /// Agrees on keys by this group alone (RFC 8446, section 4.2.7), by the name that the TLS library has for it: `X25519`.
    ///
    /// # Panics
    /// The library does not have it.
    #[must_use]
    pub fn with_group(mut self, name: &str) -> Self {
        if let Some(config) = &self.config {
            let mut provider = rustls::crypto::CryptoProvider::clone(config.crypto_provider());
            provider.kx_groups.retain(|group| format!("{:?}", group.name()) == name);
            assert!(!provider.kx_groups.is_empty(), "no group {name}");
            let resolver = Arc::clone(&config.client_auth_cert_resolver);
            let alpn = config.alpn_protocols.clone();
            let roots = Arc::clone(&self.roots);
            let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .expect("the provider's own versions")
                .with_root_certificates(roots)
                .with_client_cert_resolver(resolver);
            config.resumption = Resumption::disabled();
            config.alpn_protocols = alpn;
            self.config = Some(Arc::new(config));
        }
        self
    }

    /// How long a read may wait. 30 seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Bytes to send first on every connection, before TLS.
    #[must_use]
    pub fn preamble(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.preamble = bytes.into();
        self
    }

    /// Where it connects to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection, the TLS handshake included.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn connect(&self) -> io::Result<Wire> {
        let mut socket = TcpStream::connect_timeout(&self.address, self.timeout)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))?;
        socket.write_all(&self.preamble)?;
        let stream = match &self.config {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(connection, socket);
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Stream::Tls(Box::new(stream))
            }
        };
        Ok(Wire { stream: Buffered::new(stream) })
    }

    /// Opens a connection, sends these bytes and reads one answer.
    ///
    /// # Errors
    /// When the connection fails, or ends before an answer.
    pub fn exchange(&self, request: &[u8]) -> io::Result<Answer> {
        let mut wire = self.connect()?;
        wire.send(request)?;
        wire.answer()
    }

    /// `GET target` with `Host: name` on a new connection.
    ///
    /// # Errors
    /// As [`Client::exchange`].
    pub fn get(&self, target: &str) -> io::Result<Answer> {
        let host = if self.name.is_empty() { "localhost" } else { &self.name };
        self.exchange(
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: testkit\r\nAccept: */*\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn h2_config(&self) -> Option<Arc<ClientConfig>> {
        let config = self.config.as_ref()?;
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Some(Arc::new(config))
    }

    pub(crate) fn with_alpn(&self, alpn: &[&str]) -> Self {
        let config = self.config.as_ref().map(|config| {
            let mut config = ClientConfig::clone(config);
            config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
            Arc::new(config)
        });
        Self { config, ..self.clone() }
    }
}

impl Wire {
    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the peer has closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.inner();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Reads one answer, interim ones skipped and noted.
    ///
    /// # Errors
    /// When the connection ends before a whole answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        self.answer_or_end()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads one answer to a `HEAD` request, which has no body whatever its fields say.
    ///
    /// # Errors
    /// As [`Wire::answer`].
    pub fn answer_to_head(&mut self) -> io::Result<Answer> {
        http1::read_answer(&mut self.stream, true)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads one answer; `None` when the peer closed without a byte.
    ///
    /// # Errors
    /// When the connection ends within an answer.
    pub fn answer_or_end(&mut self) -> io::Result<Option<Answer>> {
        http1::read_answer(&mut self.stream, false)
    }

    /// Everything until the peer closes.
    ///
    /// # Errors
    /// When a read fails or waits too long.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.stream.rest()
    }

    /// Says that nothing more will come and reads until the peer closes. A TLS server has verified our handshake by then.
    ///
    /// # Errors
    /// When the peer has refused the handshake, or does not close in time.
    pub fn close(mut self) -> io::Result<()> {
        if let Stream::Tls(stream) = self.stream.inner() {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        match self.rest() {
            // Some peers close without saying so.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            rest => rest.map(drop),
        }
    }

    /// Our end of the connection: what the peer's log calls the client.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_address(&mut self) -> io::Result<SocketAddr> {
        match self.stream.inner() {
            Stream::Plain(socket) => socket.local_addr(),
            Stream::Tls(stream) => stream.sock.local_addr(),
        }
    }

    pub(crate) fn read_some(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.inner().read(into)
    }
}

pub(crate) fn client_config(roots: RootCertStore, alpn: &[&str]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Every test connection is a full handshake, so that what a test sees does not depend on the tests before it.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(from),
            Self::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
