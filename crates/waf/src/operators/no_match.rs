//! `@noMatch`
//!
//! Never matches, whatever the value.
//!
//! Differences: none known.
//!
//! Example: `SecRule ARGS "@noMatch" "id:1,deny"`

use super::{Operate, Refusal, Resources, inert, written::Written};

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(inert::build())
}
