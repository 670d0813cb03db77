//! `t:htmlEntityDecode`: decodes `&#xHH;`, `&#DDD;` and the names quot, amp, lt, gt and nbsp to one byte each; `;` is optional.
//!
//! Differences: numbers of any length are read and give their low eight bits, as in ModSecurity v2 and v3; 3.0.13 alone reads two or three
//! digits, so that leading zeros hid a character (CVE-2025-27110). As in v3 since 3.0.13 a name needs to be a prefix only (`&ltx;` is `<`,
//! the rest of the word vanishes), in any case; v2 and older v3 want the whole word. Coraza knows every HTML 5 name and gives UTF-8.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:htmlEntityDecode"`

use crate::{Context, ascii::hex_digit};

/// In the order ModSecurity tries them. NBSP is the byte of Latin-1.
const NAMES: [(&[u8], u8); 5] =
    [(b"quot", b'"'), (b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"nbsp", 0xa0)];

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'&', &input[at..]) {
        let ampersand = at + found;
        let Some((byte, length)) = entity(&input[ampersand + 1..]) else {
            at = ampersand + 1;
            continue;
        };
        out.extend_from_slice(&input[copied..ampersand]);
        out.push(byte);
        at = ampersand + 1 + length;
        copied = at;
    }
    if copied == 0 {
        return false;
    }
    out.extend_from_slice(&input[copied..]);
    true
}

/// Reads what comes after an ampersand: the byte it stands for and its length, semicolon included.
fn entity(input: &[u8]) -> Option<(u8, usize)> {
    let (byte, length) = match input {
        [b'#', b'x' | b'X', digits @ ..] => {
            let (byte, count) = number(digits, 16)?;
            (byte, count + 2)
        }
        [b'#', digits @ ..] => {
            let (byte, count) = number(digits, 10)?;
            (byte, count + 1)
        }
        _ => name(input)?,
    };
    let semicolon = usize::from(input.get(length) == Some(&b';'));
    Some((byte, length + semicolon))
}

/// The low eight bits of a number, and how many digits it has; `None` without a digit.
fn number(input: &[u8], base: u8) -> Option<(u8, usize)> {
    let mut byte = 0_u8;
    let mut digits = 0;
    for digit in input.iter().map_while(|&byte| hex_digit(byte).filter(|digit| *digit < base)) {
        byte = byte.wrapping_mul(base).wrapping_add(digit);
        digits += 1;
    }
    (digits > 0).then_some((byte, digits))
}

fn name(input: &[u8]) -> Option<(u8, usize)> {
    let length = input.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(input.len());
    let word = &input[..length];
    NAMES
        .iter()
        .find(|(name, _)| word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
        .map(|(_, byte)| (*byte, length))
}
