//! `t:uppercase`: uppercases ASCII letters.
//!
//! Differences: ModSecurity v2 and CRS do not know it; v3 uses C's `toupper` in the C locale, which is the same.
//!
//! Example: `SecRule REQUEST_METHOD "@streq TRACE" "id:1,phase:1,deny,t:uppercase"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    // Without an early way out the loop runs on whole vectors.
    if !input.iter().fold(false, |found, byte| found | byte.is_ascii_lowercase()) {
        return false;
    }
    out.extend_from_slice(input);
    out.make_ascii_uppercase();
    true
}
