//! The table of targets.

mod injection;
mod json;
mod multipart;
mod pattern;
mod rules;
mod seclang;
mod transaction;
mod transform;
mod urlencoded;
mod xml;

use portcullis_body::{BodyError, Limits};

use crate::Target;

/// Every target, in alphabetical order.
pub static TARGETS: &[Target] = &[
    injection::TARGET,
    json::TARGET,
    multipart::TARGET,
    pattern::TARGET,
    rules::TARGET,
    seclang::TARGET,
    transaction::TARGET,
    transform::TARGET,
    urlencoded::TARGET,
    xml::TARGET,
];

/// Bounds that are soon reached, and none.
const LIMITS: [Limits; 2] = [
    Limits { fields: 20, depth: 8, parts: 4 },
    Limits { fields: usize::MAX, depth: usize::MAX, parts: usize::MAX },
];

/// The message of a body's error is our own words and an offset inside the input, never a byte of the body.
fn told_plainly(error: Option<&BodyError>, input: &[u8]) {
    let Some(error) = error else { return };
    assert!(error.message.is_ascii() && error.message.len() < 100, "{}", error.message);
    if let Some((_, offset)) = error.message.rsplit_once(" at offset ") {
        let inside = offset.parse::<usize>().is_ok_and(|offset| offset <= input.len());
        assert!(inside, "{} of {}", error.message, input.len());
    }
}
