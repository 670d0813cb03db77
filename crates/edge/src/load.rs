//! How long work waits for a processor, measured by work that has nothing else to do.
//!
//! A task sleeps for a moment again and again, and gives its worker away as often as a request comes to a stage at which others gather; by
//! how much it comes too late is what every request waits at this moment, whoever's handshake, rules or body keeps the workers busy. How
//! long those that gather wait for each other is not in it.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use portcullis_policy::{Pressure, Queue};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{edge::Edge, in_step::Stage};

/// Between two looks.
const STEP: Duration = Duration::from_millis(20);

/// What is known of the load; read by every request.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pressure: AtomicU8,
    /// Microseconds that the last look came too late.
    waited: AtomicU64,
}

impl Load {
    pub(crate) fn pressure(&self) -> Pressure {
        match self.pressure.load(Ordering::Relaxed) {
            0 => Pressure::None,
            1 => Pressure::Strangers,
            _ => Pressure::All,
        }
    }

    /// What work waited last.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.load(Ordering::Relaxed))
    }

    fn note(&self, waited: Duration, pressure: Pressure) {
        self.waited.store(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let level = match pressure {
            Pressure::None => 0,
            Pressure::Strangers => 1,
            Pressure::All => 2,
        };
        if self.pressure.swap(level, Ordering::Relaxed) != level {
            tracing::warn!(?pressure, waited = ?waited, "the queue's pressure changed");
        }
    }
}

/// Measures for as long as the edge is there.
pub(crate) fn measure(edge: &Arc<Edge>) {
    let edge = Arc::downgrade(edge);
    tokio::spawn(look(edge));
}

async fn look(edge: Weak<Edge>) {
    let mut queue = Queue::default();
    loop {
        let began = Instant::now();
        sleep(STEP).await;
        for _ in Stage::ALL {
            yield_now().await;
        }
        let elapsed = began.elapsed();
        let Some(edge) = edge.upgrade() else { return };
        let waited = elapsed.saturating_sub(STEP);
        let target = edge.snapshot().config.limits.queue_time;
        let pressure = queue.observe(waited, elapsed, target);
        edge.load.note(waited, pressure);
    }
}
