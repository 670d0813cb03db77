//! `t:hexEncode`: two lowercase hexadecimal digits for every byte.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecAction "id:1,phase:1,pass,initcol:ip=%{REMOTE_ADDR}_%{tx.ua_hash}"`, its hash made with `t:sha1,t:hexEncode`

use crate::Context;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    out.reserve(input.len() * 2);
    for &byte in input {
        out.extend_from_slice(&digits(byte));
    }
    !input.is_empty()
}

pub(crate) fn digits(byte: u8) -> [u8; 2] {
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0f)]]
}
