//! `t:normalizePath`: removes repeated slashes, self references and back references from a path.
//!
//! Differences: ModSecurity v3 to the byte, which has its ways: a segment that merely ends in two dots (`a..`) counts as a back reference,
//! a relative path keeps the back references that lead out of it, an absolute one loses them, and `/..` is empty. Coraza uses Go's
//! `path.Clean`.
//!
//! Example: `SecRule REQUEST_FILENAME "@beginsWith /etc/" "id:1,phase:1,deny,t:normalizePath"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let nothing_to_do = match memchr::memchr2(b'.', b'/', input) {
        None => true,
        Some(at) => !input[at..].contains(&b'.') && !input[at..].windows(2).any(|pair| pair == b"//"),
    };
    if nothing_to_do {
        return false;
    }
    normalize(input, out);
    out.as_slice() != input
}

/// Copies byte by byte and looks at a segment when its last byte is reached.
pub(crate) fn normalize(input: &[u8], out: &mut Vec<u8>) {
    let Some(end) = input.len().checked_sub(1) else { return };
    out.reserve(input.len());
    let relative = input[0] != b'/';
    let mut hit_root = false;
    let mut at = 0;
    while at <= end {
        let segment_ends = at == end || input[at + 1] == b'/';
        if segment_ends && input[at] == b'.' {
            match reference(out, relative, &mut hit_root, at == end) {
                Reference::None => {}
                Reference::Removed if at == end => break,
                Reference::Removed => at += 1,
            }
        } else if segment_ends && !out.is_empty() && (at == end || input[at] != b'/') {
            hit_root = false;
        }
        if input[at] == b'/' {
            while at < end && input[at + 1] == b'/' {
                at += 1;
            }
            // The slash after a reference at the start of a relative path would make it absolute.
            if relative && out.is_empty() {
                at += 1;
                continue;
            }
        }
        out.push(input[at]);
        at += 1;
    }
    if input[end] != b'/' && out.last() == Some(&b'/') {
        out.pop();
    }
}

enum Reference {
    None,
    Removed,
}

/// Judges a dot that ends a segment. `out` ends before the dot, and afterwards before the slash that comes next.
fn reference(out: &mut Vec<u8>, relative: bool, hit_root: &mut bool, last: bool) -> Reference {
    match out.last() {
        None => Reference::Removed,
        Some(b'/') => {
            if !last {
                out.pop();
            }
            Reference::Removed
        }
        Some(b'.') => {
            if relative && (*hit_root || out.len() <= 2) {
                *hit_root = true;
                return Reference::None;
            }
            let before = out.len().saturating_sub(3);
            let slash = memchr::memrchr(b'/', &out[1.min(out.len())..(before + 1).min(out.len())]);
            match slash {
                Some(found) => out.truncate(found + 1),
                None => {
                    *hit_root = true;
                    out.clear();
                }
            }
            Reference::Removed
        }
        Some(_) => Reference::None,
    }
}
