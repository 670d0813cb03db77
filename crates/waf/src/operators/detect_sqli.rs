//! `@detectSQLi`
//!
//! Matches when libinjection's method takes the value for SQL injection. `TX.0` is the fingerprint, such as `s&1c`.
//!
//! Differences: none known; v2, v3 and Coraza capture the fingerprint too.
//!
//! Example: `SecRule ARGS "@detectSQLi" "id:1,capture,deny,logdata:'%{TX.0}'"`

use portcullis_injection::sqli;

use super::{Capture, Found, Operate, Refusal, Resources, Superset, written::Written};

#[derive(Debug)]
struct DetectSQLi;

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(DetectSQLi))
}

impl Operate for DetectSQLi {
    fn superset(&self) -> Option<Superset> {
        Superset::byte((0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_'), false)
    }

    fn weight(&self) -> u32 {
        // Up to three readings of the value, token by token.
        8
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, wants_captures: bool, found: &mut Found) -> bool {
        let Some(fingerprint) = sqli::detect(input) else { return false };
        found.all(input);
        if wants_captures {
            found.captures.push(Some(Capture::Text(fingerprint.as_bytes().into())));
        }
        true
    }
}
