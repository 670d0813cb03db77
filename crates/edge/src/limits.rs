//! Rate limits as the configuration names them, with their counters and the fields in which clients see where they stand.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use portcullis_config::{Config, RateKey, RateLimit};
use portcullis_policy::rates::{
    Charge, Counted, Exceeded, KeyHasher, KeyPart, Limit, Limits, MonotonicClock, Outcome, OwnRate, Prefixes,
    Quota, Standing, Subject,
};
use portcullis_telemetry::{Metrics, RateLimitCounters};

use crate::store::{self, Away, Store, Verdict};

/// The limits of one configuration.
#[derive(Debug)]
pub(crate) struct RateLimits {
    limits: Limits,
    counters: Vec<RateLimitCounters>,
    /// Of the rates that customers have of their own.
    of_customers: RateLimitCounters,
    store: Option<Arc<Store>>,
}

/// Who was refused by which limit, in the words of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceeding {
    /// Id of the limit.
    pub(crate) limit: String,
    /// Seconds after which asking again makes sense.
    pub(crate) retry_after: u64,
    /// Values of `RateLimit-Policy` and `RateLimit`, where a rate is behind it.
    pub(crate) fields: Option<(String, String)>,
}

/// Secret of the process by which addresses and credentials become keys.
static SECRET: LazyLock<[u8; 16]> = LazyLock::new(|| {
    // The standard library's hasher is seeded by the system, and the one source of randomness at hand.
    let half = || RandomState::new().hash_one(0_u8).to_ne_bytes();
    let (first, second) = (half(), half());
    std::array::from_fn(|index| if index < 8 { first[index] } else { second[index - 8] })
});

impl RateLimits {
    /// `previous` are those in force: what they have counted goes on.
    pub(crate) fn new(
        config: &Config,
        store: Option<store::Prepared>,
        previous: Option<&Self>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let settings = &config.rate_limits;
        let prefixes = Prefixes { v4: settings.ipv4_prefix, v6: settings.ipv6_prefix };
        let of_previous = previous.and_then(|previous| previous.store.as_ref());
        let store = store.map(|store| Store::new(store, of_previous, metrics));
        let secret = store.as_ref().map_or(*SECRET, |store| store.secret());
        let limits = Limits::new(
            settings.limits.iter().map(limit).collect(),
            KeyHasher::new(secret, prefixes),
            uptime(),
            previous.map(|previous| &previous.limits),
        );
        let counters = settings.limits.iter().map(|limit| metrics.rate_limit(&limit.id)).collect();
        Self { limits, counters, of_customers: metrics.rate_limit(OwnRate::ID), store }
    }

    /// Counts a request, here and then, if it may come by what was counted here, in the store.
    ///
    /// # Errors
    /// The store is away and the configuration wants nobody served then.
    pub(crate) async fn take(&self, subject: &Subject<'_>) -> Result<Outcome, Away> {
        let mut outcome = self.limits.take(subject);
        if let Some(store) =
            self.store.as_ref().filter(|_| outcome.refused.is_none() && !outcome.charges.is_empty())
        {
            match self.ask(store, &mut outcome).await {
                Err(Away) if store.refuses_when_away() => return Err(Away),
                // Limits go on by what this edge counts.
                Ok(()) | Err(Away) => {}
            }
        }
        self.note(&outcome);
        Ok(outcome)
    }

    async fn ask(&self, store: &Arc<Store>, outcome: &mut Outcome) -> Result<(), Away> {
        let charges: Vec<(Charge, &str)> =
            outcome.charges.iter().map(|charge| (*charge, self.id(charge.limit))).collect();
        let verdicts = store.take(&charges).await?;
        let Outcome { charges, standings, shadow, refused, .. } = outcome;
        for (charge, verdict) in charges.iter().zip(verdicts) {
            let remaining = match (verdict, charge.limit) {
                (Verdict::Counted(remaining), _) => remaining,
                (Verdict::Exceeded(_), Counted::Limit(index)) if charge.shadow => {
                    shadow.push(index);
                    continue;
                }
                (Verdict::Exceeded(wait), limit) => {
                    *refused = Some((limit, Exceeded::Rate(wait)));
                    0
                }
            };
            // The store may have counted more than this edge.
            standings
                .iter_mut()
                .filter(|standing| standing.limit == charge.limit)
                .for_each(|standing| standing.lower(remaining));
        }
        Ok(())
    }

    fn id(&self, limit: Counted) -> &str {
        match limit {
            Counted::Own => OwnRate::ID,
            Counted::Limit(index) => self.limits.limit(index).map_or("", |limit| &limit.id),
        }
    }

    fn note(&self, outcome: &Outcome) {
        for index in &outcome.shadow {
            if let Some(counters) = self.counters.get(*index) {
                counters.shadowed();
            }
        }
        let refusing = match outcome.refused {
            Some((Counted::Own, _)) => Some(&self.of_customers),
            Some((Counted::Limit(index), _)) => self.counters.get(index),
            None => None,
        };
        if let Some(counters) = refusing {
            counters.refused();
        }
    }

    /// What a client is told that was refused.
    pub(crate) fn exceeding(&self, limit: Counted, exceeded: Exceeded, standings: &[Standing]) -> Exceeding {
        let retry_after = match exceeded {
            Exceeded::Rate(wait) => seconds(wait).max(1),
            Exceeded::Concurrency => 1,
        };
        Exceeding { limit: self.id(limit).to_owned(), retry_after, fields: self.fields(standings) }
    }

    /// Values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). A policy is the burst and the time in
    /// which it is earned back, so that what remains is never more than the quota.
    pub(crate) fn fields(&self, standings: &[Standing]) -> Option<(String, String)> {
        let (mut policy, mut state) = (String::new(), String::new());
        for standing in standings {
            if !policy.is_empty() {
                policy.push_str(", ");
                state.push_str(", ");
            }
            let (id, quota, reset) = (self.id(standing.limit), standing.quota, seconds(standing.reset));
            policy.push_str(&format!("\"{id}\";q={};w={}", quota.burst, seconds(quota.window())));
            state.push_str(&format!("\"{id}\";r={};t={reset}", standing.remaining));
        }
        (!policy.is_empty()).then_some((policy, state))
    }

    /// Ids of limits.
    pub(crate) fn ids(&self, indexes: &[usize]) -> Vec<String> {
        indexes.iter().filter_map(|index| Some(self.limits.limit(*index)?.id.clone())).collect()
    }

    /// Brings the numbers up to date that are not counted as they happen.
    pub(crate) fn publish(&self) {
        for (index, counters) in self.counters.iter().enumerate() {
            counters.forgotten(self.limits.take_forgotten(index));
        }
    }
}

fn limit(settings: &RateLimit) -> Limit {
    let part = |key: &RateKey| match key {
        RateKey::Address => KeyPart::Address,
        RateKey::Customer => KeyPart::Customer,
        RateKey::Route => KeyPart::Route,
        RateKey::Header(name) => KeyPart::Header(name.clone()),
    };
    Limit {
        id: settings.id.clone(),
        key: settings.key.iter().map(part).collect(),
        routes: settings.routes.clone(),
        customers: settings.customers.clone(),
        quota: settings.rate.map(|(requests, period, burst)| Quota { requests, period, burst }),
        concurrent: settings.concurrent,
        keys: settings.keys,
        shadow: settings.shadow,
    }
}

/// Whole seconds, begun ones counted.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The clock that requests are counted by.
pub(crate) fn uptime() -> Arc<dyn MonotonicClock> {
    Arc::new(Uptime)
}

/// Time since the first look at it.
#[derive(Debug)]
struct Uptime;

impl MonotonicClock for Uptime {
    fn elapsed(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
}
