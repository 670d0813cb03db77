//! `t:jsDecode`: decodes the escapes of JavaScript: `\uHHHH`, `\xHH`, one to three octal digits up to `\377`, `\a \b \f \n \r \t \v`; any
//! other backslash vanishes.
//!
//! Differences: as in ModSecurity v2 and v3 `\uHHHH` gives its low byte, full-width ASCII folded onto ASCII; Coraza alike. `\u{...}` is
//! known to none. A last backslash stays.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:jsDecode"`

use crate::{
    Context,
    ascii::{control_escape, hex_pair, hex_quad, low_byte, octal},
};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = memchr::memchr(b'\\', input) else { return false };
    if first + 1 == input.len() {
        return false;
    }
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    loop {
        rest = match rest {
            [] => return true,
            [b'\\', escape @ ..] if !escape.is_empty() => decode(escape, out),
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

/// Decodes what comes after a backslash (never empty), and gives what comes after that.
fn decode<'a>(escape: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let letter = escape[0];
    if let (b'u', Some(unit)) = (letter, hex_quad(&escape[1..])) {
        out.push(low_byte(unit));
        return &escape[5..];
    }
    if let (b'x', Some(byte)) = (letter, hex_pair(&escape[1..])) {
        out.push(byte);
        return &escape[3..];
    }
    let (value, digits) = octal(escape);
    // A third digit that would not fit into a byte belongs to the text after it.
    let (value, digits) = if value > 0o377 { (value / 8, 2) } else { (value, digits) };
    if digits > 0 {
        out.push(value.to_be_bytes()[1]);
        return &escape[digits..];
    }
    out.push(control_escape(letter).unwrap_or(letter));
    &escape[1..]
}
