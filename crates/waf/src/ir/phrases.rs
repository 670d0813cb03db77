//! All phrases of all rules that look for phrases, found in one pass.
//!
//! Of each phrase two windows of four bytes, one byte apart, are known by their hash; at every second byte of a value the window there is
//! looked up in a bit map, and what it may belong to is compared. A phrase of just four bytes has one window, and is looked for at every
//! byte. Case is folded by setting a bit, which also folds other bytes: that costs a comparison, never a match. Shorter phrases are not
//! kept here.

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
    /// A phrase of four bytes is among them.
    everywhere: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    window: u32,
    /// Of the window within the phrase.
    offset: u16,
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
            everywhere: false,
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
        self.everywhere |= text.len() == WINDOW;
        let costs = text.windows((WINDOW + 1).min(text.len())).take(usize::from(u16::MAX) - 1).enumerate();
        let best =
            costs.map(|(at, window)| (cost(window), at)).min_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, at)) = best else { return };
        let from = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.texts.extend_from_slice(&text);
        for offset in [at, at + 1] {
            let Some(window) = text.get(offset..offset + WINDOW).and_then(|window| window.try_into().ok())
            else {
                continue;
            };
            let window = u32::from_be_bytes(window) | FOLD;
            let place = hash(window);
            if let Some(word) = self.known.get_mut((place >> 6) as usize) {
                *word |= 1 << (place & 63);
            }
            let (offset, bit) = (u16::try_from(offset).unwrap_or(0), u16::try_from(bit).unwrap_or(0));
            self.entries.push(Entry { window, offset, bit, from, length });
        }
        if let Some(word) = self.rules.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Rules of which a phrase occurs.
    pub(crate) fn find(&self, value: &[u8]) -> Rules<W> {
        let mut found = [0; W];
        if self.everywhere {
            let mut window = 0;
            for (at, byte) in value.iter().enumerate() {
                window = window << 8 | u32::from(*byte);
                let place = hash(window | FOLD);
                if self.known[(place >> 6) as usize % WORDS] >> (place & 63) & 1 == 1 && at >= WINDOW - 1 {
                    self.compare(value, at + 1 - WINDOW, window | FOLD, &mut found);
                }
            }
            return found;
        }
        let (pairs, _) = value.as_chunks::<2>();
        let mut window = 0;
        for (at, pair) in pairs.iter().enumerate() {
            window = window << 16 | u32::from(u16::from_be_bytes(*pair));
            let place = hash(window | FOLD);
            // The hash has fewer bits than there are words.
            if self.known[(place >> 6) as usize % WORDS] >> (place & 63) & 1 == 1 && at > 0 {
                self.compare(value, 2 * at - 2, window | FOLD, &mut found);
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
            let begin = at.checked_sub(usize::from(entry.offset));
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
