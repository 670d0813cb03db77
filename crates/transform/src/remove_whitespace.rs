//! `t:removeWhitespace`: removes white space (C's `isspace`) and non-breaking spaces.
//!
//! Differences: as in ModSecurity v3 every byte 0xa0 and every byte 0xc2 goes, for NBSP in Latin-1 and UTF-8; v2 removes 0xa0 alone,
//! Coraza whole characters.
//!
//! Example: `SecRule ARGS "@contains javascript:" "id:1,phase:2,deny,t:lowercase,t:removeWhitespace"`

use crate::{Context, ascii::is_space};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = input.iter().position(|&byte| removed(byte)) else { return false };
    out.extend_from_slice(&input[..first]);
    out.extend(input[first..].iter().copied().filter(|&byte| !removed(byte)));
    true
}

fn removed(byte: u8) -> bool {
    is_space(byte) || matches!(byte, 0xa0 | 0xc2)
}
