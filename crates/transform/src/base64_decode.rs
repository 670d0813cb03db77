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
    let end = memchr::memchr(0, input).unwrap_or(input.len());
    if decode(&input[..end], out).is_none() {
        out.clear();
    }
    true
}

/// `None` for anything but groups of four digits, blanks at the ends of lines, and padding at the very end.
fn decode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
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

/// The six bits of a digit of the standard alphabet.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
