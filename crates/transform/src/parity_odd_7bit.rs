//! `t:parityOdd7bit`: sets the high bit of every byte with an even number of ones, clears that of the others.
//!
//! Differences: as in ModSecurity the number of ones is taken over all eight bits; Coraza does not know the function.
//!
//! Example: `SecRule ARGS "@contains test" "id:1,phase:2,deny,t:parityOdd7bit"`

use crate::{Context, parity_even_7bit::set_parity};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    set_parity(input, out, |byte| byte.count_ones() % 2 == 0)
}
