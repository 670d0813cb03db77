//! `t:replaceComments`: makes one space of every `/* */` comment, of an unfinished one too.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza. A lone `*/` stays.
//!
//! Example: `SecRule ARGS "@contains union select" "id:1,phase:2,deny,t:lowercase,t:replaceComments"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    // A search for two bytes is dear to set up; most values have no asterisk.
    if memchr::memchr(b'*', input).is_none() {
        return false;
    }
    let mut rest = input;
    while let Some(start) = memchr::memmem::find(rest, b"/*") {
        out.extend_from_slice(&rest[..start]);
        out.push(b' ');
        rest = &rest[start + 2..];
        rest = memchr::memmem::find(rest, b"*/").map_or(&[], |end| &rest[end + 2..]);
    }
    if out.is_empty() {
        return false;
    }
    out.extend_from_slice(rest);
    true
}
