//! `@pm`
//!
//! Matches when one of the phrases occurs in the value, ASCII case ignored. Phrases are separated by blanks; `|41 42|` gives bytes in
//! hexadecimal, `\:`, `\;`, `\"` and `\\` the character itself. `TX.0` is the text found, of the phrase that ends first.
//!
//! Differences: as in v2 and v3 an argument with an unfinished `|..|` or another escape is taken as it is written. Blanks between
//! hexadecimal digits are allowed (v2), v3 takes such an argument as written. Coraza captures up to ten phrases, here it is one.
//!
//! Example: `SecRule REQUEST_HEADERS:User-Agent "@pm nikto sqlmap" "id:1,deny"`

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, Input, MatchKind};

use super::{Found, Operate, Refusal, Resources, written::Written};
use crate::ir::phrases;

/// The sieve has the phrases too, and tells of nearly every value that none of them occurs: what searches here is built when it is first
/// asked.
#[derive(Debug)]
struct Phrases {
    phrases: Vec<Box<[u8]>>,
    automaton: OnceLock<Option<AhoCorasick>>,
    /// Says quickly whether one occurs, when all are long enough for it.
    long: Option<OnceLock<phrases::Phrases<1>>>,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let decoded = decode(written.text);
    let text = decoded.as_deref().unwrap_or(written.text);
    search_for(text.split(u8::is_ascii_whitespace).filter(|phrase| !phrase.is_empty()))
}

/// Bytes of phrases whose automaton is small enough for certain: at most 257 numbers for each of them, of 2^31.
const CERTAINLY_FIT: usize = 1 << 22;

/// An operator that finds any of `phrases`.
pub(super) fn search_for<'a>(phrases: impl Iterator<Item = &'a [u8]>) -> Result<Box<dyn Operate>, Refusal> {
    let phrases: Vec<Box<[u8]>> = phrases.map(Box::from).collect();
    if phrases.is_empty() {
        return Err(Refusal::new(
            "no phrase to search for",
            "an operator that never matches is written @noMatch",
        ));
    }
    let bytes: usize = phrases.iter().map(|phrase| phrase.len()).sum();
    let automaton = if bytes <= CERTAINLY_FIT {
        OnceLock::new()
    } else {
        let built = automaton(&phrases)
            .map_err(|error| Refusal { message: format!("too many phrases: {error}"), help: None })?;
        OnceLock::from(Some(built))
    };
    let long = phrases.iter().all(|phrase| phrases::is_kept(phrase)).then(OnceLock::new);
    Ok(Box::new(Phrases { phrases, automaton, long }))
}

/// A full DFA of all phrases of CRS 4 takes 20 MiB and runs out of the cache; this form takes less than one.
fn automaton(phrases: &[Box<[u8]>]) -> Result<AhoCorasick, BuildError> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(phrases)
}

impl Operate for Phrases {
    fn phrases(&self) -> Option<&[Box<[u8]>]> {
        Some(&self.phrases)
    }

    fn matches(&self, input: &[u8]) -> Option<bool> {
        let index = || {
            let numbered: Vec<(usize, &[u8])> = self.phrases.iter().map(|phrase| (0, &**phrase)).collect();
            phrases::Phrases::new(&numbered, phrases::rarity)
        };
        Some(self.long.as_ref()?.get_or_init(index).find(input) != [0])
    }

    fn weight(&self) -> u32 {
        2
    }

    fn memory(&self) -> usize {
        let texts: usize = self.phrases.iter().map(|phrase| phrase.len() + size_of::<Box<[u8]>>()).sum();
        let long = self.long.as_ref().and_then(OnceLock::get).map_or(0, phrases::Phrases::memory);
        let automaton = self.automaton.get().and_then(Option::as_ref).map_or(0, AhoCorasick::memory_usage);
        automaton + texts + long
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, wants_captures: bool, found: &mut Found) -> bool {
        let automaton = self.automaton.get_or_init(|| automaton(&self.phrases).ok());
        // There is one: it was tried when rules were compiled, or is small enough.
        let Some(automaton) = automaton else { return found.limit_exceeded(input) };
        let Some(hit) = automaton.find(Input::new(input)) else { return false };
        found.at(&hit.range());
        if wants_captures {
            found.capture(&hit.range());
        }
        true
    }
}

/// The argument with its `|..|` and escapes replaced; `None` when it is to be taken as written.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = match byte {
            b'|' => {
                let closed = after.iter().position(|byte| *byte == b'|')?;
                decoded.extend(hexadecimal(after.get(..closed)?)?);
                after.get(closed + 1..)?
            }
            b'\\' => {
                let (escaped, after) = after.split_first()?;
                if !b":;\\\"".contains(escaped) {
                    return None;
                }
                decoded.push(*escaped);
                after
            }
            _ => {
                decoded.push(*byte);
                after
            }
        };
    }
    Some(decoded)
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::new();
    for word in text.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
        let (pairs, odd) = word.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        for [high, low] in pairs {
            bytes.push(digit(high)? << 4 | digit(low)?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn hexadecimal_and_escapes() {
        assert_eq!(decode(b"a|41 42|b").as_deref(), Some(&b"aABb"[..]));
        assert_eq!(decode(b"|4142|").as_deref(), Some(&b"AB"[..]));
        assert_eq!(decode(br"a\;b\:").as_deref(), Some(&b"a;b:"[..]));
        for as_written in [&b"a | b"[..], b"|4|", b"a||b", br"\d", b"|zz|"] {
            assert_eq!(decode(as_written), None, "{}", as_written.escape_ascii());
        }
    }
}
