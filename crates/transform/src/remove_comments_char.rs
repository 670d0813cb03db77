//! `t:removeCommentsChar`: removes the signs of comments, `/*`, `*/`, `<!--`, `-->`, `--` and `#`, and keeps what they enclose.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule ARGS "@contains union select" "id:1,phase:2,deny,t:lowercase,t:removeCommentsChar"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if memchr::memchr3(b'*', b'-', b'#', input).is_none() {
        return false;
    }
    out.reserve(input.len());
    let mut rest = input;
    loop {
        rest = match rest {
            [] => break,
            [b'/', b'*', rest @ ..]
            | [b'*', b'/', rest @ ..]
            | [b'<', b'!', b'-', b'-', rest @ ..]
            | [b'-', b'-', b'>', rest @ ..]
            | [b'-', b'-', rest @ ..]
            | [b'#', rest @ ..] => rest,
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
    out.len() != input.len()
}
