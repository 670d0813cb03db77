//! `t:normalizePathWin`: `normalizePath` after every backslash has become a slash.
//!
//! Differences: ModSecurity v3 converts as it goes and misses some (the third backslash of three in a row, the one after `/../`); here
//! none stays.
//!
//! Example: `SecRule ARGS "@contains /windows/system32" "id:1,phase:2,deny,t:lowercase,t:normalizePathWin"`

use crate::{Context, normalize_path::normalize};

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, context: &Context<'_>) -> bool {
    if memchr::memchr(b'\\', input).is_none() {
        return crate::normalize_path::apply(input, out, context);
    }
    let slashes: Vec<u8> = input.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    normalize(&slashes, out);
    true
}
