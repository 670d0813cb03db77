//! Watches the HTTP/2 frames we write (RFC 9113, section 4.1) for the errors that the library answers by itself.
//!
//! A request that the library finds malformed (a raw `<` in `:path`) is reset before any hook of ours sees it. The reset itself must
//! pass here on its way out, so it can be counted and recorded all the same.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

const HEADER: usize = 9;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

/// Error codes of RFC 9113, section 7, that a well-behaved end of a stream or connection has.
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
/// A stream that the client went on sending on after we had reset it.
const STREAM_CLOSED: u32 = 5;

const ENHANCE_YOUR_CALM: u32 = 11;

/// What was seen, shared between the connection's reader and its loop.
#[derive(Debug, Default)]
pub(super) struct FrameErrors {
    streams: AtomicU64,
    connections: AtomicU64,
    calmed: AtomicU64,
    pub(super) seen: Notify,
}

impl FrameErrors {
    /// Stream errors since the last call.
    pub(super) fn take_streams(&self) -> u64 {
        self.streams.swap(0, Ordering::Relaxed)
    }

    /// Connection errors since the last call.
    pub(super) fn take_connections(&self) -> u64 {
        self.connections.swap(0, Ordering::Relaxed)
    }

    /// Floods that the library ended, since the last call.
    pub(super) fn take_calmed(&self) -> u64 {
        self.calmed.swap(0, Ordering::Relaxed)
    }

    /// The reader saw a flood; the loop is to look at once.
    pub(super) fn flooded(&self) {
        self.seen.notify_one();
    }
}

/// Follows the frame boundaries of what is written.
#[derive(Debug)]
pub(super) struct FrameWatch {
    errors: Arc<FrameErrors>,
    header: [u8; HEADER],
    header_filled: usize,
    payload_left: usize,
    payload: [u8; 8],
    payload_filled: usize,
}

impl FrameWatch {
    pub(super) fn new(errors: Arc<FrameErrors>) -> Self {
        Self {
            errors,
            header: [0; HEADER],
            header_filled: 0,
            payload_left: 0,
            payload: [0; 8],
            payload_filled: 0,
        }
    }

    /// The next bytes that were written.
    pub(super) fn wrote(&mut self, mut bytes: &[u8]) {
        while let Some(byte) = bytes.first() {
            if self.header_filled < HEADER {
                if let Some(place) = self.header.get_mut(self.header_filled) {
                    *place = *byte;
                }
                self.header_filled += 1;
                bytes = bytes.get(1..).unwrap_or(&[]);
                if self.header_filled == HEADER {
                    let [a, b, c, ..] = self.header;
                    self.payload_left = u32::from_be_bytes([0, a, b, c]) as usize;
                    self.payload_filled = 0;
                }
            } else {
                let count = self.payload_left.min(bytes.len());
                for byte in bytes.iter().take(count) {
                    if let Some(place) = self.payload.get_mut(self.payload_filled) {
                        *place = *byte;
                        self.payload_filled += 1;
                    }
                }
                self.payload_left -= count;
                bytes = bytes.get(count..).unwrap_or(&[]);
            }
            if self.header_filled == HEADER && self.payload_left == 0 {
                self.frame();
                self.header_filled = 0;
            }
        }
    }

    fn frame(&self) {
        let [_, _, _, kind, ..] = self.header;
        let [a, b, c, d, e, f, g, h] = self.payload;
        let (code, counter) = match kind {
            RST_STREAM => (u32::from_be_bytes([a, b, c, d]), &self.errors.streams),
            GOAWAY => match u32::from_be_bytes([e, f, g, h]) {
                ENHANCE_YOUR_CALM => (ENHANCE_YOUR_CALM, &self.errors.calmed),
                code => (code, &self.errors.connections),
            },
            _ => return,
        };
        if !matches!(code, NO_ERROR | REFUSED_STREAM | CANCEL | STREAM_CLOSED) {
            counter.fetch_add(1, Ordering::Relaxed);
            self.errors.seen.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn errors_are_found_however_the_bytes_are_cut() {
        let mut bytes = frame(4, &[]);
        bytes.extend(frame(0, &[7; 300]));
        bytes.extend(frame(RST_STREAM, &[0, 0, 0, 1]));
        bytes.extend(frame(RST_STREAM, &[0, 0, 0, 8]));
        bytes.extend(frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 1, b'x']));
        bytes.extend(frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 11, b'x']));
        bytes.extend(frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 0]));
        for size in [1, 2, 7, 10, 1000] {
            let errors = Arc::new(FrameErrors::default());
            let mut watch = FrameWatch::new(Arc::clone(&errors));
            bytes.chunks(size).for_each(|chunk| watch.wrote(chunk));
            let seen = (errors.take_streams(), errors.take_connections(), errors.take_calmed());
            assert_eq!(seen, (1, 1, 1), "chunks of {size}");
        }
    }
}
