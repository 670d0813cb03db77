//! `t:length`: the number of bytes, in decimal.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule ARGS "@gt 400" "id:1,phase:2,deny,t:length"`

use std::io::Write as _;

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    // Writing to a vector cannot fail; should it ever, the value counts as untouched.
    write!(out, "{}", input.len()).is_ok() && out.as_slice() != input
}
