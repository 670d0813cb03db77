//! `t:urlEncode`: encodes every byte but ASCII letters, digits and `*` as `%hh`, and a space as `+`.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule REQUEST_URI "@contains %3cscript" "id:1,phase:1,deny,t:urlEncode"`

use crate::{Context, hex_encode::digits};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = input.iter().position(|&byte| !plain(byte)) else { return false };
    out.reserve(input.len() * 3);
    out.extend_from_slice(&input[..first]);
    for &byte in &input[first..] {
        match byte {
            b' ' => out.push(b'+'),
            _ if plain(byte) => out.push(byte),
            _ => {
                let [high, low] = digits(byte);
                out.extend_from_slice(&[b'%', high, low]);
            }
        }
    }
    true
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'*'
}
