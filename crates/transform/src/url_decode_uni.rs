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
    let mut changed = false;
    let mut rest = input;
    while let Some(plain) = memchr::memchr2(b'%', b'+', rest) {
        let (before, from) = rest.split_at(plain);
        let [byte, after @ ..] = from else { break };
        let (decoded, length) = match (byte, after) {
            (b'+', _) => (Some(b' '), 0),
            (_, [b'u' | b'U', digits @ ..]) => (hex_quad(digits).map(|unit| best_fit(unit, context)), 5),
            _ => (hex_pair(after), 2),
        };
        out.extend_from_slice(before);
        out.push(decoded.unwrap_or(*byte));
        changed |= decoded.is_some();
        rest = &after[if decoded.is_some() { length } else { 0 }..];
    }
    if changed {
        out.extend_from_slice(rest);
    }
    changed
}

fn best_fit(unit: u16, context: &Context<'_>) -> u8 {
    context.unicode_map.and_then(|map| map.lookup(u32::from(unit))).unwrap_or_else(|| low_byte(unit))
}
