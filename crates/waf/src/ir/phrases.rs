//! All phrases of all rules that look for phrases, found in one pass.
//!
//! At every second byte of a value the window of four bytes there is looked up in a bit map, and what it may belong to is compared. Of each
//! phrase two windows one byte apart are known by their hash, so that one of them is met; a phrase of just four bytes has one window, and
//! one for each byte that may stand in front of it. Case is folded by setting a bit, which also folds other bytes: that costs a
//! comparison, never a match. Shorter phrases are not kept here.

use super::sieve::Rules;

/// Shortest phrase that is kept.
pub(crate) const SHORTEST: usize = 4;
const WINDOW: usize = 4;
const BITS: u32 = 17;
const WORDS: usize = 1 << (BITS - 6);
const HEAD_BITS: u32 = 13;
const FOLD: u32 = 0x2020_2020;

/// The phrases of a sieve.
#[derive(Debug)]
pub(crate) struct Phrases<const W: usize> {
    /// Rules that have phrases here.
    pub(crate) rules: Rules<W>,
    known: Box<[u64; WORDS]>,
    /// Where entries of a hash begin, and where the last ones end.
    heads: Vec<u32>,
    entries: Vec<Entry>,
    texts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    window: u32,
    /// Of the window within the phrase; -1 if it begins in front of it.
    offset: i32,
    bit: u16,
    from: u32,
    length: u32,
}

impl<const W: usize> Phrases<W> {
    /// `cost` says how often a window occurs in ordinary values.
    pub(crate) fn new(all: &[(usize, &[u8])], cost: impl Fn(&[u8]) -> f64) -> Self {
        let mut phrases = Self {
            rules: [0; W],
            known: Box::new([0; WORDS]),
            heads: Vec::new(),
            entries: Vec::new(),
            texts: Vec::new(),
        };
        for (bit, phrase) in all.iter().filter(|(_, phrase)| phrase.len() >= SHORTEST) {
            phrases.add(*bit, phrase, &cost);
        }
        phrases.entries.sort_by_key(|entry| hash(entry.window));
        let buckets = 1_u32 << HEAD_BITS;
        for bucket in 0..=buckets {
            let below = |entry: &Entry| hash(entry.window) >> (BITS - HEAD_BITS) < bucket;
            phrases.heads.push(u32::try_from(phrases.entries.partition_point(below)).unwrap_or(u32::MAX));
        }
        phrases
    }

    fn add(&mut self, bit: usize, phrase: &[u8], cost: &impl Fn(&[u8]) -> f64) {
        let text = phrase.to_ascii_lowercase();
        let costs = text.windows((WINDOW + 1).min(text.len())).enumerate();
        let best =
            costs.map(|(at, window)| (cost(window), at)).min_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, at)) = best else { return };
        let from = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.texts.extend_from_slice(&text);
        let bit_number = u16::try_from(bit).unwrap_or(0);
        let mut enter = |window: [u8; WINDOW], offset: i32| {
            let window = u32::from_be_bytes(window) | FOLD;
            let place = hash(window);
            if let Some(word) = self.known.get_mut((place >> 6) as usize) {
                *word |= 1 << (place & 63);
            }
            self.entries.push(Entry { window, offset, bit: bit_number, from, length });
        };
        if let [one, two, three, _] = *text.as_slice() {
            // Half of all bytes: the others fold onto them.
            for before in (0..=u8::MAX).filter(|byte| byte & 0x20 != 0) {
                enter([before, one, two, three], -1);
            }
        }
        for offset in [at, at + 1] {
            let window = text.get(offset..offset + WINDOW).and_then(|window| window.try_into().ok());
            if let (Some(window), Ok(offset)) = (window, i32::try_from(offset)) {
                enter(window, offset);
            }
        }
        if let Some(word) = self.rules.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Bytes of all of it.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.known)
            + size_of_val(self.heads.as_slice())
            + size_of_val(self.entries.as_slice())
            + self.texts.len()
    }

    /// Rules of which a phrase occurs.
    pub(crate) fn find(&self, value: &[u8]) -> Rules<W> {
        let mut found = [0; W];
        let (pairs, _) = value.as_chunks::<2>();
        for (at, four) in pairs.array_windows::<2>().enumerate() {
            let [[one, two], [three, four]] = *four;
            let window = u32::from_be_bytes([one, two, three, four]) | FOLD;
            let place = hash(window);
            // The hash has fewer bits than there are in the map.
            if self.known[(place >> 6) as usize % WORDS] >> (place & 63) & 1 == 1 {
                self.compare(value, 2 * at, window, &mut found);
            }
        }
        found
    }

    #[cold]
    fn compare(&self, value: &[u8], at: usize, window: u32, found: &mut Rules<W>) {
        let bucket = (hash(window) >> (BITS - HEAD_BITS)) as usize;
        let (Some(from), Some(to)) = (self.heads.get(bucket), self.heads.get(bucket + 1)) else { return };
        for entry in self.entries.get(*from as usize..*to as usize).unwrap_or(&[]) {
            if entry.window != window {
                continue;
            }
            let text = self.texts.get(entry.from as usize..(entry.from + entry.length) as usize);
            let begin = isize::try_from(entry.offset).ok().and_then(|offset| at.checked_add_signed(-offset));
            let (Some(text), Some(begin)) = (text, begin) else { continue };
            if value.get(begin..begin + text.len()).is_some_and(|there| there.eq_ignore_ascii_case(text))
                && let Some(word) = found.get_mut(usize::from(entry.bit) / 64)
            {
                *word |= 1 << (entry.bit % 64);
            }
        }
    }
}

/// A guess at how often a window occurs where nothing better is known: letters are common, the first of them most.
pub(crate) fn rarity(window: &[u8]) -> f64 {
    let of = |byte: &u8| match byte.to_ascii_lowercase() {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 0.08,
        b'a'..=b'z' => 0.03,
        b'0'..=b'9' | b' ' | b'/' | b'.' | b'-' => 0.03,
        _ => 0.005,
    };
    window.iter().map(of).product()
}

fn hash(window: u32) -> u32 {
    window.wrapping_mul(0x9e37_79b1) >> (32 - BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_phrase_is_found_wherever_it_stands_and_nothing_else(
            phrases in proptest::collection::vec("[abA/. @`]{4,8}", 1..20),
            value in "[abAB/. @`]{0,40}",
            at in 0_usize..40,
        ) {
            let all: Vec<(usize, &[u8])> =
                phrases.iter().enumerate().map(|(bit, phrase)| (bit, phrase.as_bytes())).collect();
            let set = Phrases::<1>::new(&all, |window| window.iter().map(|byte| f64::from(*byte)).sum());
            let mut with = value.clone().into_bytes();
            let at = at.min(with.len());
            with.splice(at..at, phrases[0].bytes());
            for value in [value.as_bytes(), &with] {
                let lower = value.to_ascii_lowercase();
                let mut expected = 0;
                for (bit, phrase) in &all {
                    let phrase = phrase.to_ascii_lowercase();
                    if lower.windows(phrase.len()).any(|window| window == phrase) {
                        expected |= 1 << bit;
                    }
                }
                prop_assert_eq!(set.find(value), [expected]);
            }
        }
    }
}
