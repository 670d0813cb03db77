//! `t:hexDecode`: makes one byte of every two hexadecimal digits.
//!
//! Differences: as in ModSecurity v2 and v3 a byte that is no digit is not refused but computed with (`z` counts 35), and an odd last byte
//! is dropped; Coraza leaves invalid input as it is.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:hexDecode"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    out.extend(
        input
            .chunks_exact(2)
            .map(|pair| loose_digit(pair[0]).wrapping_mul(16).wrapping_add(loose_digit(pair[1]))),
    );
    !input.is_empty()
}

fn loose_digit(byte: u8) -> u8 {
    if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
}
