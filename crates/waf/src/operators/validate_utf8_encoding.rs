//! `@validateUtf8Encoding`
//!
//! Matches when the value is not UTF-8 as RFC 3629 has it: missing or stray bytes, overlong forms, surrogates, above U+10FFFF.
//!
//! Differences: none known in what matches. The found place is one byte, where the first wrong sequence begins.
//!
//! Example: `SecRule ARGS "@validateUtf8Encoding" "id:1,deny"`

use super::{Found, Operate, Refusal, Resources, Superset, written::Written};

#[derive(Debug)]
struct ValidateUtf8Encoding;

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(ValidateUtf8Encoding))
}

impl Operate for ValidateUtf8Encoding {
    fn superset(&self) -> Option<Superset> {
        Superset::byte(0x80..=0xff, false)
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let Err(error) = std::str::from_utf8(input) else { return false };
        found.at(&(error.valid_up_to()..error.valid_up_to() + 1));
        true
    }
}
