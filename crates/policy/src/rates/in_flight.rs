//! Requests being served at this moment, by key.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

/// Parts that are locked on their own.
const SHARDS: usize = 16;

/// Counts by key. A key is held while it has requests, so there are never more keys than requests.
#[derive(Debug)]
pub(super) struct InFlight {
    shards: [Mutex<HashMap<u128, u32>>; SHARDS],
    most: u32,
}

/// One request's place, given back when dropped.
#[derive(Debug)]
pub struct Place {
    counts: Arc<InFlight>,
    key: u128,
}

impl InFlight {
    pub(super) fn new(most: u32) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), most }
    }

    /// A place, unless the key has all of its places taken.
    pub(super) fn take(self: &Arc<Self>, key: u128) -> Option<Place> {
        let mut shard = self.shard(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shard.entry(key).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { counts: Arc::clone(self), key })
    }

    fn shard(&self, key: u128) -> Option<&Mutex<HashMap<u128, u32>>> {
        let index = (key >> 64) as usize % SHARDS;
        self.shards.get(index)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(shard) = self.counts.shard(self.key) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = shard.entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_keys_with_them() {
        let counts = Arc::new(InFlight::new(2));
        let first = counts.take(1).unwrap();
        let _second = counts.take(1).unwrap();
        assert!(counts.take(1).is_none());
        assert!(counts.take(2).is_some());
        drop(first);
        let third = counts.take(1).unwrap();
        assert!(counts.take(1).is_none());
        drop((third, _second));
        assert!(counts.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
