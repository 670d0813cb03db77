//! Where a rate limit keeps its counts: a table of fixed size.
//!
//! A stranger can send as many keys as he likes, so there is no room for all of them. A key has a place in one small group, which
//! nobody outside can predict. In a full group the key that has used least of its quota makes room: what has recovered is forgotten
//! at no cost, and who spent his quota cannot win it back by sending keys that spend less.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use governor::{nanos::Nanos, state::StateStore};

/// Places of a group.
const WAYS: usize = 8;

/// Counts by key.
#[derive(Debug)]
pub(super) struct Table {
    groups: Box<[Mutex<[Place; WAYS]>]>,
    /// Time one request takes out of a quota, nanoseconds.
    interval: u64,
    /// Keys that had to go before they had recovered.
    forgotten: Arc<AtomicU64>,
}

/// A key and the time at which it will have recovered, since the limit was made. An empty place has a time of zero.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u128,
    recovered: u64,
}

impl Table {
    /// Room for so many keys, or a few more.
    pub(super) fn new(keys: usize, interval: u64) -> Self {
        let groups = keys.div_ceil(WAYS).max(1).next_power_of_two();
        let groups = (0..groups).map(|_| Mutex::default()).collect();
        Self { groups, interval, forgotten: Arc::default() }
    }

    /// Counts keys that are forgotten before they have recovered. Shared, as the limiter takes the table in.
    pub(super) fn forgotten(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.forgotten)
    }

    fn group(&self, key: u128) -> Option<&Mutex<[Place; WAYS]>> {
        let index = key as usize & (self.groups.len() - 1);
        self.groups.get(index)
    }
}

impl StateStore for Table {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, key: &u128, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Some(group) = self.group(*key) else { return f(None).map(|(outcome, _)| outcome) };
        let mut places = group.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.iter_mut().find(|place| place.recovered > 0 && place.key == *key) {
            let (outcome, recovered) = f(Some(Nanos::new(place.recovered)))?;
            place.recovered = recovered.as_u64();
            return Ok(outcome);
        }
        let (outcome, recovered) = f(None)?;
        if let Some(place) = places.iter_mut().min_by_key(|place| place.recovered) {
            // Who is new has spent one interval from now on.
            let now = recovered.as_u64().saturating_sub(self.interval);
            if place.recovered > now {
                self.forgotten.fetch_add(1, Ordering::Relaxed);
            }
            *place = Place { key: *key, recovered: recovered.as_u64().max(1) };
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(table: &Table, key: u128, now: u64) -> u64 {
        let spent = table.measure_and_replace(&key, |recovered| {
            let next = recovered.map_or(now, |recovered| recovered.as_u64().max(now)) + 10;
            Ok::<_, ()>((next, Nanos::new(next)))
        });
        spent.unwrap()
    }

    #[test]
    fn who_has_spent_least_makes_room() {
        let table = Table::new(WAYS, 10);
        // One key has spent much, the others a little.
        for _ in 0..5 {
            spend(&table, 1, 100);
        }
        for key in 2..=WAYS as u128 {
            spend(&table, key, 100);
        }
        assert_eq!(table.forgotten.load(Ordering::Relaxed), 0);
        for key in 100..200 {
            spend(&table, key, 100);
        }
        assert_eq!(table.forgotten.swap(0, Ordering::Relaxed), 100);
        assert_eq!(spend(&table, 1, 100), 160, "not forgotten");
        // What has recovered is nobody's loss.
        for key in 200..208 {
            spend(&table, key, 100_000);
        }
        assert_eq!(table.forgotten.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn there_is_room_for_what_was_promised() {
        let table = Table::new(1000, 10);
        assert!(table.groups.len() * WAYS >= 1000);
        assert_eq!(Table::new(0, 1).groups.len(), 1);
    }
}
