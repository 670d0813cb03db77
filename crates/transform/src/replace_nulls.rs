//! `t:replaceNulls`: makes a space of every NUL byte.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule ARGS "@contains etc/passwd" "id:1,phase:2,deny,t:replaceNulls"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if memchr::memchr(0, input).is_none() {
        return false;
    }
    out.extend(input.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
    true
}
