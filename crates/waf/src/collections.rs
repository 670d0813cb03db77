//! Persistent collections (`IP`, `SESSION`, `GLOBAL`, ..): bounded, shared by all transactions, kept over reloads.
//!
//! Every change is made in the shared record at once, as ModSecurity v3 does, so that two requests that count at the same time both
//! count. Nothing outlives its expiry: reading asks the time. Invariant: no more than `records` records of `variables` variables.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use portcullis_seclang::vocabulary::Variable;

use crate::state::{Value, decimal, number};

/// Longest name or value that is kept, in bytes.
const LONGEST: usize = 4096;

/// Which collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `GLOBAL`
    Global,
    /// `IP`
    Ip,
    /// `RESOURCE`
    Resource,
    /// `SESSION`
    Session,
    /// `USER`
    User,
}

impl Kind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Kind; 5] = [Kind::Global, Kind::Ip, Kind::Resource, Kind::Session, Kind::User];

    /// The kind a variable name stands for.
    #[must_use]
    pub fn of(variable: Variable) -> Option<Self> {
        Some(match variable {
            Variable::Global => Self::Global,
            Variable::Ip => Self::Ip,
            Variable::Resource => Self::Resource,
            Variable::Session => Self::Session,
            Variable::User => Self::User,
            _ => return None,
        })
    }

    pub(crate) fn position(self) -> usize {
        self as usize
    }
}

/// Persistent collections of one edge.
#[derive(Debug, Default)]
pub struct Collections {
    records: usize,
    variables: usize,
    inner: Mutex<HashMap<Key, Record>>,
}

/// What a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: Kind,
    key: Box<[u8]>,
}

impl Key {
    fn new(kind: Kind, key: &[u8]) -> Self {
        Self { kind, key: cut(key).into() }
    }
}

#[derive(Debug, Default)]
struct Record {
    /// Seconds since the epoch; the record is gone after that.
    expires: u64,
    /// By name in lower case.
    variables: HashMap<Box<[u8]>, Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    name: Value,
    value: Value,
    changed: u64,
    expires: Option<u64>,
}

impl Kept {
    fn lives(&self, now: u64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl Collections {
    /// At most `records` records of at most `variables` variables each; the record that expires first makes room.
    #[must_use]
    pub fn new(records: usize, variables: usize) -> Self {
        Self { records, variables, inner: Mutex::default() }
    }

    /// Opens a record, making it if need be, and puts its expiry off.
    pub(crate) fn open(&self, kind: Kind, key: &[u8], now: u64, timeout: u64) {
        if self.records == 0 {
            return;
        }
        let mut all = self.lock();
        let place = Key::new(kind, key);
        if let Some(record) = all.get_mut(&place)
            && record.expires > now
        {
            record.expires = now.saturating_add(timeout);
            return;
        }
        if all.len() >= self.records && !all.contains_key(&place) {
            all.retain(|_, record| record.expires > now);
            if all.len() >= self.records {
                evict(&mut all);
            }
        }
        all.insert(place, Record { expires: now.saturating_add(timeout), variables: HashMap::new() });
    }

    /// The value of a variable.
    pub(crate) fn find(&self, kind: Kind, key: &[u8], name: &[u8], now: u64) -> Option<Value> {
        let all = self.lock();
        let record = all.get(&Key::new(kind, key)).filter(|record| record.expires > now)?;
        let kept = record.variables.get(folded(name).as_ref()).filter(|kept| kept.lives(now))?;
        Some(Value::clone(&kept.value))
    }

    /// All variables of a record, sorted by name so that evaluation does not depend on chance.
    pub(crate) fn all(&self, kind: Kind, key: &[u8], now: u64) -> Vec<(Value, Value)> {
        let all = self.lock();
        let Some(record) = all.get(&Key::new(kind, key)).filter(|record| record.expires > now) else {
            return Vec::new();
        };
        let mut found: Vec<(Value, Value)> = record
            .variables
            .values()
            .filter(|kept| kept.lives(now))
            .map(|kept| (Value::clone(&kept.name), Value::clone(&kept.value)))
            .collect();
        found.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        found
    }

    /// Sets a variable to what `change` makes of its old value; `None` takes it away. Its expiry is kept.
    pub(crate) fn change(
        &self,
        kind: Kind,
        key: &[u8],
        name: &[u8],
        now: u64,
        change: impl FnOnce(Option<&[u8]>) -> Option<Value>,
    ) {
        let mut all = self.lock();
        let Some(record) = all.get_mut(&Key::new(kind, key)).filter(|record| record.expires > now) else {
            return;
        };
        let folded = folded(name);
        let old = record.variables.get(&folded).filter(|kept| kept.lives(now));
        let expires = old.and_then(|kept| kept.expires);
        match change(old.map(|kept| kept.value.as_ref())) {
            None => {
                record.variables.remove(&folded);
            }
            Some(value) => {
                if record.variables.len() >= self.variables {
                    record.variables.retain(|_, kept| kept.lives(now));
                }
                if record.variables.len() < self.variables || record.variables.contains_key(&folded) {
                    // A copy: a value may share the buffer of a whole request, which would live as long as the record.
                    let kept = Kept {
                        name: Value::from(cut(name)),
                        value: Value::from(cut(&value)),
                        changed: now,
                        expires,
                    };
                    record.variables.insert(folded, kept);
                }
            }
        }
    }

    /// Lets a variable expire `seconds` from now.
    pub(crate) fn expire(&self, kind: Kind, key: &[u8], name: &[u8], now: u64, seconds: u64) {
        let mut all = self.lock();
        if let Some(record) = all.get_mut(&Key::new(kind, key))
            && let Some(kept) = record.variables.get_mut(&folded(name))
        {
            let expires = now.saturating_add(seconds);
            kept.expires = Some(expires);
            // A variable must not be lost because its record times out first.
            record.expires = record.expires.max(expires);
        }
    }

    /// Takes `amount` from a number for every `period` seconds since it last changed; it never gets below zero.
    pub(crate) fn deprecate(
        &self,
        kind: Kind,
        key: &[u8],
        name: &[u8],
        now: u64,
        (amount, period): (i64, u64),
    ) {
        let mut all = self.lock();
        if let Some(record) = all.get_mut(&Key::new(kind, key))
            && let Some(kept) = record.variables.get_mut(&folded(name))
        {
            let periods = now.saturating_sub(kept.changed).checked_div(period).unwrap_or(0);
            if periods > 0 {
                let gone = amount.saturating_mul(i64::try_from(periods).unwrap_or(i64::MAX));
                let left = number(&kept.value).saturating_sub(gone).max(0);
                kept.value = decimal(left);
                kept.changed = now;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record>> {
        // A panic elsewhere leaves whole records behind: every change is one insertion.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the records that expire first, one in 64 at once: looking for them takes time linear in their number, and a stranger who
/// sends a new key with each request must not make every one of them pay it.
fn evict(all: &mut HashMap<Key, Record>) {
    let many = all.len() / 64 + 1;
    let mut expiries: Vec<u64> = all.values().map(|record| record.expires).collect();
    if many > expiries.len() {
        return;
    }
    let (sooner, last, _) = expiries.select_nth_unstable(many - 1);
    let last = *last;
    // Of those that expire together with the last one only as many go as are wanted.
    let mut together = many - sooner.iter().filter(|expires| **expires < last).count();
    all.retain(|_, record| {
        let goes = record.expires < last || (record.expires == last && together > 0);
        together -= usize::from(goes && record.expires == last);
        !goes
    });
}

fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..LONGEST).unwrap_or(bytes)
}

fn folded(name: &[u8]) -> Box<[u8]> {
    cut(name).to_ascii_lowercase().into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn set(collections: &Collections, key: &[u8], name: &[u8], now: u64, value: &[u8]) {
        collections.change(Kind::Ip, key, name, now, |_| Some(Value::from(value)));
    }

    #[test]
    fn the_record_that_expires_first_makes_room() {
        let collections = Collections::new(2, 4);
        collections.open(Kind::Ip, b"a", 0, 10);
        collections.open(Kind::Ip, b"b", 0, 20);
        set(&collections, b"a", b"x", 0, b"1");
        set(&collections, b"b", b"x", 0, b"1");
        collections.open(Kind::Ip, b"c", 1, 20);
        assert_eq!(collections.find(Kind::Ip, b"a", b"x", 1), None);
        assert!(collections.find(Kind::Ip, b"b", b"X", 1).is_some());
    }

    #[test]
    fn room_is_made_for_many_at_once() {
        let collections = Collections::new(640, 4);
        for number in 0..10_000_u64 {
            collections.open(Kind::Session, &number.to_be_bytes(), number / 100, 1000);
            assert!(collections.lock().len() <= 640);
        }
        let kept = collections.lock().len();
        assert!(kept > 600, "{kept}");
        assert!(collections.lock().values().all(|record| record.expires >= 1093));
    }

    #[test]
    fn a_record_holds_no_more_variables_than_allowed() {
        let collections = Collections::new(2, 2);
        collections.open(Kind::Ip, b"a", 0, 10);
        for name in [b"x", b"y", b"z"] {
            set(&collections, b"a", name, 0, b"1");
        }
        assert_eq!(collections.all(Kind::Ip, b"a", 0).len(), 2);
    }

    #[test]
    fn a_record_keeps_no_request_alive() {
        let collections = Collections::new(1, 1);
        collections.open(Kind::Ip, b"a", 0, 10);
        let body = Bytes::from(vec![b'x'; 10_000]);
        collections.change(Kind::Ip, b"a", b"x", 0, |_| Some(Value::shared(body.slice(..100))));
        assert_eq!(collections.find(Kind::Ip, b"a", b"x", 0).map(|value| value.len()), Some(100));
        assert!(body.is_unique());
    }

    #[test]
    fn a_variable_expires_and_keeps_its_record_alive_until_then() {
        let collections = Collections::new(2, 2);
        collections.open(Kind::Ip, b"a", 0, 10);
        set(&collections, b"a", b"x", 0, b"1");
        collections.expire(Kind::Ip, b"a", b"x", 0, 60);
        assert!(collections.find(Kind::Ip, b"a", b"x", 59).is_some());
        assert_eq!(collections.find(Kind::Ip, b"a", b"x", 60), None);
    }

    #[test]
    fn deprecation_counts_whole_periods_and_stops_at_zero() {
        let collections = Collections::new(1, 1);
        collections.open(Kind::Ip, b"a", 0, 1000);
        set(&collections, b"a", b"x", 0, b"10");
        collections.deprecate(Kind::Ip, b"a", b"x", 125, (3, 60));
        assert_eq!(collections.find(Kind::Ip, b"a", b"x", 125).as_deref(), Some(&b"4"[..]));
        collections.deprecate(Kind::Ip, b"a", b"x", 400, (3, 60));
        assert_eq!(collections.find(Kind::Ip, b"a", b"x", 400).as_deref(), Some(&b"0"[..]));
    }
}
