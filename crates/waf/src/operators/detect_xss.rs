//! `@detectXSS`
//!
//! Matches when libinjection's method finds script in the value. `TX.0` is the whole value.
//!
//! Differences: none known.
//!
//! Example: `SecRule ARGS "@detectXSS" "id:1,capture,deny"`

use portcullis_injection::xss;

use super::{Found, Operate, Refusal, Resources, Superset, written::Written};

#[derive(Debug)]
struct DetectXSS;

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(DetectXSS))
}

impl Operate for DetectXSS {
    fn superset(&self) -> Option<Superset> {
        Superset::byte(b"<=".iter().copied(), false)
    }

    fn weight(&self) -> u32 {
        // Five readings of the value, token by token.
        8
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, wants_captures: bool, found: &mut Found) -> bool {
        if !xss::detect(input) {
            return false;
        }
        found.all(input);
        if wants_captures {
            found.capture(&(0..input.len()));
        }
        true
    }
}
