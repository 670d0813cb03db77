//! `t:parityZero7bit`: clears the high bit of every byte.
//!
//! Differences: none between ModSecurity v2 and v3; Coraza does not know the function.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:parityZero7bit"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if input.is_ascii() {
        return false;
    }
    out.extend(input.iter().map(|&byte| byte & 0x7f));
    true
}
