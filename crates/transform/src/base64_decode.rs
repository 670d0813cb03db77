//! `t:base64Decode`: decodes Base64, all or nothing.
//!
//! Differences: ModSecurity v3, followed here, yields the empty value for invalid input, reads up to the first NUL byte only, allows
//! line ends, and drops a last group that lacks padding; v2 and Coraza decode the valid prefix. Use `base64DecodeExt` for dirty input.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:base64Decode"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if input.is_empty() {
        return false;
    }
    // Most values hold a byte that Base64 does not have, so it is looked for first.
    let stop = input.iter().position(|&byte| CLASSES[usize::from(byte)] >= WRONG);
    let end = stop.unwrap_or(input.len());
    let is_wrong = input.get(end).is_some_and(|&byte| byte != 0);
    if is_wrong || decode(&input[..end], out).is_none() {
        out.clear();
    }
    true
}

/// `None` for anything but groups of four digits, blanks at the ends of lines, and padding at the very end.
fn decode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.reserve(input.len() / 4 * 3 + 3);
    let (groups, _) = input.as_chunks::<4>();
    let mut plain = 0;
    for group in groups {
        let [a, b, c, d] = group.map(|byte| u32::from(CLASSES[usize::from(byte)]));
        if a | b | c | d > 63 {
            break;
        }
        let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        out.extend_from_slice(&bytes);
        plain += 4;
    }
    decode_slowly(&input[plain..], out)
}

fn decode_slowly(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut group = 0_u32;
    let mut digits = 0;
    let mut padding = 0;
    let mut blank = false;
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b' ' => {
                blank = true;
                continue;
            }
            b'\n' => {
                blank = false;
                continue;
            }
            b'\r' if input.get(at + 1) == Some(&b'\n') => continue,
            _ if blank => return None,
            b'=' if padding < 2 => padding += 1,
            _ if padding > 0 => return None,
            _ => group |= u32::from(digit(byte)?) << (18 - 6 * digits),
        }
        digits += 1;
        if digits == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            out.extend_from_slice(&bytes[..3 - padding]);
            group = 0;
            digits = 0;
        }
    }
    Some(())
}

/// No digit, but allowed.
const OTHER: u8 = 64;
/// Neither; NUL too, which ends the input.
const WRONG: u8 = 65;

/// The six bits of a digit, or what else a byte is.
static CLASSES: [u8; 256] = {
    let mut classes = [WRONG; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match (digit(byte as u8), byte as u8) {
            (Some(bits), _) => bits,
            (None, b' ' | b'\n' | b'\r' | b'=') => OTHER,
            (None, _) => WRONG,
        };
        byte += 1;
    }
    classes
};

/// The six bits of a digit of the standard alphabet.
pub(crate) const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
