//! `t:base64DecodeExt`: decodes Base64 as forgivingly as PHP does; bytes that are no digits are skipped.
//!
//! Differences: as in ModSecurity v3 a padding sign after a single digit of a group makes the whole value empty. v3 takes a lone last `9`
//! for padding too (its digit value is the code of `=`); that accident is not followed.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:base64DecodeExt"`

use crate::{Context, base64_decode::digit};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let mut group = 0_u8;
    let mut digits = 0_u8;
    for (at, &byte) in input.iter().enumerate() {
        if byte == b'=' {
            if digits == 1 && input.get(at + 1) != Some(&b'=') {
                out.clear();
                return true;
            }
            continue;
        }
        let Some(bits) = digit(byte) else { continue };
        match digits {
            0 => group = bits << 2,
            1 => {
                out.push(group | bits >> 4);
                group = bits << 4;
            }
            2 => {
                out.push(group | bits >> 2);
                group = bits << 6;
            }
            _ => out.push(group | bits),
        }
        digits = (digits + 1) % 4;
    }
    // A digit stands for less than a byte: the output is shorter than any input but the empty one.
    !input.is_empty()
}
