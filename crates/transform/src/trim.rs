//! `t:trim`: removes white space (C's `isspace`) from both ends.
//!
//! Differences: none between ModSecurity v2 and v3; Coraza trims Unicode's white space.
//!
//! Example: `SecRule REQUEST_HEADERS:Host "@streq localhost" "id:1,phase:1,deny,t:trim"`

use crate::{Context, ascii::is_space};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let trimmed = left(right(input));
    out.extend_from_slice(if trimmed.len() == input.len() { &[] } else { trimmed });
    trimmed.len() != input.len()
}

pub(crate) fn left(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|&byte| !is_space(byte)).unwrap_or(input.len());
    &input[start..]
}

pub(crate) fn right(input: &[u8]) -> &[u8] {
    let end = input.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    &input[..end]
}
