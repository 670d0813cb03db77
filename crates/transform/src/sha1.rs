//! `t:sha1`: the SHA-1 digest, 20 raw bytes. Usually followed by `t:hexEncode`.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza. Not for security: rules use it to name things.
//!
//! Example: `SecRule REQUEST_HEADERS:User-Agent "@rx ^(.*)$" "id:1,phase:1,pass,t:sha1,t:hexEncode,setvar:'tx.ua_hash=%{MATCHED_VAR}'"`

use sha1::{Digest as _, Sha1};

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    out.extend_from_slice(&Sha1::digest(input));
    out.as_slice() != input
}
