//! `@unconditionalMatch`
//!
//! Matches every value. The rule still needs a target that exists.
//!
//! Differences: none known.
//!
//! Example: `SecRule REMOTE_ADDR "@unconditionalMatch" "id:1,pass"`

use super::{Found, Operate, Refusal, Resources, written::Written};

#[derive(Debug)]
struct UnconditionalMatch;

pub(super) fn build(_: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(UnconditionalMatch))
}

impl Operate for UnconditionalMatch {
    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        found.all(input);
        true
    }
}
