//! `t:base64Encode`: encodes to Base64 with padding.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza.
//!
//! Example: `SecRule REQUEST_HEADERS:Authorization "@contains YWRtaW4" "id:1,phase:1,deny,t:base64Encode"`

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if input.is_empty() {
        return false;
    }
    out.extend_from_slice(STANDARD.encode(input).as_bytes());
    true
}
