//! Shared bounds on what strangers use: connections, in all and of one address, and bytes of bodies held.
//!
//! The limit is passed in with each reservation because a reload may change it; what was granted under an older limit stays granted.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Locks over which addresses are spread.
const SHARDS: usize = 16;

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

/// What each address has in use. Holds no more entries than there are shares.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    shards: [Mutex<HashMap<IpAddr, usize>>; SHARDS],
    hasher: RandomState,
}

/// A share of an address, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Takes one more for this address unless it has `limit` already. Of IPv6, whoever has one address has its whole /64.
    pub(crate) fn reserve(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Share> {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        };
        let mut shard = self.shard(address)?;
        let used = shard.get(&address).copied().unwrap_or(0);
        if used >= limit {
            return None;
        }
        shard.insert(address, used + 1);
        drop(shard);
        Some(Share { addresses: Arc::clone(self), address })
    }

    fn shard(&self, address: IpAddr) -> Option<MutexGuard<'_, HashMap<IpAddr, usize>>> {
        let hash = usize::try_from(self.hasher.hash_one(address) % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(hash)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(mut shard) = self.addresses.shard(self.address) else { return };
        match shard.get_mut(&self.address) {
            Some(used) if *used > 1 => *used -= 1,
            _ => {
                shard.remove(&self.address);
            }
        }
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

    #[test]
    fn addresses_do_not_touch_each_other_and_leave_nothing_behind() {
        let addresses = Arc::new(Addresses::default());
        let reserve = |text: &str| addresses.reserve(text.parse().expect("an address"), 2);
        let held = [reserve("192.0.2.1"), reserve("::ffff:192.0.2.1"), reserve("192.0.2.2")];
        assert!(held.iter().all(Option::is_some));
        assert!(reserve("192.0.2.1").is_none());
        let held_6 = [reserve("2001:db8::1"), reserve("2001:db8::2:3"), reserve("2001:db8:0:1::1")];
        assert!(held_6.iter().all(Option::is_some));
        assert!(reserve("2001:db8::ffff").is_none());
        drop((held, held_6));
        assert!(reserve("192.0.2.1").is_some());
        let left = |shard: &Mutex<HashMap<IpAddr, usize>>| shard.lock().expect("not poisoned").len();
        assert_eq!(addresses.shards.iter().map(left).sum::<usize>(), 0);
    }
}
