//! `t:md5`: the MD5 digest, 16 raw bytes. Usually followed by `t:hexEncode`.
//!
//! Differences: none between ModSecurity v2, v3 and Coraza. Not for security: rules use it to name things.
//!
//! Example: `SecRule FILES "@streq d41d8cd98f00b204e9800998ecf8427e" "id:1,phase:2,deny,t:md5,t:hexEncode"`

use md5::{Digest as _, Md5};

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    out.extend_from_slice(&Md5::digest(input));
    out.as_slice() != input
}
