//! A TLS connection in the shape that pingora wants its connections in.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use pingora_core::protocols::{
    ALPN, GetSocketDigest as _, SocketDigest, UniqueID as _, UniqueIDType, l4::stream::Stream as TcpStream,
};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The server's end of a TLS connection over TCP.
#[derive(Debug)]
pub(crate) struct TlsStream {
    inner: Box<tokio_rustls::server::TlsStream<TcpStream>>,
}

impl TlsStream {
    pub(crate) fn new(inner: tokio_rustls::server::TlsStream<TcpStream>) -> Self {
        Self { inner: Box::new(inner) }
    }

    /// `TLSv1.3`
    pub(crate) fn version(&self) -> Option<&'static str> {
        match self.inner.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The certificate the client has shown, DER.
    pub(crate) fn client_certificate(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.peer_certificates()?.first().map(|certificate| certificate.as_ref())
    }

    /// Protocol agreed on.
    pub(crate) fn alpn_name(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
    }

    pub(crate) fn alpn(&self) -> Option<ALPN> {
        match self.alpn_name() {
            Some(b"h2") => Some(ALPN::H2),
            Some(b"http/1.1") => Some(ALPN::H1),
            _ => None,
        }
    }

    pub(crate) fn id(&self) -> UniqueIDType {
        self.inner.get_ref().0.id()
    }

    pub(crate) fn socket(&self) -> Option<std::sync::Arc<SocketDigest>> {
        self.inner.get_ref().0.get_socket_digest()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
