//! `t:compressWhitespace`: every run of white space (C's `isspace`) becomes one space.
//!
//! Differences: v2 counts the byte 0xa0 (NBSP of Latin-1) as white space, v3 and this do not; Coraza works on characters.
//!
//! Example: `SecRule ARGS "@contains union select" "id:1,phase:2,deny,t:lowercase,t:compressWhitespace"`

use crate::{Context, ascii::is_space};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let mut space = false;
    let first = input.iter().position(|&byte| {
        let changes = is_space(byte) && (space || byte != b' ');
        space = is_space(byte);
        changes
    });
    let Some(first) = first else { return false };
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    let mut space = out.last() == Some(&b' ');
    for &byte in &input[first..] {
        if !is_space(byte) {
            out.push(byte);
        } else if !space {
            out.push(b' ');
        }
        space = is_space(byte);
    }
    true
}
