//! `t:removeWhitespace`: removes white space (C's `isspace`) and non-breaking spaces.
//!
//! Differences: as in ModSecurity v3 every byte 0xa0 and every byte 0xc2 goes, for NBSP in Latin-1 and UTF-8; v2 removes 0xa0 alone,
//! Coraza whole characters.
//!
//! Example: `SecRule ARGS "@contains javascript:" "id:1,phase:2,deny,t:lowercase,t:removeWhitespace"`

use crate::{Context, ascii::is_space};

/// Eight bytes at a time: all are written, and the next ones go where the first of them that is removed stood.
pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    out.resize(input.len() + WORD, 0);
    let mut kept = 0;
    let mut rest = input;
    while let Some((word, behind)) = rest.split_first_chunk::<WORD>() {
        if let Some(place) = out.get_mut(kept..kept + WORD) {
            place.copy_from_slice(word);
        }
        let length = (removed_of(u64::from_le_bytes(*word)).trailing_zeros() / 8) as usize;
        kept += length;
        rest = if length == WORD { behind } else { &rest[length + 1..] };
    }
    for &byte in rest {
        out[kept] = byte;
        kept += usize::from(!removed(byte));
    }
    out.truncate(kept);
    kept != input.len()
}

const WORD: usize = 8;

fn removed(byte: u8) -> bool {
    is_space(byte) || matches!(byte, 0xa0 | 0xc2)
}

/// The highest bit of each byte that is removed.
const fn removed_of(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const LOW: u64 = !HIGH;
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & LOW;
    // No sum leaves its byte. 0x20 and 0xa0 differ in the highest bit alone.
    let blank = !((low ^ (0x20 * EACH)) + LOW);
    let control = (low + (0x80 - 0x09) * EACH) & !(low + (0x80 - 0x0e) * EACH) & !word;
    let latin = word ^ (0xc2 * EACH);
    let latin = !(((latin & LOW) + LOW) | latin);
    (blank | control | latin) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_judged_as_bytes_are() {
        for byte in 0..=u8::MAX {
            for place in 0..WORD {
                for other in [0, b'a', b' ', 0x7f, 0x80, 0xc2, 0xff] {
                    let mut word = [other; WORD];
                    word[place] = byte;
                    let marks = removed_of(u64::from_le_bytes(word)).to_le_bytes();
                    let expected = word.map(|byte| if removed(byte) { 0x80 } else { 0 });
                    assert_eq!(marks, expected, "{word:x?}");
                }
            }
        }
    }
}
