//! `t:parityEven7bit`: sets the high bit of every byte with an odd number of ones, clears that of the others.
//!
//! Differences: as in ModSecurity the number of ones is taken over all eight bits; Coraza does not know the function.
//!
//! Example: `SecRule ARGS "@contains test" "id:1,phase:2,deny,t:parityEven7bit"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    set_parity(input, out, |byte| byte.count_ones() % 2 == 1)
}

pub(crate) fn set_parity(input: &[u8], out: &mut Vec<u8>, high: fn(u8) -> bool) -> bool {
    out.extend(input.iter().map(|&byte| if high(byte) { byte | 0x80 } else { byte & 0x7f }));
    out.as_slice() != input
}
