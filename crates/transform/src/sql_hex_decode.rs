//! `t:sqlHexDecode`: decodes hexadecimal literals of SQL: `0x` and pairs of digits.
//!
//! Differences: none to ModSecurity v3 (an odd last digit stays as text); v2 stops at the first NUL byte, as does v3 before 3.0.13.
//!
//! Example: `SecRule ARGS "@contains admin" "id:1,phase:2,deny,t:sqlHexDecode"`

use crate::{Context, ascii::hex_pair};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if memchr::memchr2(b'x', b'X', input).is_none() {
        return false;
    }
    out.reserve(input.len());
    let mut rest = input;
    loop {
        rest = match rest {
            [] => break,
            [b'0', b'x' | b'X', digits @ ..] if hex_pair(digits).is_some() => {
                let mut digits = digits;
                while let Some(byte) = hex_pair(digits) {
                    out.push(byte);
                    digits = &digits[2..];
                }
                digits
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
    out.len() != input.len()
}
