//! `t:utf8toUnicode`: writes every character of UTF-8 beyond ASCII as `%uhhhh` (five or six digits beyond the basic plane).
//!
//! Differences: ModSecurity v3 to the byte. An overlong form or a surrogate is written as `%uhhhh` followed by its raw first byte, as is
//! (before it) a first byte from 0xf5 on; the first byte of a broken sequence vanishes, a stray continuation stays, and a NUL byte
//! vanishes unless it is the last. Coraza leaves broken sequences alone.
//!
//! Example: `SecRule ARGS "@contains %u2039script" "id:1,phase:2,deny,t:utf8toUnicode"`

use std::io::Write as _;

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let plain =
        |bytes: &[u8]| bytes.is_ascii() && memchr::memchr(0, bytes).is_none_or(|at| at + 1 == bytes.len());
    if plain(input) {
        return false;
    }
    out.reserve(input.len() * 2);
    let mut at = 0;
    while at < input.len() {
        at += character(&input[at..], out);
    }
    out.as_slice() != input
}

/// Writes the character at the start of `input` (never empty) and gives the number of bytes it takes.
fn character(input: &[u8], out: &mut Vec<u8>) -> usize {
    let first = input[0];
    let (length, bits) = match first {
        0 if input.len() > 1 => return 1,
        0xc0..=0xdf => (2, first & 0x1f),
        0xe0..=0xef => (3, first & 0x0f),
        0xf0..=0xf7 => (4, first & 0x07),
        _ => {
            out.push(first);
            return 1;
        }
    };
    if first >= 0xf5 && length == 4 {
        out.push(first);
    }
    let Some(tail) = input.get(1..length).filter(|tail| tail.iter().all(|byte| byte & 0xc0 == 0x80)) else {
        return 1;
    };
    let code = tail.iter().fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f));
    // Writing to a vector cannot fail.
    let _ = write!(out, "%u{code:04x}");
    let overlong = code < [0, 0, 0x80, 0x800, 0x1_0000][length];
    if overlong || (0xd800..=0xdfff).contains(&code) {
        out.push(first);
    }
    length
}
