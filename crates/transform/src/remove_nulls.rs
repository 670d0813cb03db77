//! `t:removeNulls`: removes NUL bytes.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:removeNulls"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = memchr::memchr(0, input) else { return false };
    out.extend_from_slice(&input[..first]);
    out.extend(input[first..].iter().copied().filter(|byte| *byte != 0));
    true
}
