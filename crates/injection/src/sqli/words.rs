//! Lookup of SQL words, operators and fingerprints.
//!
//! The vocabulary is the public constant table of the package `libinjectionrs` (libinjection's own: 985 words, 8,367 fingerprints). Two hash
//! tables over it are laid out by the compiler, so that nothing is built or locked at run time; probing is bounded by construction.

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

use super::token::Kind;

/// The longest text a token keeps, hence the longest word that can be looked up.
pub(super) const LONGEST: usize = 31;

/// What the word is, whatever its case; `None` for one that SQL gives no meaning.
pub(super) fn kind_of(word: &[u8]) -> Option<Kind> {
    let (first, last) = (*word.first()?, *word.last()?);
    let second = word.get(1).copied().unwrap_or(0);
    if word.len() > LONGEST || !may_be(&WORD_SIEVE, sieve_bit(first, second, last, word.len())) {
        return None;
    }
    let mut buffer = [0; LONGEST];
    upper(buffer.get_mut(..word.len())?, word);
    find(buffer.get(..word.len())?).map(|(kind, _)| kind)
}

/// Whether a word of the table that begins with this byte, ASCII case ignored, has a dot in it.
pub(super) fn may_have_dot(first: u8) -> bool {
    DOTTED >> (first & 31) & 1 == 1
}

/// First letters of words with a dot, by the last five bits.
const DOTTED: u32 = {
    let mut letters = 0;
    let mut entry = 0;
    while entry < SQL_KEYWORDS.len() {
        let word = SQL_KEYWORDS[entry].word.as_bytes();
        if SQL_KEYWORDS[entry].token_type != FINGERPRINT && has_byte(word, b'.') {
            letters |= 1 << (word[0] & 31);
        }
        entry += 1;
    }
    letters
};

/// What the two words mean as one phrase, as `union` and `all` do, and the phrase in upper case.
pub(super) fn phrase(first: &[u8], second: &[u8]) -> Option<(Kind, &'static [u8])> {
    let length = first.len() + 1 + second.len();
    let second_byte = first.get(1).copied().unwrap_or(b' ');
    let bit = sieve_bit(*first.first()?, second_byte, *second.last()?, length);
    if length > LONGEST || !may_be(&PHRASE_SIEVE, bit) {
        return None;
    }
    let mut buffer = [b' '; LONGEST];
    upper(buffer.get_mut(..first.len())?, first);
    upper(buffer.get_mut(first.len() + 1..length)?, second);
    find(buffer.get(..length)?)
}

/// Whether the token types are those of an injection.
pub(super) fn is_known_fingerprint(types: &[u8]) -> bool {
    let key = fingerprint_key(types, 0);
    let mut slot = scramble(key) as usize % FINGERPRINT_SLOTS;
    loop {
        match FINGERPRINTS.get(slot) {
            Some(&found) if found == key => return key != 0,
            None | Some(0) => return false,
            Some(_) => slot = (slot + 1) % FINGERPRINT_SLOTS,
        }
    }
}

/// Whether anything in the table has this bit. Most words of ordinary text end here.
fn may_be(sieve: &[u64; SIEVE], bit: usize) -> bool {
    sieve.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
}

/// Of the first two bytes, the last one and the length, ASCII case ignored.
const fn sieve_bit(first: u8, second: u8, last: u8, length: usize) -> usize {
    // One bit off makes capitals of letters; what it makes of other bytes is the same on both sides.
    let bytes = [first & 0xdf, second & 0xdf, last & 0xdf, length as u8];
    (u32::from_le_bytes(bytes).wrapping_mul(0x9e37_79b1) >> (32 - SIEVE_BITS)) as usize
}

fn upper(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.to_ascii_uppercase();
    }
}

fn find(upper: &[u8]) -> Option<(Kind, &'static [u8])> {
    let mut slot = upper.iter().fold(SEED, |hash, byte| mix(hash, *byte)) as usize % WORD_SLOTS;
    loop {
        let entry = usize::from(WORDS.get(slot).copied().unwrap_or(0)).checked_sub(1)?;
        let keyword = SQL_KEYWORDS.get(entry)?;
        let word = keyword.word.as_bytes();
        if word == upper {
            return Kind::of(keyword.token_type).map(|kind| (kind, word));
        }
        slot = (slot + 1) % WORD_SLOTS;
    }
}

const FINGERPRINT: u8 = b'F';

/// About half of the slots stay free, so a probe is one or two steps.
const WORD_SLOTS: usize = 2048;
const FINGERPRINT_SLOTS: usize = 16_384;

/// Slot to 1 + index in [`SQL_KEYWORDS`]; 0 is free.
static WORDS: [u16; WORD_SLOTS] = word_table();
/// Fingerprint keys; 0 is free.
static FINGERPRINTS: [u32; FINGERPRINT_SLOTS] = fingerprint_table();
/// One bit in sixteen is set: [`sieve_bit`] of every word, and of those with a space in them.
static WORD_SIEVE: [u64; SIEVE] = sieve(false);
static PHRASE_SIEVE: [u64; SIEVE] = sieve(true);
const SIEVE_BITS: u32 = 14;
const SIEVE: usize = (1 << SIEVE_BITS) / 64;

const SEED: u32 = 0x811c_9dc5;

const fn mix(hash: u32, byte: u8) -> u32 {
    let mixed = (hash ^ byte as u32).wrapping_mul(0x0100_0193);
    mixed ^ (mixed >> 15)
}

const fn scramble(key: u32) -> u32 {
    let mixed = key.wrapping_mul(0x9e37_79b1);
    mixed ^ (mixed >> 15)
}

/// Six bits for each token type, in upper case: the table does not tell `t` from `T`. The braces, which no fingerprint holds, share the
/// bits of `^`, which is no type.
const fn fingerprint_key(types: &[u8], from: usize) -> u32 {
    let mut key = 0;
    let mut at = from;
    while at < types.len() {
        let letter = types[at].to_ascii_uppercase();
        let bits = if letter > b'^' { b'^' - 0x1f } else { letter.wrapping_sub(0x1f) & 0x3f };
        key = (key << 6) | bits as u32;
        at += 1;
    }
    key
}

const fn word_table() -> [u16; WORD_SLOTS] {
    let mut table = [0; WORD_SLOTS];
    let mut entry = 0;
    while entry < SQL_KEYWORDS.len() {
        if SQL_KEYWORDS[entry].token_type != FINGERPRINT {
            let word = SQL_KEYWORDS[entry].word.as_bytes();
            let mut hash = SEED;
            let mut at = 0;
            while at < word.len() {
                hash = mix(hash, word[at]);
                at += 1;
            }
            let mut slot = hash as usize % WORD_SLOTS;
            while table[slot] != 0 {
                slot = (slot + 1) % WORD_SLOTS;
            }
            table[slot] = entry as u16 + 1;
        }
        entry += 1;
    }
    table
}

const fn fingerprint_table() -> [u32; FINGERPRINT_SLOTS] {
    let mut table = [0; FINGERPRINT_SLOTS];
    let mut entry = 0;
    while entry < SQL_KEYWORDS.len() {
        if SQL_KEYWORDS[entry].token_type == FINGERPRINT {
            // The first byte only says that a fingerprint follows.
            let key = fingerprint_key(SQL_KEYWORDS[entry].word.as_bytes(), 1);
            let mut slot = scramble(key) as usize % FINGERPRINT_SLOTS;
            while table[slot] != 0 {
                slot = (slot + 1) % FINGERPRINT_SLOTS;
            }
            table[slot] = key;
        }
        entry += 1;
    }
    table
}

const fn sieve(phrases_only: bool) -> [u64; SIEVE] {
    let mut table = [0; SIEVE];
    let mut entry = 0;
    while entry < SQL_KEYWORDS.len() {
        let word = SQL_KEYWORDS[entry].word.as_bytes();
        if SQL_KEYWORDS[entry].token_type != FINGERPRINT && (!phrases_only || has_byte(word, b' ')) {
            let second = if word.len() > 1 { word[1] } else { 0 };
            let bit = sieve_bit(word[0], second, word[word.len() - 1], word.len());
            table[bit / 64] |= 1 << (bit % 64);
        }
        entry += 1;
    }
    table
}

const fn has_byte(word: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < word.len() {
        if word[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_word_and_fingerprint_is_found() {
        let mut keys = HashSet::new();
        for keyword in SQL_KEYWORDS {
            let word = keyword.word.as_bytes();
            if keyword.token_type == FINGERPRINT {
                assert!(is_known_fingerprint(&word[1..]), "{}", keyword.word);
                assert!(keys.insert(fingerprint_key(word, 1)), "{} shares its key", keyword.word);
            } else {
                assert!(word.len() <= LONGEST, "{}", keyword.word);
                assert!(!word.contains(&b'.') || may_have_dot(word[0]), "{}", keyword.word);
                let phrased = keyword.word.split_once(' ').map(|(a, b)| phrase(a.as_bytes(), b.as_bytes()));
                assert!(phrased.is_none_or(|found| found.is_some_and(|(_, text)| text == word)));
                let found = kind_of(word.to_ascii_lowercase().as_slice());
                assert_eq!(found.map(|kind| kind as u8), Some(keyword.token_type), "{}", keyword.word);
            }
        }
        // One name alone is never an injection; see `are_names`.
        assert!((0..=u8::MAX).all(|letter| Kind::of(letter).is_none() || !is_known_fingerprint(&[letter])));
        assert_eq!((SQL_KEYWORDS.len() - keys.len(), keys.len()), (985, 8_367));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_found() {
        for word in [&b""[..], b"selec", b"selectx", b"union all ", b"0s&sos", b"\xff", &[b'a'; 200]] {
            assert_eq!(kind_of(word), None);
        }
        // Names alone are never an injection; see `are_names`.
        for types in
            [&b""[..], b"n", b"nn", b"nnn", b"nnnn", b"nnnnn", b"?????", b"s&so{", b"\\\\", b"XX", b"1{Tnn"]
        {
            assert!(!is_known_fingerprint(types), "{types:?}");
        }
        assert!(is_known_fingerprint(b"1;Tnn") && is_known_fingerprint(b"1;tnn"));
        assert_eq!(phrase(b"union", b"all").map(|(kind, _)| kind), Some(Kind::Union));
        assert_eq!(phrase(b"union", b""), None);
    }
}
