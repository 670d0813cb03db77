//! `t:cssDecode`: decodes the escapes of CSS 2: `\` with one to six hexadecimal digits and one white space after them, `\` before a line
//! feed (both vanish), `\` before anything else (the backslash vanishes).
//!
//! Differences: as in ModSecurity v2 and v3 an escape gives one byte, the low eight bits, full-width ASCII folded onto ASCII; Coraza
//! gives UTF-8 since August 2026. A backslash before a plain character counts as a change here, unlike in v3.
//!
//! Example: `SecRule ARGS "@contains javascript:" "id:1,phase:2,deny,t:cssDecode,t:lowercase"`

use crate::{
    Context,
    ascii::{hex_digit, is_space, low_byte},
};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = memchr::memchr(b'\\', input) else { return false };
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    loop {
        rest = match rest {
            [] | [b'\\'] => return true,
            [b'\\', b'\n', rest @ ..] => rest,
            [b'\\', digit, ..] if hex_digit(*digit).is_some() => code_point(&rest[1..], out),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

/// Reads the digits at the start of `input`, writes the byte, and gives what comes after them.
fn code_point<'a>(input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut value = 0_u32;
    let mut digits = 0;
    for digit in input.iter().take(6).map_while(|&byte| hex_digit(byte)) {
        value = value << 4 | u32::from(digit);
        digits += 1;
    }
    let [_, page, high, low] = value.to_be_bytes();
    // Four digits are asked for: `\fff1` is full-width, but `\ff` alone is a byte. A higher plane is never full-width.
    let full_width = digits >= 4 && page == 0;
    out.push(if full_width { low_byte(u16::from_be_bytes([high, low])) } else { low });
    match &input[digits..] {
        [byte, rest @ ..] if is_space(*byte) => rest,
        rest => rest,
    }
}
