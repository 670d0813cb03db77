//! `t:urlDecode`: decodes `%HH`, and `+` as a space. An invalid escape stays as it is.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule REQUEST_URI_RAW "@contains ../" "id:1,phase:1,deny,t:urlDecode"`

use crate::{Context, ascii::hex_pair};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = memchr::memchr2(b'%', b'+', input) else { return false };
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    let mut changed = false;
    let mut rest = &input[first..];
    loop {
        rest = match rest {
            [] => return changed,
            [b'+', rest @ ..] => {
                out.push(b' ');
                changed = true;
                rest
            }
            [first, rest @ ..] => match hex_pair(rest) {
                Some(byte) if *first == b'%' => {
                    out.push(byte);
                    changed = true;
                    &rest[2..]
                }
                _ => {
                    out.push(*first);
                    rest
                }
            },
        };
    }
}
