//! The gate: a request head is vetted here before any other parser sees it; one of HTTP/1 is also read here.
//!
//! Under a total deadline (a head that comes byte by byte buys nothing), within sizes, by a strict grammar ([`grammar`]). The head
//! as it came is kept for the rules; what is handed on is a copy in which everything later parsers could read two ways is gone.

mod chunks;
mod grammar;
mod head;
mod http2;

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use portcullis_config::Limits;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::{Instant, timeout, timeout_at},
};

use crate::answer::Refusal;

pub(crate) use chunks::Chunks;
pub(crate) use grammar::{Framing, Vetted};
pub(crate) use head::Head;
pub(crate) use http2::vet as vet_http2;

/// Bytes of a rewritten target beyond which `http::Uri` gives up.
const LONGEST_TARGET: usize = 65_000;

/// What came through the gate.
#[derive(Debug)]
pub(crate) enum Passage {
    /// A head that every later parser reads alike.
    Vetted(Box<Vetted>),
    /// To be answered and recorded. The head is absent where none could be read at all.
    Refused(Refusal, Option<Box<Head>>),
    /// The client closed, or was idle for too long, before the first byte of a head.
    Closed,
}

/// Deadlines and sizes of one head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) fields: usize,
    pub(crate) line_bytes: usize,
    pub(crate) target_bytes: usize,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            idle: limits.idle_timeout,
            total: limits.head_timeout,
            head_bytes: limits.head_bytes,
            fields: limits.header_fields,
            line_bytes: limits.header_line_bytes,
            target_bytes: limits.target_bytes.min(LONGEST_TARGET),
        }
    }
}

/// Names that a backend which folds `_` into `-`, as CGI does, takes for the fields that delimit a body.
fn is_framing_in_disguise(name: &[u8]) -> bool {
    let folds_to = |wanted: &[u8]| {
        let folded = name.iter().map(|byte| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() });
        name.len() == wanted.len() && name.contains(&b'_') && folded.eq(wanted.iter().copied())
    };
    folds_to(b"content-length") || folds_to(b"transfer-encoding")
}

/// Reads one head. `buffer` holds what was read before, and afterwards what follows the head. `began` is told when the first byte
/// was there.
pub(crate) async fn pass<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    bounds: &Bounds,
    began: &mut Option<Instant>,
) -> Passage {
    let mut scanned = 0;
    loop {
        // A client may send an empty line before its request line (RFC 9112, section 2.2); one that sends many wastes its deadline.
        while scanned == 0 && buffer.starts_with(b"\r\n") {
            began.get_or_insert_with(Instant::now);
            buffer.advance(2);
        }
        if !buffer.is_empty() {
            began.get_or_insert_with(Instant::now);
        }
        if let Some(end) = grammar::end_of_head(buffer, scanned) {
            if end > bounds.head_bytes {
                return Passage::Refused(Refusal::HeadTooLarge, partial(buffer));
            }
            let bytes = buffer.split_to(end).freeze();
            return match grammar::vet(&bytes, bounds) {
                Ok(vetted) => Passage::Vetted(Box::new(vetted)),
                Err(refusal) => Passage::Refused(refusal, Head::lenient(bytes).map(Box::new)),
            };
        }
        scanned = buffer.len();
        if let Some(refusal) = grammar::hopeless(buffer, bounds) {
            return Passage::Refused(refusal, partial(buffer));
        }
        let read = reader.read_buf(buffer);
        let read = match *began {
            None => match timeout(bounds.idle, read).await {
                Ok(read) => read,
                Err(_) => return Passage::Closed,
            },
            Some(began) => match timeout_at(began + bounds.total, read).await {
                Ok(read) => read,
                Err(_) => return Passage::Refused(Refusal::HeadTimeout, None),
            },
        };
        match read {
            Ok(0) | Err(_) if began.is_none() => return Passage::Closed,
            Ok(0) | Err(_) => return Passage::Refused(Refusal::ClientGone, None),
            Ok(_) => {}
        }
    }
}

/// What can be read of a head that will never be complete.
fn partial(buffer: &mut BytesMut) -> Option<Box<Head>> {
    Head::lenient(buffer.split().freeze()).map(Box::new)
}
