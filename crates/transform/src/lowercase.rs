//! `t:lowercase`: lowercases ASCII letters.
//!
//! Differences: ModSecurity uses C's `tolower` in the C locale, which is the same; Coraza lowercases all of Unicode.
//!
//! Example: `SecRule ARGS "@contains select" "id:1,phase:2,deny,t:lowercase"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    // Without an early way out the loop runs on whole vectors.
    if !input.iter().fold(false, |found, byte| found | byte.is_ascii_uppercase()) {
        return false;
    }
    out.extend_from_slice(input);
    out.make_ascii_lowercase();
    true
}
