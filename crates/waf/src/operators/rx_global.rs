//! `@rxGlobal`
//!
//! As `@rx`, and goes on after each match: the groups of the second match follow those of the first in `TX.n`.
//!
//! Differences: empty matches after the first are not captured (v3 stores them), and after one the search goes on one byte further (v3
//! first tries a longer match at the same place). At most 100 matches are captured. v2 and Coraza do not have this operator.
//!
//! Example: `SecRule ARGS "@rxGlobal (\d+)" "id:1,capture,pass"`

use super::{Found, Operate, Refusal, Resources, rx, written::Written};
use crate::pattern::Pattern;

/// Matches that are captured: each costs a copy, and the client decides how many there are.
const MOST: usize = 100;

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    rx::build_with(written, resources, each)
}

fn each(pattern: &Pattern, input: &[u8], wants_captures: bool, found: &mut Found) -> bool {
    let mut start = 0;
    for round in 0..MOST {
        let groups = match pattern.groups_at(input, start) {
            Ok(Some(groups)) => groups,
            Ok(None) => return round > 0,
            Err(_) => return found.limit_exceeded(input),
        };
        let Some(Some(whole)) = groups.first().cloned() else { return round > 0 };
        if round == 0 {
            found.at(&whole);
        }
        if !wants_captures {
            return true;
        }
        if round == 0 || !whole.is_empty() {
            found.groups(groups);
        }
        start = if whole.is_empty() { whole.end + 1 } else { whole.end };
    }
    true
}
