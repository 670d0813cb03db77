//! How much work a transaction may still cause.
//!
//! Units are counted, not time: the same request costs the same on every machine, busy or not, so that what is refused today is refused
//! tomorrow. One unit is about one byte that goes through one automaton. What is charged is what grows with the request: bytes scanned,
//! bytes transformed, bytes an operator looks at times what the operator costs, bytes of a body that is parsed.

use std::cell::Cell;

use crate::limits;

/// The budget of a transaction.
#[derive(Debug)]
pub(crate) struct Work {
    budget: u64,
    used: Cell<u64>,
    /// What was used before the budget began again.
    base: Cell<u64>,
    spent: Cell<bool>,
}

impl Work {
    /// A budget without an end: what runs on it is counted all the same.
    pub(crate) fn unlimited() -> Self {
        Self { budget: u64::MAX, used: Cell::new(0), base: Cell::new(0), spent: Cell::new(false) }
    }

    /// Bounds what may be used from now on.
    pub(crate) fn limit(&mut self, budget: u64) {
        self.budget = budget;
    }

    /// Begins again with all of the budget.
    pub(crate) fn renew(&self) {
        self.spent.set(false);
        self.base.set(self.used.get());
    }

    /// Takes units off for one value of so many bytes.
    #[inline]
    pub(crate) fn charge_value(&self, bytes: usize, weight: u32) {
        self.charge(limits::WORK_PER_VALUE + bytes as u64 * u64::from(weight));
    }

    /// Takes units off. It is never refused: who goes on asks [`Self::is_spent`] first.
    #[inline]
    pub(crate) fn charge(&self, units: u64) {
        let used = self.used.get().saturating_add(units);
        self.used.set(used);
        if used.saturating_sub(self.base.get()) > self.budget {
            self.spent.set(true);
        }
    }

    /// Whether more was used than there was.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Units that were used so far.
    pub(crate) fn used(&self) -> u64 {
        self.used.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_when_more_is_used_than_there_is() {
        let work = Work::unlimited();
        work.charge(u64::MAX);
        work.charge(7);
        assert!(!work.is_spent());
        let mut work = Work::unlimited();
        work.limit(100);
        work.charge(100);
        assert!(!work.is_spent());
        work.charge_value(1, 2);
        assert_eq!((work.is_spent(), work.used()), (true, 102 + limits::WORK_PER_VALUE));
    }
}
