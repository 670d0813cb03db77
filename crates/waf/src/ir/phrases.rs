//! All phrases of all rules that look for phrases, found in one pass.
//!
//! At every second byte of a value the window of four bytes there is looked up in a bit map, and what it may belong to is compared. Of each
//! phrase two windows one byte apart are known by their hash, so that one of them is met; a phrase of just four bytes has one window, and
//! one for each byte that may stand in front of it. Case is folded by setting a bit, which also folds other bytes: that costs a
//! comparison, never a match. Many phrases may share a window ("could not ..."): four bytes from another part of a phrase are compared
//! before the whole of it. Shorter phrases are not kept here.

use super::sieve::Rules;

/// Shortest phrase that is kept, in bytes.
pub(crate) const SHORTEST: usize = 4;
/// Longest one.
const LONGEST: usize = 1 << 14;

/// Whether a phrase is one that is kept here.
pub(crate) fn is_kept(phrase: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&phrase.len())
}

const WINDOW: usize = 4;
/// Bytes that four windows take.
const TEN: usize = 3 * 2 + WINDOW;
const BITS: u32 = 17;
const WORDS: usize = 1 << (BITS - 6);
const HEAD_BITS: u32 = 13;
const FOLD: u32 = 0x2020_2020;

/// The phrases of a sieve.
#[derive(Debug)]
pub(crate) struct Phrases<const W: usize> {
    /// Rules that have phrases here.
    pub(crate) rules: Rules<W>,
    /// Hashes of windows, a bit each; absent without phrases.
    known: Option<Box<[u64; WORDS]>>,
    /// Where entries of a hash begin, and where the last ones end.
    heads: Vec<u32>,
    entries: Vec<Entry>,
    texts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    window: u32,
    /// Four bytes that stand elsewhere in the phrase, in the shape of a window.
    further: u32,
    from: u32,
    length: u16,
    /// Of the window within the phrase; -1 if it begins in front of it.
    offset: i16,
    /// From the window to the further bytes.
    apart: i16,
    bit: u16,
}

impl<const W: usize> Phrases<W> {
    /// `cost` says how often a window occurs in ordinary values.
    pub(crate) fn new<T: AsRef<[u8]>>(all: &[(usize, T)], cost: impl Fn(&[u8]) -> f64) -> Self {
        let mut phrases =
            Self { rules: [0; W], known: None, heads: Vec::new(), entries: Vec::new(), texts: Vec::new() };
        for (bit, phrase) in all {
            let phrase = phrase.as_ref();
            if is_kept(phrase) {
                phrases.add(*bit, phrase, &cost);
            }
        }
        if phrases.known.is_none() {
            return phrases;
        }
        phrases.entries.sort_by_key(|entry| bucket_of(entry.window));
        phrases.entries.shrink_to_fit();
        phrases.texts.shrink_to_fit();
        for bucket in 0..=1 << HEAD_BITS {
            let below = |entry: &Entry| bucket_of(entry.window) < bucket;
            phrases.heads.push(u32::try_from(phrases.entries.partition_point(below)).unwrap_or(u32::MAX));
        }
        phrases
    }

    fn add(&mut self, bit: usize, phrase: &[u8], cost: &impl Fn(&[u8]) -> f64) {
        let text = phrase.to_ascii_lowercase();
        let cheapest = |length: usize, taken: std::ops::Range<usize>| {
            let places = text.windows(length.min(text.len())).enumerate();
            let free = places.filter(|(at, _)| !taken.contains(at));
            let costs = free.map(|(at, window)| (cost(window), at));
            costs.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, at)| at)
        };
        let Some(at) = cheapest(WINDOW + 1, 0..0) else { return };
        let of = |at: usize| window_at(&text, at);
        // What the windows themselves do not hold, as far as the phrase goes on.
        let elsewhere = cheapest(WINDOW, at.saturating_sub(WINDOW - 1)..at + WINDOW + 1).unwrap_or(0);
        let Some(further) = of(elsewhere) else { return };
        let from = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let known = self.known.get_or_insert_with(|| Box::new([0; WORDS]));
        let mut enter = |window: u32| {
            let place = hash(window);
            if let Some(word) = known.get_mut((place >> 6) as usize) {
                *word |= 1 << (place & 63);
            }
        };
        let bit = u16::try_from(bit).unwrap_or(0);
        // Phrases are shorter than what an offset can tell.
        let apart = |offset: i16| i16::try_from(elsewhere).unwrap_or(i16::MAX).saturating_sub(offset);
        let entry =
            |window, offset| Entry { window, further, from, length, offset, apart: apart(offset), bit };
        if let [one, two, three, _] = *text.as_slice() {
            // Half of all bytes: the others fold onto them.
            for before in (0..=u8::MAX).filter(|byte| byte & 0x20 != 0) {
                enter(u32::from_le_bytes([before, one, two, three]) | FOLD);
            }
            self.entries.push(entry(u32::from_le_bytes([0, one, two, three]) | FOLD, -1));
        }
        for offset in [at, at + 1] {
            if let (Some(window), Ok(offset)) = (of(offset), i16::try_from(offset)) {
                enter(window);
                self.entries.push(entry(window, offset));
            }
        }
        self.texts.extend_from_slice(&text);
        if let Some(word) = self.rules.get_mut(usize::from(bit / 64)) {
            *word |= 1 << (bit % 64);
        }
    }

    /// The phrases of a rule, escaped.
    pub(crate) fn texts_of(&self, bit: usize) -> Vec<String> {
        let own = self.entries.iter().filter(|entry| usize::from(entry.bit) == bit);
        let mut texts: Vec<String> = own
            .filter_map(|entry| {
                let from = entry.from as usize;
                let text = self.texts.get(from..from + usize::from(entry.length))?;
                Some(text.escape_ascii().to_string())
            })
            .collect();
        texts.sort();
        texts.dedup();
        texts
    }

    /// Bytes of all of it.
    pub(crate) fn memory(&self) -> usize {
        self.known.as_ref().map_or(0, |known| size_of_val(&**known))
            + size_of_val(self.heads.as_slice())
            + size_of_val(self.entries.as_slice())
            + self.texts.len()
    }

    /// Rules of which a phrase occurs.
    pub(crate) fn find(&self, value: &[u8]) -> Rules<W> {
        let mut found = [0; W];
        let Some(known) = &self.known else { return found };
        let (mut at, mut rest) = (0, value);
        while let Some(ten) = rest.first_chunk::<TEN>() {
            let [one, two, three, four, five, six, seven, eight, nine, ten] = *ten;
            let eight_bytes = u64::from_le_bytes([one, two, three, four, five, six, seven, eight]);
            let eight_bytes = eight_bytes | u64::from(FOLD) << 32 | u64::from(FOLD);
            let last = u32::from_le_bytes([seven, eight, nine, ten]) | FOLD;
            // Of a shifted word its lower half.
            let windows = [eight_bytes as u32, (eight_bytes >> 16) as u32, (eight_bytes >> 32) as u32, last];
            for (place, window) in windows.into_iter().enumerate() {
                self.meet(known, value, at + 2 * place, window, &mut found);
            }
            at += 8;
            rest = &rest[8..];
        }
        while let Some(four) = rest.first_chunk::<WINDOW>() {
            self.meet(known, value, at, u32::from_le_bytes(*four) | FOLD, &mut found);
            at += 2;
            rest = &rest[2..];
        }
        found
    }

    #[inline(always)]
    fn meet(&self, known: &[u64; WORDS], value: &[u8], at: usize, window: u32, found: &mut Rules<W>) {
        let place = hash(window);
        // The hash has fewer bits than there are in the map.
        if known[(place >> 6) as usize % WORDS] >> (place & 63) & 1 == 1 {
            self.compare(value, at, window, found);
        }
    }

    #[cold]
    fn compare(&self, value: &[u8], at: usize, window: u32, found: &mut Rules<W>) {
        let bucket = bucket_of(window);
        let (Some(from), Some(to)) = (self.heads.get(bucket), self.heads.get(bucket + 1)) else { return };
        // Half of the windows that are known by their hash are not known.
        if from < to {
            let entries = self.entries.get(*from as usize..*to as usize).unwrap_or(&[]);
            self.compare_with(entries, value, at, window, found);
        }
    }

    #[inline(never)]
    fn compare_with(&self, entries: &[Entry], value: &[u8], at: usize, window: u32, found: &mut Rules<W>) {
        for entry in entries {
            // A byte in front of a phrase may be any.
            let differs = if entry.offset < 0 { (entry.window ^ window) >> 8 } else { entry.window ^ window };
            if differs != 0 {
                continue;
            }
            let further = at.checked_add_signed(isize::from(entry.apart)).and_then(|at| window_at(value, at));
            if further != Some(entry.further) {
                continue;
            }
            // One of a rule's phrases is enough: what an attacker repeats is not compared again.
            let word = found.get(usize::from(entry.bit) / 64).copied().unwrap_or_default();
            if word >> (entry.bit % 64) & 1 == 1 {
                continue;
            }
            let text = self.texts.get(entry.from as usize..entry.from as usize + usize::from(entry.length));
            let begin = at.checked_add_signed(-isize::from(entry.offset));
            let (Some(text), Some(begin)) = (text, begin) else { continue };
            let there = value.get(begin..begin + text.len());
            if there.is_some_and(|there| is_text(there, text))
                && let Some(word) = found.get_mut(usize::from(entry.bit) / 64)
            {
                *word |= 1 << (entry.bit % 64);
            }
        }
    }
}

/// The four bytes at a place.
#[inline(always)]
fn window_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*four) | FOLD)
}

/// Whether bytes are a text, which is in lower case. Texts that begin alike mostly end otherwise: the last byte is looked at first.
fn is_text(there: &[u8], text: &[u8]) -> bool {
    there.last().map(u8::to_ascii_lowercase) == text.last().copied() && there.eq_ignore_ascii_case(text)
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

/// Entries whose windows differ in their first byte alone are in one bucket.
fn bucket_of(window: u32) -> usize {
    ((window >> 8).wrapping_mul(0x9e37_79b1) >> (32 - HEAD_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_phrase_is_found_wherever_it_stands_and_nothing_else(
            phrases in proptest::collection::vec("[abA/. @`]{4,8}|aba/bab[abA/. @`]{0,12}", 1..20),
            value in "(?:[abAB/. @`]|aba/bab){0,40}",
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
