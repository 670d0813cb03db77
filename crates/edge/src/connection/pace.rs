//! How long a client may keep us waiting while we write to it.
//!
//! Two bounds on waiting alone, so that an answer may take as long as its backend takes: a time without any progress, and the time
//! that all waiting may add up to for the bytes that went out. A client that reads one byte whenever the first bound is near runs into
//! the second.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Bounds of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Longest time without progress.
    pub(crate) stall: Duration,
    /// Bytes a second below which waiting is too long, after `stall` has been waited in sum; zero for none.
    pub(crate) rate: usize,
}

/// The client reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

/// The waiting for one answer, or over HTTP/2 for one connection or stream.
#[derive(Debug)]
pub(crate) struct Pace {
    waited: Waited,
    end: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { waited: Waited::new(patience), end: None }
    }

    /// A write could not go on. Wakes the task when its time is over.
    pub(crate) fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<TooSlow> {
        let waited = &mut self.waited;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep_until(waited.begin(Instant::now()))));
        end.as_mut().poll(cx).map(|()| TooSlow)
    }

    /// A write went on, by this many bytes.
    pub(crate) fn moved(&mut self, bytes: usize) {
        let waited = self.end.take().is_some().then(Instant::now);
        self.waited.moved(waited, bytes);
    }
}

/// The sums, by whatever clock.
#[derive(Debug)]
struct Waited {
    patience: Patience,
    sum: Duration,
    written: u64,
    since: Option<Instant>,
}

impl Waited {
    fn new(patience: Patience) -> Self {
        Self { patience, sum: Duration::ZERO, written: 0, since: None }
    }

    /// Waiting begins; until when it may last.
    fn begin(&mut self, now: Instant) -> Instant {
        self.since = Some(now);
        now + self.allowed().saturating_sub(self.sum).min(self.patience.stall)
    }

    /// Bytes went out; `now` is given where they were waited for.
    fn moved(&mut self, now: Option<Instant>, bytes: usize) {
        self.written = self.written.saturating_add(bytes as u64);
        if let (Some(since), Some(now)) = (self.since.take(), now) {
            self.sum = self.sum.saturating_add(now.saturating_duration_since(since));
        }
    }

    /// Sum of waiting that the bytes written so far allow.
    fn allowed(&self) -> Duration {
        let Some(rate) = u64::try_from(self.patience.rate).ok().filter(|rate| *rate > 0) else {
            return Duration::MAX;
        };
        let earned = Duration::from_millis(self.written.saturating_mul(1000) / rate);
        self.patience.stall.saturating_add(earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(10);

    /// Waits of nine seconds, each followed by this many bytes; after how many of them the time is over.
    fn waits(rate: usize, bytes: usize) -> Option<usize> {
        let mut waited = Waited::new(Patience { stall: STALL, rate });
        let mut now = Instant::now();
        (0..1000).find(|_| {
            let end = waited.begin(now);
            now += Duration::from_secs(9);
            let over = end <= now;
            waited.moved(Some(now), bytes);
            // A pause of the backend is nobody's waiting.
            now += Duration::from_secs(3600);
            over
        })
    }

    #[test]
    fn silence_ends_at_its_time() {
        let now = Instant::now();
        for rate in [0, 1, 1000] {
            let mut waited = Waited::new(Patience { stall: STALL, rate });
            assert_eq!(waited.begin(now), now + STALL);
        }
    }

    #[test]
    fn one_byte_now_and_then_buys_its_share_of_time_only() {
        assert_eq!(waits(0, 1), None);
        assert_eq!(waits(100, 1), Some(1));
        assert_eq!(waits(100, 850), Some(2));
        assert_eq!(waits(100, 900), None);
    }
}
