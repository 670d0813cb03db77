//! Names known when rules are compiled: the variables of `TX` that rules write and read get numbers, so that a transaction finds them
//! without a copy or a keyed hash.
//!
//! The table is fixed: a client may choose names that are looked up, never names that are in it, so its hash needs no secret.

use std::sync::Arc;

/// A fixed map from names, ASCII case ignored, to what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct ByName<T> {
    entries: Vec<(Box<[u8]>, T)>,
    /// Position in `entries` plus one, by hash; 0 is free. A power of two long, at least half of it free.
    places: Vec<u16>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: Vec::new() }
    }
}

impl<T> ByName<T> {
    /// Adds a name; one that is there already keeps what it has. At most 65,000 names are taken.
    pub(crate) fn insert(&mut self, name: &[u8], value: T) {
        if self.entries.len() >= 65_000 || self.find(name).is_some() {
            return;
        }
        self.entries.push((name.to_ascii_lowercase().into_boxed_slice(), value));
        if self.places.len() < 2 * self.entries.len() {
            let length = (4 * self.entries.len()).next_power_of_two();
            self.places = vec![0; length];
            for position in 0..self.entries.len() {
                self.enter(position);
            }
        } else {
            self.enter(self.entries.len() - 1);
        }
    }

    fn enter(&mut self, position: usize) {
        let Some((name, _)) = self.entries.get(position) else { return };
        let mask = self.places.len() - 1;
        let mut at = hash(name) & mask;
        while self.places.get(at).is_some_and(|place| *place != 0) {
            at = (at + 1) & mask;
        }
        if let (Some(place), Ok(number)) = (self.places.get_mut(at), u16::try_from(position + 1)) {
            *place = number;
        }
    }

    /// The position of a name.
    pub(crate) fn position(&self, name: &[u8]) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = hash(name) & mask;
        loop {
            let position = usize::from(*self.places.get(at)?).checked_sub(1)?;
            if self.entries.get(position).is_some_and(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Some(position);
            }
            at = (at + 1) & mask;
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&T> {
        self.position(name).and_then(|position| self.entries.get(position)).map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }
}

/// Eight bytes at a time; folding case by a bit also folds other bytes, which only costs a comparison.
fn hash(name: &[u8]) -> usize {
    const FOLD: u64 = 0x2020_2020_2020_2020;
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let (chunks, rest) = name.as_chunks::<8>();
    let mut state = name.len() as u64;
    for chunk in chunks {
        state = (state ^ (u64::from_le_bytes(*chunk) | FOLD)).wrapping_mul(PRIME);
        state ^= state >> 29;
    }
    let tail = rest.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    state = (state ^ (tail | FOLD)).wrapping_mul(PRIME);
    (state >> 32) as usize
}

/// The variables of `TX` that have numbers.
pub(crate) type Names = Arc<ByName<()>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        let mut names = ByName::default();
        for number in 0..500 {
            names.insert(format!("Name_{number}").as_bytes(), number);
        }
        names.insert(b"NAME_7", 1000);
        for number in 0..500 {
            assert_eq!(names.find(format!("nAME_{number}").as_bytes()), Some(&number));
        }
        assert_eq!(names.len(), 500);
        assert_eq!(names.find(b"name_500"), None);
        assert_eq!(ByName::<u8>::default().find(b""), None);
    }
}
