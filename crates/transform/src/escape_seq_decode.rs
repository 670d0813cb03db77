//! `t:escapeSeqDecode`: decodes the escapes of ANSI C: `\a \b \f \n \r \t \v \\ \? \' \"`, `\xHH` and one to three octal digits.
//!
//! Differences: as in ModSecurity v3 the backslash of an unknown escape vanishes (the reference manual says it stays), an octal number
//! over `\377` keeps its low eight bits, and a last backslash stays.
//!
//! Example: `SecRule ARGS "@contains /etc/passwd" "id:1,phase:2,deny,t:escapeSeqDecode"`

use crate::{
    Context,
    ascii::{control_escape, hex_pair, octal},
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
    if let (b'x' | b'X', Some(byte)) = (letter, hex_pair(&escape[1..])) {
        out.push(byte);
        return &escape[3..];
    }
    let (value, digits) = octal(escape);
    if digits > 0 {
        out.push(value.to_be_bytes()[1]);
        return &escape[digits..];
    }
    out.push(control_escape(letter).unwrap_or(letter));
    &escape[1..]
}
