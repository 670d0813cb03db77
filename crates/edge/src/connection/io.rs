//! The client connection as pingora's HTTP/1 and HTTP/2 sessions see it: exactly one vetted message at a time, then silence.
//!
//! Over HTTP/1, bytes of a next request that arrive early stay here for the gate, and pingora's probe for them sees nothing but the
//! end of the connection. Over HTTP/2 the bytes go through, and what is written is watched for protocol errors.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::{Buf as _, BytesMut};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::frames::FrameWatch;
use crate::{context::Arrival, tls::TlsStream};

/// Early bytes of a next request that are taken in one go.
const EARLY: usize = 4096;

/// A client connection.
#[derive(Debug)]
pub(crate) struct EdgeIo {
    inner: TlsStream,
    /// Read from the client, not yet handed out.
    pub(super) replay: BytesMut,
    /// Bytes of the current message that may still be handed out; `None` when only its parser knows its end.
    pub(super) left: Option<u64>,
    digest: Option<Arc<ProxyDigest>>,
    frames: Option<FrameWatch>,
}

impl EdgeIo {
    pub(crate) fn new(inner: TlsStream) -> Self {
        Self { inner, replay: BytesMut::new(), left: None, digest: None, frames: None }
    }

    /// What the pipeline will find in the session.
    pub(super) fn announce(&mut self, arrival: Arrival) {
        self.digest = arrival.into_digest();
    }

    /// Watches what is written for HTTP/2 errors.
    pub(super) fn watch_frames(&mut self, watch: FrameWatch) {
        self.frames = Some(watch);
    }

    /// The stream itself and what was read from it, for the gate.
    pub(super) fn parts(&mut self) -> (&mut TlsStream, &mut BytesMut) {
        (&mut self.inner, &mut self.replay)
    }

    /// The message is complete and pingora asks whether the client is still there. Early bytes are kept, only the end is told.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.replay.is_empty() {
            return Poll::Pending;
        }
        let mut early = [0; EARLY];
        let mut buffer = ReadBuf::new(&mut early);
        match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.replay.extend_from_slice(buffer.filled());
                Poll::Pending
            }
            other => other,
        }
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if !self.replay.is_empty() {
            let count = self.replay.len().min(most);
            out.put_slice(self.replay.get(..count).unwrap_or(&[]));
            self.replay.advance(count);
            return Poll::Ready(Ok(count));
        }
        let mut limited = ReadBuf::new(out.initialize_unfilled_to(most));
        match Pin::new(&mut self.inner).poll_read(cx, &mut limited) {
            Poll::Ready(Ok(())) => {
                let count = limited.filled().len();
                out.advance(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for EdgeIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.left == Some(0) {
            return this.poll_end(cx);
        }
        let most = this
            .left
            .map_or(out.remaining(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(out.remaining()));
        this.poll_message(cx, out, most).map_ok(|count| {
            if let Some(left) = this.left.as_mut() {
                *left = left.saturating_sub(count as u64);
            }
        })
    }
}

impl AsyncWrite for EdgeIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(count)), Some(frames)) = (&written, this.frames.as_mut()) {
            frames.wrote(bytes.get(..*count).unwrap_or(bytes));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        if let (Poll::Ready(Ok(count)), Some(frames)) = (&written, this.frames.as_mut()) {
            let mut left = *count;
            for slice in slices {
                let part = slice.get(..left.min(slice.len())).unwrap_or(slice);
                frames.wrote(part);
                left -= part.len();
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for EdgeIo {
    async fn shutdown(&mut self) {
        let _ = self.inner.shutdown().await;
    }
}

impl UniqueID for EdgeIo {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for EdgeIo {
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.alpn()
    }
}

impl GetTimingDigest for EdgeIo {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for EdgeIo {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.digest.clone()
    }
}

impl GetSocketDigest for EdgeIo {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.socket()
    }
}

impl Peek for EdgeIo {}
