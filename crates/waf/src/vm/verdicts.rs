//! What was found out about values that come again and again: which rules may match them.
//!
//! Most requests of a client carry the same header fields, and all of them are to the same few names. What a value wakes depends on the
//! value, on what kind of value it is and on the program alone, never on the transaction: it is found out once and remembered by each
//! thread. Nothing is remembered of values that may be secrets, and nothing is taken for the same that is not the same to the last byte.
//!
//! Bounded: a fixed number of short values. Whoever sends others can push them out, which costs what they cost without a memory; the hash is
//! keyed, so nobody can choose which ones.

use std::sync::LazyLock;

use ahash::RandomState;

/// Values that are remembered by each thread.
const ENTRIES: usize = 2_048;
/// Longest of them, in bytes.
const LONGEST: usize = 120;
/// Most rules that one of them may wake.
const MOST_WOKEN: usize = 4;

/// Of what a value is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Of the plan: no two have the same.
    pub(super) generation: u64,
    /// The kind of value, by its place in memory.
    pub(super) kind: usize,
}

/// The memory of a thread.
pub(super) struct Verdicts {
    entries: Box<[Entry]>,
}

#[derive(Clone)]
struct Entry {
    key: Key,
    length: u8,
    count: u8,
    woken: [u16; MOST_WOKEN],
    bytes: [u8; LONGEST],
}

impl Entry {
    const EMPTY: Self = Self {
        key: Key { generation: 0, kind: 0 },
        length: 0,
        count: 0,
        woken: [0; MOST_WOKEN],
        bytes: [0; LONGEST],
    };

    fn is_of(&self, key: Key, value: &[u8]) -> bool {
        self.key == key && self.bytes.get(..usize::from(self.length)) == Some(value)
    }
}

/// A value as it is looked up.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl Default for Verdicts {
    fn default() -> Self {
        Self { entries: vec![Entry::EMPTY; ENTRIES].into_boxed_slice() }
    }
}

impl Verdicts {
    /// Where a value would be; nothing if it is too long to be remembered.
    pub(super) fn place(key: Key, value: &[u8]) -> Option<Place> {
        static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        (value.len() <= LONGEST).then(|| {
            let hash = SECRET.hash_one((key.generation, key.kind, value));
            Place(usize::try_from(hash % ENTRIES as u64).unwrap_or_default())
        })
    }

    /// Rules that a value wakes, if that is remembered.
    pub(super) fn recall(&self, place: Place, key: Key, value: &[u8]) -> Option<Woken> {
        // Of two places either one may hold it.
        [place.0, place.0 ^ 1].into_iter().find_map(|at| {
            let entry = self.entries.get(at).filter(|entry| entry.is_of(key, value))?;
            Some(Woken { count: entry.count, bits: entry.woken })
        })
    }

    /// Remembers it, in the place of another value.
    pub(super) fn learn(&mut self, place: Place, key: Key, value: &[u8], woken: Woken) {
        let is_free =
            |at: usize| self.entries.get(at).is_some_and(|entry| entry.key.generation != key.generation);
        let at = if !is_free(place.0) && is_free(place.0 ^ 1) { place.0 ^ 1 } else { place.0 };
        let (Some(entry), Ok(length)) = (self.entries.get_mut(at), u8::try_from(value.len())) else { return };
        if let Some(bytes) = entry.bytes.get_mut(..value.len()) {
            bytes.copy_from_slice(value);
            (entry.key, entry.length, entry.count, entry.woken) = (key, length, woken.count, woken.bits);
        }
    }
}

/// Rules that a value wakes, by their bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Woken {
    count: u8,
    bits: [u16; MOST_WOKEN],
}

impl Woken {
    /// Whether one more can be noted.
    pub(super) fn has_room(&self) -> bool {
        usize::from(self.count) < MOST_WOKEN
    }

    /// Notes a rule, if there is room.
    pub(super) fn with(mut self, bit: usize) -> Self {
        if let (Some(place), Ok(bit)) = (self.bits.get_mut(usize::from(self.count)), u16::try_from(bit)) {
            *place = bit;
            self.count += 1;
        }
        self
    }

    /// Those that were noted.
    pub(super) fn bits(&self) -> impl Iterator<Item = usize> {
        self.bits.into_iter().take(usize::from(self.count)).map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(bits: &[usize]) -> Woken {
        bits.iter().fold(Woken::default(), |woken, bit| woken.with(*bit))
    }

    #[test]
    fn only_the_same_value_of_the_same_kind_and_plan_is_recalled() {
        let mut verdicts = Verdicts::default();
        let key = Key { generation: 7, kind: 40 };
        let place = Verdicts::place(key, b"gzip").unwrap();
        verdicts.learn(place, key, b"gzip", woken(&[3, 9]));
        assert_eq!(verdicts.recall(place, key, b"gzip").unwrap().bits().collect::<Vec<_>>(), [3, 9]);
        assert_eq!(verdicts.recall(place, key, b"gziP"), None);
        assert_eq!(verdicts.recall(place, key, b"gzi"), None);
        assert_eq!(verdicts.recall(place, Key { generation: 8, ..key }, b"gzip"), None);
        assert_eq!(verdicts.recall(place, Key { kind: 41, ..key }, b"gzip"), None);
    }

    #[test]
    fn what_is_long_or_wakes_much_is_not_remembered() {
        let key = Key { generation: 7, kind: 40 };
        assert!(Verdicts::place(key, &[b'a'; LONGEST]).is_some());
        assert!(Verdicts::place(key, &[b'a'; LONGEST + 1]).is_none());
        assert!(woken(&[1, 2, 3]).has_room() && !woken(&[1, 2, 3, 4]).has_room());
    }

    #[test]
    fn many_values_push_others_out_and_take_no_more_room() {
        let mut verdicts = Verdicts::default();
        let key = Key { generation: 1, kind: 1 };
        let values: Vec<String> = (0..4 * ENTRIES).map(|number| number.to_string()).collect();
        for value in &values {
            let place = Verdicts::place(key, value.as_bytes()).unwrap();
            verdicts.learn(place, key, value.as_bytes(), Woken::default());
        }
        let is_known = |value: &&String| {
            let place = Verdicts::place(key, value.as_bytes()).unwrap();
            verdicts.recall(place, key, value.as_bytes()).is_some()
        };
        let known = values.iter().filter(is_known).count();
        assert!((ENTRIES / 2..=ENTRIES).contains(&known), "{known}");
    }
}
