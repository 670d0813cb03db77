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
            if self.entries.get(position).is_some_and(|(known, _)| is_folded(name, known)) {
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

/// Of the length, the first eight bytes and the last; names that differ elsewhere share a hash. Folding case by a bit also folds other
/// bytes, which only costs a comparison.
fn hash(name: &[u8]) -> usize {
    const FOLD: u64 = 0x2020_2020_2020_2020;
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = name.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first) | FOLD);
    let state = (name.len() as u64 ^ first).wrapping_mul(PRIME);
    let state = (state ^ state >> 29 ^ (tail(name) | FOLD)).wrapping_mul(PRIME);
    (state >> 32) as usize
}

/// Whether a name in lower case is what another comes to. Eight bytes at a time, as most names that are looked up are there.
fn is_folded(name: &[u8], folded: &[u8]) -> bool {
    if name.len() != folded.len() {
        return false;
    }
    let (Some(last), Some(other)) = (name.last_chunk::<8>(), folded.last_chunk::<8>()) else {
        return match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(_), Some(_)) => lower(tail(name)) == tail(folded),
            _ => name.eq_ignore_ascii_case(folded),
        };
    };
    let (chunks, _) = name.as_chunks::<8>();
    let (others, _) = folded.as_chunks::<8>();
    let mut pairs = chunks.iter().zip(others);
    lower(u64::from_le_bytes(*last)) == u64::from_le_bytes(*other)
        && pairs.all(|(one, other)| lower(u64::from_le_bytes(*one)) == u64::from_le_bytes(*other))
}

/// Eight bytes in lower case at once: the high bit of a byte tells that it is an upper case letter, and a quarter of it is the difference.
pub(crate) fn lower(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * EACH);
    let from_a = low + (0x80 - u64::from(b'A')) * EACH;
    let beyond_z = low + (0x7f - u64::from(b'Z')) * EACH;
    bytes | ((from_a ^ beyond_z) & !bytes & (0x80 * EACH)) >> 2
}

/// The last bytes of a name, eight at most; those of a short one may be in it twice.
fn tail(name: &[u8]) -> u64 {
    if let Some(last) = name.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    match *name {
        [] => 0,
        [one] => u64::from(one),
        [one, two] => u64::from(one) << 8 | u64::from(two),
        [one, two, .., last] => u64::from(one) << 16 | u64::from(two) << 8 | u64::from(last),
    }
}

/// The variables of `TX` that have numbers.
pub(crate) type Names = Arc<ByName<()>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_alone_are_folded() {
        let bytes: Vec<u8> = (0..=255).collect();
        for eight in bytes.as_chunks::<8>().0 {
            let mut expected = *eight;
            expected.make_ascii_lowercase();
            assert_eq!(lower(u64::from_le_bytes(*eight)), u64::from_le_bytes(expected));
        }
    }

    #[test]
    fn a_name_is_compared_to_the_last_byte() {
        for length in 0..40_usize {
            let folded: Vec<u8> = (0..length).map(|at| b"abcxyz-_@[`{1"[at % 13]).collect();
            assert!(is_folded(&folded.to_ascii_uppercase(), &folded));
            assert!(!is_folded(&[&folded[..], b"a"].concat(), &folded));
            for at in 0..folded.len() {
                let mut other = folded.clone();
                other[at] ^= 0x20;
                assert_eq!(is_folded(&other, &folded), other.eq_ignore_ascii_case(&folded), "{at}");
                other[at] = b'q';
                assert!(!is_folded(&other, &folded));
            }
        }
    }

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
