//! `@ge`
//!
//! Matches when the value, read as a number, is at least the argument, read as a number.
//!
//! Differences: those of all comparisons, see `number`.
//!
//! Example: `SecRule &ARGS "@ge 255" "id:1,deny"`

use super::{Operate, Refusal, Resources, number, written::Written};

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(number::compare(written, |value, argument| value >= argument))
}
