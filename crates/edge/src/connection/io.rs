//! The client connection as pingora's HTTP/1 sessions and the HTTP/2 library see it: over HTTP/1 exactly one vetted message at a time,
//! then silence.
//!
//! Bytes of a next request that arrive early stay here for the gate, and pingora's probe for them sees nothing but the end of the
//! connection. What a WebSocket client sends before its tunnel stands stays here too. Over HTTP/2 the bytes go through, watched in
//! both directions. Whoever reads our answers too slowly loses the connection.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use bytes::{Buf as _, BytesMut};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{
    flood::Inbound,
    frames::FrameWatch,
    pace::{Pace, Patience},
};
use crate::{
    context::{Arrival, Notes},
    gate::Chunks,
    tls::TlsStream,
};

/// Early bytes of a next request that are taken in one go.
const EARLY: usize = 4096;

/// How far the message in hand goes, behind its head.
#[derive(Debug)]
pub(super) enum Extent {
    /// This many bytes.
    Bytes(u64),
    /// As far as its chunks say.
    Chunks(Chunks),
    /// No further before the tunnel stands, then for ever.
    Tunnel,
    /// There is no message: HTTP/2.
    Everything,
}

/// A client connection.
#[derive(Debug)]
pub(crate) struct EdgeIo {
    inner: TlsStream,
    /// Read from the client, not yet handed out.
    pub(super) replay: BytesMut,
    /// Bytes of a vetted head, which stands first in `replay`.
    head: usize,
    extent: Extent,
    notes: Arc<Notes>,
    digest: Option<Arc<ProxyDigest>>,
    frames: Option<(Inbound, FrameWatch)>,
    patience: Patience,
    pace: Pace,
}

impl EdgeIo {
    pub(crate) fn new(inner: TlsStream, patience: Patience) -> Self {
        Self {
            inner,
            replay: BytesMut::new(),
            head: 0,
            extent: Extent::Everything,
            notes: Arc::default(),
            digest: None,
            frames: None,
            patience,
            pace: Pace::new(patience),
        }
    }

    /// Puts a vetted head before what was read behind it. `arrival` is what the pipeline will find in the session.
    pub(super) fn begin(&mut self, mut head: BytesMut, extent: Extent, arrival: Arrival) {
        self.head = head.len();
        head.extend_from_slice(&self.replay);
        self.replay = head;
        self.extent = extent;
        self.pace = Pace::new(self.patience);
        self.announce(arrival);
    }

    /// What the pipeline will find in the session.
    pub(super) fn announce(&mut self, arrival: Arrival) {
        self.notes = Arc::clone(&arrival.notes);
        self.digest = arrival.into_digest();
    }

    /// Watches HTTP/2 frames: those that come in for floods, those that go out for errors.
    pub(super) fn watch_frames(&mut self, inbound: Inbound, outbound: FrameWatch) {
        self.frames = Some((inbound, outbound));
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
        let mut early = [const { MaybeUninit::uninit() }; EARLY];
        let mut buffer = ReadBuf::uninit(&mut early);
        match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.replay.extend_from_slice(buffer.filled());
                Poll::Pending
            }
            other => other,
        }
    }

    /// Up to `most` bytes, those read before first.
    fn poll_bytes(
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
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut limited))?;
        let count = limited.filled().len();
        out.advance(count);
        Poll::Ready(Ok(count))
    }

    /// Bytes of a chunked message; what was read behind its end goes back.
    fn poll_chunks(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let room = out.remaining();
        let count = ready!(self.poll_bytes(cx, out, room))?;
        let Extent::Chunks(chunks) = &mut self.extent else { return Poll::Ready(Ok(())) };
        let read = out.filled().get(before..).unwrap_or(&[]);
        let Ok(taken) = chunks.take(read) else {
            self.notes.bad_chunks.store(true, Ordering::Relaxed);
            out.set_filled(before);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        };
        if taken < count {
            let mut rest = BytesMut::from(read.get(taken..).unwrap_or(&[]));
            rest.extend_from_slice(&self.replay);
            self.replay = rest;
            out.set_filled(before + taken);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.head.min(out.remaining()).min(self.replay.len());
        out.put_slice(self.replay.get(..count).unwrap_or(&[]));
        self.replay.advance(count);
        self.head = if self.replay.is_empty() { 0 } else { self.head - count };
    }

    /// HTTP/2 bytes, each frame seen before the library sees it. After a flood nothing more is taken in, only thrown away.
    fn poll_everything(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some((inbound, _)) = self.frames.as_mut() else {
            return Pin::new(&mut self.inner).poll_read(cx, out);
        };
        let before = out.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        let read = out.filled().get(before..).unwrap_or(&[]);
        if read.is_empty() || inbound.read(read) {
            return Poll::Ready(Ok(()));
        }
        out.set_filled(before);
        // There may be more to throw away; the loop that saw the flood ends this.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Bounds the time that a write waits.
    fn paced<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(written) => {
                self.pace.moved(written.as_ref().map_or(0, bytes));
                Poll::Ready(written)
            }
            Poll::Pending => self.pace.poll_waiting(cx).map(|_| {
                self.notes.slow_reader.store(true, Ordering::Relaxed);
                Err(io::ErrorKind::TimedOut.into())
            }),
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
        if this.head > 0 {
            this.poll_head(out);
            return Poll::Ready(Ok(()));
        }
        match &mut this.extent {
            Extent::Bytes(0) => this.poll_end(cx),
            Extent::Bytes(left) => {
                let left = *left;
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.remaining());
                let count = ready!(this.poll_bytes(cx, out, most))?;
                this.extent = Extent::Bytes(left.saturating_sub(count as u64));
                Poll::Ready(Ok(()))
            }
            Extent::Chunks(chunks) if chunks.is_done() => this.poll_end(cx),
            Extent::Chunks(_) => this.poll_chunks(cx, out),
            Extent::Tunnel if !this.notes.tunnel.load(Ordering::Relaxed) => this.poll_end(cx),
            Extent::Tunnel => {
                let room = out.remaining();
                this.poll_bytes(cx, out, room).map_ok(drop)
            }
            Extent::Everything => this.poll_everything(cx, out),
        }
    }
}

impl AsyncWrite for EdgeIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(count)), Some((_, frames))) = (&written, this.frames.as_mut()) {
            frames.wrote(bytes.get(..*count).unwrap_or(bytes));
        }
        this.paced(cx, written, |count| *count)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.paced(cx, flushed, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.paced(cx, shut, |()| 0)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        if let (Poll::Ready(Ok(count)), Some((_, frames))) = (&written, this.frames.as_mut()) {
            let mut left = *count;
            for slice in slices {
                let part = slice.get(..left.min(slice.len())).unwrap_or(slice);
                frames.wrote(part);
                left -= part.len();
            }
        }
        this.paced(cx, written, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for EdgeIo {
    async fn shutdown(&mut self) {
        let _ = AsyncWriteExt::shutdown(self).await;
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
