//! `t:trimLeft`: removes white space (C's `isspace`) from the start.
//!
//! Differences: none between ModSecurity v2 and v3; Coraza trims Unicode's white space.
//!
//! Example: `SecRule REQUEST_HEADERS:Host "@streq localhost" "id:1,phase:1,deny,t:trimLeft"`

use crate::{Context, trim::left};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let trimmed = left(input);
    if trimmed.len() == input.len() {
        return false;
    }
    out.extend_from_slice(trimmed);
    true
}
