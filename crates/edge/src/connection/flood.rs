//! Watches the HTTP/2 frames that come in (RFC 9113, section 4.1) for those that cost us and bring nothing: resets, pings, settings,
//! priorities, empty frames, window updates beyond all need, frames of no known type.
//!
//! The library bounds what of it would grow memory (CONTINUATION, resets of streams that nobody took yet). What merely costs time it
//! answers for ever (CVE-2019-9511 and its kin, CVE-2023-44487 for streams that were taken), so each kind has a bucket here that
//! fills with time. A header block that does not end is seen here too: it would hold the connection with nothing running.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::time::{Duration, Instant};

use super::frames::FrameErrors;

const HEADER: usize = 9;

/// Time in which an empty bucket fills.
const REFILL: Duration = Duration::from_secs(60);

/// A download of small writes takes a window update for each; beyond this many for each other control frame they are a flood.
const WINDOW_UPDATES: u32 = 20;

/// Frames of a connection, per minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    /// Streams that the client takes back.
    pub(crate) resets: u32,
    /// All else that carries no request.
    pub(crate) control: u32,
}

/// What the connection's loop and its reader share.
#[derive(Debug, Default)]
pub(super) struct InboundState {
    flooded: AtomicBool,
    /// Since when a frame that is no DATA, or a header block, has begun and not ended.
    open_since: Mutex<Option<Instant>>,
}

impl InboundState {
    /// Whether more came than the buckets held. It stays so.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    pub(super) fn open_since(&self) -> Option<Instant> {
        *self.open_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_open(&self, since: Option<Instant>) {
        *self.open_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Follows the frame boundaries of what is read.
#[derive(Debug)]
pub(crate) struct Inbound {
    state: Arc<InboundState>,
    errors: Arc<FrameErrors>,
    preface_left: usize,
    header: [u8; HEADER],
    filled: usize,
    payload_left: usize,
    /// Within a header block that has not ended.
    in_block: bool,
    open: bool,
    resets: Bucket,
    control: Bucket,
    updates: Bucket,
}

impl Inbound {
    pub(super) fn new(
        frames: Frames,
        state: Arc<InboundState>,
        errors: Arc<FrameErrors>,
        now: Instant,
    ) -> Self {
        Self {
            state,
            errors,
            preface_left: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len(),
            header: [0; HEADER],
            filled: 0,
            payload_left: 0,
            in_block: false,
            open: false,
            resets: Bucket::new(frames.resets, now),
            control: Bucket::new(frames.control, now),
            updates: Bucket::new(frames.control.saturating_mul(WINDOW_UPDATES), now),
        }
    }

    /// The next bytes that were read. `false` when they are not to be taken in.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        if self.state.is_flooded() {
            return false;
        }
        let mut now = None;
        if !self.follow(bytes, &mut || *now.get_or_insert_with(Instant::now)) {
            self.state.close();
            self.errors.flooded();
            return false;
        }
        let open = self.in_block || self.filled > 0;
        if open != self.open {
            self.open = open;
            self.state.set_open(open.then(Instant::now));
        }
        true
    }

    fn follow(&mut self, mut bytes: &[u8], now: &mut impl FnMut() -> Instant) -> bool {
        let preface = self.preface_left.min(bytes.len());
        self.preface_left -= preface;
        bytes = bytes.get(preface..).unwrap_or(&[]);
        while let Some((byte, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let count = self.payload_left.min(bytes.len());
                self.payload_left -= count;
                bytes = bytes.get(count..).unwrap_or(&[]);
            } else {
                if let Some(place) = self.header.get_mut(self.filled) {
                    *place = *byte;
                }
                self.filled += 1;
                bytes = rest;
                if self.filled < HEADER {
                    continue;
                }
                let [a, b, c, kind, flags, ..] = self.header;
                self.payload_left = u32::from_be_bytes([0, a, b, c]) as usize;
                if !self.begins(kind, flags, now) {
                    return false;
                }
            }
            if self.payload_left == 0 || self.header.get(3) == Some(&DATA) {
                // A DATA frame that comes slowly is its stream's affair, and that has a deadline of its own.
                self.filled = 0;
            }
        }
        true
    }

    /// A frame of this type begins. `false` when it is one too many.
    fn begins(&mut self, kind: u8, flags: u8, now: &mut impl FnMut() -> Instant) -> bool {
        let empty = self.payload_left == 0;
        match kind {
            DATA if !empty || flags & END_STREAM != 0 => true,
            HEADERS | CONTINUATION => {
                self.in_block = flags & END_HEADERS == 0;
                (kind == HEADERS && !empty) || self.control.take(now())
            }
            RST_STREAM => self.resets.take(now()),
            WINDOW_UPDATE => self.updates.take(now()),
            _ => self.control.take(now()),
        }
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// So many at once, and so many in [`REFILL`].
#[derive(Debug)]
struct Bucket {
    size: u32,
    left: u32,
    filled: Instant,
}

impl Bucket {
    fn new(size: u32, now: Instant) -> Self {
        Self { size, left: size, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        if self.left == 0 {
            let since = now.saturating_duration_since(self.filled).as_millis();
            let earned = since * u128::from(self.size) / REFILL.as_millis();
            if earned > 0 {
                self.left = u32::try_from(earned).unwrap_or(u32::MAX).min(self.size);
                self.filled = now;
            }
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbound(resets: u32, control: u32) -> (Inbound, Arc<InboundState>) {
        let state = Arc::new(InboundState::default());
        let frames = Frames { resets, control };
        let mut inbound = Inbound::new(frames, Arc::clone(&state), Arc::default(), Instant::now());
        assert!(inbound.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        (inbound, state)
    }

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("small").to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, 1]);
        bytes.extend(vec![7; payload]);
        bytes
    }

    /// How many such frames pass before it is a flood.
    fn passes(kind: u8, flags: u8, payload: usize) -> usize {
        let (mut inbound, state) = inbound(5, 10);
        let frame = frame(kind, flags, payload);
        let count = (0..10_000).take_while(|_| inbound.read(&frame)).count();
        assert_eq!(state.is_flooded(), count < 10_000);
        count
    }

    #[test]
    fn each_kind_has_its_bound() {
        for (kind, flags, payload, count) in [
            (RST_STREAM, 0, 4, 5),
            (6, 0, 8, 10),
            (6, 1, 8, 10),
            (4, 0, 0, 10),
            (2, 0, 5, 10),
            (CONTINUATION, 0, 3, 10),
            (HEADERS, END_HEADERS, 0, 10),
            (DATA, 0, 0, 10),
            (99, 0, 1, 10),
            (WINDOW_UPDATE, 0, 4, 200),
            (DATA, 0, 1, 10_000),
            (DATA, END_STREAM, 0, 10_000),
            (HEADERS, END_HEADERS | END_STREAM, 20, 10_000),
        ] {
            assert_eq!(passes(kind, flags, payload), count, "kind {kind}");
        }
    }

    #[test]
    fn a_block_or_frame_that_does_not_end_is_open() {
        let (mut watched, state) = inbound(5, 10);
        let headers = frame(HEADERS, 0, 3);
        assert!(watched.read(headers.split_at(4).0));
        assert!(state.open_since().is_some());
        assert!(watched.read(headers.split_at(4).1));
        assert!(state.open_since().is_some());
        assert!(watched.read(&frame(CONTINUATION, END_HEADERS, 3)));
        assert_eq!(state.open_since(), None);
        assert!(watched.read(frame(DATA, 0, 100).split_at(50).0));
        assert_eq!(state.open_since(), None);
        assert!(watched.read(frame(DATA, 0, 100).split_at(50).1));
        assert!(watched.read(&frame(HEADERS, END_HEADERS, 3)));
        assert_eq!(state.open_since(), None);
    }

    #[test]
    fn buckets_fill_with_time() {
        let now = Instant::now();
        let mut bucket = Bucket::new(60, now);
        assert_eq!((0..100).filter(|_| bucket.take(now)).count(), 60);
        assert!(!bucket.take(now + Duration::from_millis(900)));
        let later = now + Duration::from_secs(10);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 10);
        let much_later = now + Duration::from_secs(10_000);
        assert_eq!((0..100).filter(|_| bucket.take(much_later)).count(), 60);
    }
}
