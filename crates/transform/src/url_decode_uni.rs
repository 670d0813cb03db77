//! `t:urlDecodeUni`: `urlDecode` that knows the `%uHHHH` of IIS too.
//!
//! A `%uHHHH` becomes the byte that the best-fit table of `SecUnicodeMapFile` names, else its low byte, full-width ASCII (U+FF01 to
//! U+FF5E) folded onto ASCII, as in ModSecurity v2 and v3. Without a table v3 folds in the same way. Coraza has the table since July 2026.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:urlDecodeUni"`

use crate::{
    Context,
    ascii::{hex_pair, hex_quad, low_byte},
};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, context: &Context<'_>) -> bool {
    let Some(first) = memchr::memchr2(b'%', b'+', input) else { return false };
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    let mut changed = false;
    let mut rest = &input[first..];
    while let [byte, after @ ..] = rest {
        let (decoded, length) = match (byte, after) {
            (b'+', _) => (Some(b' '), 0),
            (b'%', [b'u' | b'U', digits @ ..]) => (hex_quad(digits).map(|unit| best_fit(unit, context)), 5),
            (b'%', _) => (hex_pair(after), 2),
            _ => (None, 0),
        };
        match decoded {
            Some(decoded) => {
                out.push(decoded);
                changed = true;
                rest = &after[length..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    changed
}

fn best_fit(unit: u16, context: &Context<'_>) -> u8 {
    context.unicode_map.and_then(|map| map.lookup(u32::from(unit))).unwrap_or_else(|| low_byte(unit))
}
