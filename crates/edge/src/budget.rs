//! A shared bound on something strangers use: connections, and bytes of bodies held.
//!
//! The limit is passed in with each reservation because a reload may change it; what was granted under an older limit stays granted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What is in use.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: AtomicUsize,
}

/// A share that is given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    amount: usize,
}

impl Budget {
    /// Takes `amount` unless more than `limit` would then be in use.
    pub(crate) fn reserve(self: &Arc<Self>, amount: usize, limit: usize) -> Option<Reservation> {
        self.take(amount, limit).then(|| Reservation { budget: Arc::clone(self), amount })
    }

    /// What is in use at this moment.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, amount: usize, limit: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|sum| *sum <= limit)
            })
            .is_ok()
    }
}

impl Reservation {
    /// Takes more. `false`, and nothing taken, when that would exceed `limit`.
    #[must_use]
    pub(crate) fn grow(&mut self, amount: usize, limit: usize) -> bool {
        let taken = self.budget.take(amount, limit);
        if taken {
            self.amount += amount;
        }
        taken
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_free_again() {
        let budget = Arc::new(Budget::default());
        let mut first = budget.reserve(6, 10).expect("room");
        assert!(budget.reserve(5, 10).is_none());
        assert!(first.grow(4, 10));
        assert!(!first.grow(1, 10));
        assert_eq!(budget.used(), 10);
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
