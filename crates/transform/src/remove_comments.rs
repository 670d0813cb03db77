//! `t:removeComments`: removes `/* */` and `<!-- -->` comments, and all from `--` or `#` on.
//!
//! Differences: ModSecurity v3 to the byte. An unfinished comment becomes one space. The byte after a comment is copied unseen, and where
//! there is none a NUL byte is, for v3 copies the end of its string.
//!
//! Example: `SecRule ARGS "@contains unionselect" "id:1,phase:2,deny,t:lowercase,t:removeComments,t:removeWhitespace"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if memchr::memchr3(b'*', b'-', b'#', input).is_none() {
        return false;
    }
    out.reserve(input.len());
    let mut comment = false;
    let mut rest = input;
    loop {
        rest = match rest {
            [] if comment => {
                out.push(b' ');
                break;
            }
            [] => break,
            [b'*', b'/', rest @ ..] | [b'-', b'-', b'>', rest @ ..] if comment => {
                comment = false;
                let (byte, rest) = rest.split_first().unwrap_or((&0, &[]));
                out.push(*byte);
                rest
            }
            [_, rest @ ..] if comment => rest,
            [b'/', b'*', rest @ ..] | [b'<', b'!', b'-', b'-', rest @ ..] => {
                comment = true;
                rest
            }
            [b'-', b'-', ..] | [b'#', ..] => break,
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
    out.len() != input.len()
}
