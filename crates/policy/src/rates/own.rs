//! The rate that was agreed on with one customer: one count, whatever address and route its requests come by.
//!
//! There is one for each customer that has a rate, so what is remembered is bounded by the register, and nobody makes room for others.

use std::sync::Arc;

use governor::{
    RateLimiter,
    clock::Clock as _,
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::{MonotonicClock, Quota, Taken, Ticks, taken};

/// A customer's rate and what it has asked.
#[derive(Debug)]
pub struct OwnRate {
    quota: Quota,
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
}

impl OwnRate {
    /// Name of such a rate, for clients and metrics; no limit of a configuration may have it.
    pub const ID: &str = "customer";

    /// With nothing asked yet.
    #[must_use]
    pub fn new(quota: Quota, clock: Arc<dyn MonotonicClock>) -> Self {
        let limiter = RateLimiter::new(quota.of_governor(), InMemoryState::default(), Ticks(clock));
        Self { quota, limiter }
    }

    /// What was agreed on.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Counts a request.
    pub(super) fn take(&self) -> Taken {
        taken(self.limiter.check(), || self.limiter.clock().now())
    }
}
