//! How fast: rates and numbers of requests at once, by whatever a limit counts by.
//!
//! A rate is a generic cell rate (GCRA, as ATM's traffic contracts have it): in any time T a key gets at most `burst` requests and one
//! more for each `period / requests` of T. A customer's own rate is asked first, then the limits in their order; the first that refuses
//! ends the asking, so what stands behind it is not spent: a customer that asks too much takes nothing from what it shares with others.

mod in_flight;
mod key;
mod own;
mod table;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    NotUntil, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::{StateInformationMiddleware, StateSnapshot},
};

use in_flight::InFlight;
use table::Table;

pub use in_flight::Place;
pub use key::{KeyHasher, KeyPart, Prefixes, Subject};
pub use own::OwnRate;

/// Time since some moment in the past, that never goes back.
pub trait MonotonicClock: Send + Sync + std::fmt::Debug {
    /// The time now.
    fn elapsed(&self) -> Duration;
}

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in each period, for as long as one likes.
    pub requests: NonZeroU32,
    /// The period.
    pub period: Duration,
    /// Requests at once, after a rest.
    pub burst: NonZeroU32,
}

impl Quota {
    /// Time in which one request is earned back; a nanosecond at least.
    #[must_use]
    pub fn interval(&self) -> Duration {
        (self.period / self.requests.get()).max(Duration::from_nanos(1))
    }

    /// Time in which a spent burst is earned back.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.interval().saturating_mul(self.burst.get())
    }

    /// As the library wants it, whose numbers end somewhere: of a burst that takes longer than [`LONGEST_WINDOW`] less is granted, and
    /// one request that takes longer is earned back in that time.
    fn of_governor(self) -> governor::Quota {
        let interval = self.interval().min(LONGEST_WINDOW);
        let most = LONGEST_WINDOW.as_nanos() / interval.as_nanos();
        let most = NonZeroU32::new(u32::try_from(most).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        // An interval is never zero.
        let quota = governor::Quota::with_period(interval);
        quota.unwrap_or(governor::Quota::per_hour(NonZeroU32::MIN)).allow_burst(self.burst.min(most))
    }
}

/// Longest time in which a burst is earned back; whoever reads a configuration sees to it that none is longer.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 86_400);

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name for clients, metrics and records.
    pub id: String,
    /// What it counts by; nothing for one count over all.
    pub key: Vec<KeyPart>,
    /// Ids of the routes it holds for; none for all.
    pub routes: Vec<String>,
    /// Ids of the customers it holds for; none for everybody.
    pub customers: Vec<String>,
    /// Rate of requests.
    pub quota: Option<Quota>,
    /// Requests at once.
    pub concurrent: Option<u32>,
    /// Keys whose rate is remembered.
    pub keys: usize,
    /// Counts and tells, but refuses nobody.
    pub shadow: bool,
}

/// Why a limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Too many in too little time; one more will be admitted after this time.
    Rate(Duration),
    /// Too many at once.
    Concurrency,
}

/// A limit that counts requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The customer's own rate.
    Own,
    /// The limit of this index.
    Limit(usize),
}

/// Where a key stands with a limit's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit.
    pub limit: Counted,
    /// Its rate.
    pub quota: Quota,
    /// Requests that could come at once.
    pub remaining: u32,
    /// Time until the whole burst is there again.
    pub reset: Duration,
}

impl Standing {
    fn new(limit: Counted, quota: Quota, remaining: u32) -> Self {
        let spent = quota.burst.get().saturating_sub(remaining);
        Self { limit, quota, remaining, reset: quota.interval().saturating_mul(spent) }
    }

    /// Others have counted too, and less remains.
    pub fn lower(&mut self, remaining: u32) {
        let lowered = Self::new(self.limit, self.quota, self.remaining.min(remaining));
        *self = Self { reset: self.reset.max(lowered.reset), ..lowered };
    }
}

/// A request that was counted under a limit, for a store that counts for all edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The limit.
    pub limit: Counted,
    /// Its rate.
    pub quota: Quota,
    /// The limit only tells.
    pub shadow: bool,
    /// The hashed key.
    pub key: u128,
}

/// What the limits say of one request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The limit that refuses, and why.
    pub refused: Option<(Counted, Exceeded)>,
    /// Indexes of limits in shadow mode that would have refused.
    pub shadow: Vec<usize>,
    /// Of each rate that applies and is enforced.
    pub standings: Vec<Standing>,
    /// Of each rate that applies.
    pub charges: Vec<Charge>,
    /// Places among the requests at once, kept while the request is served.
    pub places: Vec<Place>,
}

/// All limits of an edge with their counts.
#[derive(Debug)]
pub struct Limits {
    counters: Vec<Arc<Counter>>,
    hasher: KeyHasher,
    clock: Arc<dyn MonotonicClock>,
}

/// A limit and its counts.
#[derive(Debug)]
struct Counter {
    limit: Limit,
    rate: Option<(Quota, Rates)>,
    forgotten: Option<Arc<AtomicU64>>,
    in_flight: Option<Arc<InFlight>>,
}

type Rates = RateLimiter<u128, Table, Ticks, StateInformationMiddleware>;

/// What remains of the burst, or why there is nothing for this request.
type Taken = (u32, Option<Exceeded>);

/// The clock is looked at once more only by who has to be told how long to wait.
fn taken(checked: Result<StateSnapshot, NotUntil<Duration>>, now: impl FnOnce() -> Duration) -> Taken {
    match checked {
        Ok(state) => (state.remaining_burst_capacity(), None),
        Err(until) => (0, Some(Exceeded::Rate(until.wait_time_from(now())))),
    }
}

/// The clock as governor wants it.
#[derive(Clone, Debug)]
struct Ticks(Arc<dyn MonotonicClock>);

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Limits {
    /// In the order given. What `previous` has counted goes on for limits that are as they were, if keys are made as they were.
    #[must_use]
    pub fn new(
        limits: Vec<Limit>,
        hasher: KeyHasher,
        clock: Arc<dyn MonotonicClock>,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.filter(|previous| previous.hasher == hasher);
        let counters = limits
            .into_iter()
            .map(|limit| {
                let kept =
                    previous.and_then(|previous| previous.counters.iter().find(|old| old.limit == limit));
                kept.map_or_else(|| Arc::new(Counter::new(limit, &clock)), Arc::clone)
            })
            .collect();
        Self { counters, hasher, clock }
    }

    /// The limits, in their order.
    pub fn limits(&self) -> impl ExactSizeIterator<Item = &Limit> {
        self.counters.iter().map(|counter| &counter.limit)
    }

    /// One of them.
    #[must_use]
    pub fn limit(&self, index: usize) -> Option<&Limit> {
        self.counters.get(index).map(|counter| &counter.limit)
    }

    /// How keys are made, for the limits of the next configuration.
    #[must_use]
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Keys of a limit that were forgotten before their quota had recovered, since the last call.
    #[must_use]
    pub fn take_forgotten(&self, index: usize) -> u64 {
        let forgotten = self.counters.get(index).and_then(|counter| counter.forgotten.as_ref());
        forgotten.map_or(0, |forgotten| forgotten.swap(0, Ordering::Relaxed))
    }

    /// Counts a request.
    #[must_use]
    pub fn take(&self, subject: &Subject<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        if let Some(exceeded) = self.take_own(subject, &mut outcome) {
            outcome.refused = Some((Counted::Own, exceeded));
            return outcome;
        }
        for (index, counter) in self.counters.iter().enumerate() {
            if !counter.applies(subject) {
                continue;
            }
            let Some(key) = self.hasher.key(&counter.limit.id, &counter.limit.key, subject) else { continue };
            let exceeded = counter.take(index, key, &self.clock, &mut outcome);
            match exceeded {
                Err(_) if counter.limit.shadow => outcome.shadow.push(index),
                Err(exceeded) => {
                    outcome.refused = Some((Counted::Limit(index), exceeded));
                    break;
                }
                Ok(()) => {}
            }
        }
        outcome
    }

    fn take_own(&self, subject: &Subject<'_>, outcome: &mut Outcome) -> Option<Exceeded> {
        let own = subject.own_rate?;
        let key = self.hasher.key(OwnRate::ID, &[KeyPart::Customer], subject)?;
        let (quota, (remaining, exceeded)) = (own.quota(), own.take());
        outcome.standings.push(Standing::new(Counted::Own, quota, remaining));
        if exceeded.is_none() {
            outcome.charges.push(Charge { limit: Counted::Own, quota, shadow: false, key });
        }
        exceeded
    }
}

impl Counter {
    fn new(limit: Limit, clock: &Arc<dyn MonotonicClock>) -> Self {
        let mut forgotten = None;
        let rate = limit.quota.map(|quota| {
            let interval = u64::try_from(quota.interval().as_nanos()).unwrap_or(u64::MAX);
            let table = Table::new(limit.keys, interval);
            forgotten = Some(table.forgotten());
            (quota, Rates::new(quota.of_governor(), table, Ticks(Arc::clone(clock))))
        });
        let in_flight = limit.concurrent.map(|most| Arc::new(InFlight::new(most)));
        Self { limit, rate, forgotten, in_flight }
    }

    fn applies(&self, subject: &Subject<'_>) -> bool {
        let Limit { routes, customers, .. } = &self.limit;
        (routes.is_empty() || routes.iter().any(|route| route == subject.route))
            && (customers.is_empty()
                || subject.customer.is_some_and(|known| customers.iter().any(|customer| customer == known)))
    }

    fn take(
        &self,
        index: usize,
        key: u128,
        clock: &Arc<dyn MonotonicClock>,
        outcome: &mut Outcome,
    ) -> Result<(), Exceeded> {
        if let Some((quota, rates)) = &self.rate {
            let (remaining, exceeded) = taken(rates.check_key(&key), || clock.elapsed());
            if !self.limit.shadow {
                outcome.standings.push(Standing::new(Counted::Limit(index), *quota, remaining));
            }
            if let Some(exceeded) = exceeded {
                return Err(exceeded);
            }
            let (limit, shadow) = (Counted::Limit(index), self.limit.shadow);
            outcome.charges.push(Charge { limit, quota: *quota, shadow, key });
        }
        if let Some(in_flight) = &self.in_flight {
            outcome.places.push(in_flight.take(key).ok_or(Exceeded::Concurrency)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
