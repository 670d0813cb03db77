//! What the `@verify..` operators share: a regular expression proposes numbers, a checksum decides.
//!
//! Searches begin at every byte, as in v3, so that a number is found within a longer run of digits too.

use super::{Found, Operate, Refusal, Resources, written::Written};
use crate::pattern::{Dialect, Pattern};

/// Candidates that one value may propose.
const MOST: usize = 10_000;
/// Bytes of all candidates of one value: a pattern without an upper bound proposes as many as there are bytes, each as long as the rest.
const MOST_BYTES: usize = 1 << 20;

#[derive(Debug)]
struct IdentityNumber {
    pattern: Pattern,
    is_valid: fn(&[u8]) -> bool,
}

pub(super) fn verify(
    written: &Written<'_>,
    resources: &Resources<'_>,
    is_valid: fn(&[u8]) -> bool,
) -> Result<Box<dyn Operate>, Refusal> {
    if written.text.is_empty() {
        return Err(Refusal::new(
            "no pattern is given that says what a number looks like",
            "give a regular expression such as \\d{13,16}",
        ));
    }
    let dialect = Dialect { multiline: resources.multiline, ignore_case: false };
    Ok(Box::new(IdentityNumber { pattern: Pattern::compile(written.text, dialect)?, is_valid }))
}

/// The digits of a candidate, whatever stands between them.
pub(super) fn digits(candidate: &[u8]) -> impl Iterator<Item = u32> {
    candidate.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'))
}

/// As many digits as the array has places; more or fewer are no such number.
pub(super) fn exactly<const N: usize>(candidate: &[u8]) -> Option<[u32; N]> {
    digits(candidate).collect::<Vec<_>>().try_into().ok()
}

/// The first `N` digits; fewer are no such number.
pub(super) fn leading<const N: usize>(candidate: &[u8]) -> Option<[u32; N]> {
    digits(candidate).take(N).collect::<Vec<_>>().try_into().ok()
}

impl Operate for IdentityNumber {
    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, wants_captures: bool, found: &mut Found) -> bool {
        let mut start = 0;
        let mut bytes: usize = 0;
        for _ in 0..MOST {
            let hit = match self.pattern.find_at(input, start) {
                Ok(Some(hit)) => hit,
                Ok(None) => return false,
                Err(_) => return found.limit_exceeded(input),
            };
            if input.get(hit.clone()).is_some_and(self.is_valid) {
                found.at(&hit);
                if wants_captures {
                    found.capture(&hit);
                }
                return true;
            }
            start = hit.start + 1;
            bytes = bytes.saturating_add(hit.len());
            if bytes > MOST_BYTES {
                break;
            }
        }
        found.limit_exceeded(input)
    }

    fn backtracking_pattern(&self) -> Option<&[u8]> {
        self.pattern.is_backtracking().then(|| self.pattern.source())
    }
}
