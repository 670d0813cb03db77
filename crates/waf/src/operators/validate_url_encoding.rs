//! `@validateUrlEncoding`
//!
//! Matches when a percent sign is not followed by two hexadecimal digits.
//!
//! Differences: none known.
//!
//! Example: `SecRule REQUEST_URI_RAW "@validateUrlEncoding" "id:1,deny"`

use memchr::memchr_iter;

use super::{Found, Operate, Refusal, Resources, Superset, written::Written};

#[derive(Debug)]
struct ValidateUrlEncoding;

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(ValidateUrlEncoding))
}

impl Operate for ValidateUrlEncoding {
    fn superset(&self) -> Option<Superset> {
        Superset::byte(std::iter::once(b'%'), false)
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let wrong = memchr_iter(b'%', input).find(|offset| {
            let digits = input.get(offset + 1..offset + 3);
            !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
        if let Some(offset) = wrong {
            found.at(&(offset..input.len().min(offset + 3)));
        }
        wrong.is_some()
    }
}
