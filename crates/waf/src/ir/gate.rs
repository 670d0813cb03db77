//! What can be told of a link at next to no cost: that it does not match, and its rule with it.
//!
//! A gate asks for how many members there are, or for the one value of a variable that no rule can change. Invariant: the chain of a rule
//! one of whose gates is shut does not match, and nobody could tell that its links were looked at.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable as V;

use super::{Exclusion, Rule, RuleId, RuleSet};
use crate::{
    operators::Found,
    state::{Controls, Member, State, Value},
    variables::Kept,
};

/// A link that is asked before its rule is evaluated.
#[derive(Debug)]
pub(crate) struct Gate {
    /// 0 is the head.
    pub(crate) link: usize,
    pub(crate) look: Look,
}

/// What is looked at.
#[derive(Debug)]
pub(crate) enum Look {
    /// `&REQUEST_HEADERS:Host`: the counts for which the link does not match, a bit each. Greater ones are not known.
    Count { of: V, kept: Kept, name: Option<Box<[u8]>>, fails: u64 },
    /// `REQBODY_ERROR`
    Value(fn(&State) -> Option<Value>),
}

impl Gate {
    /// Whether the link does not match as things stand.
    pub(crate) fn is_shut(&self, rule: &Rule, state: &State) -> bool {
        match &self.look {
            Look::Count { of, kept, name, fails } => {
                let count = match name {
                    Some(name) if *of == V::RequestHeaders && !state.request.may_have(name) => 0,
                    _ => count(kept(state), name.as_deref()),
                };
                count < 64 && fails >> count & 1 == 1
            }
            Look::Value(value) => {
                let Some(test) = rule.links.get(self.link).and_then(|link| link.test.as_ref()) else {
                    return false;
                };
                value(state).is_none_or(|value| {
                    state.work.charge_value(value.len(), test.operate.weight());
                    if let Some(matches) = test.operate.matches(&value) {
                        return matches == test.negated;
                    }
                    let mut found = Found::default();
                    let hit = test.operate.evaluate(&value, None, false, &mut found);
                    hit == test.negated && found.undecided.is_none()
                })
            }
        }
    }
}

fn count(members: [&[Member]; 2], name: Option<&[u8]>) -> usize {
    match name {
        None => members.iter().map(|members| members.len()).sum(),
        Some(name) => {
            let is_it = |member: &&Member| member.name.eq_ignore_ascii_case(name);
            members.into_iter().flatten().filter(is_it).count()
        }
    }
}

/// Whether what a rule looks at has been cut down for this transaction: its gates do not count then.
pub(crate) fn is_cut_down(controls: &Controls, rule: RuleId) -> bool {
    let by = |(rules, _): &(Arc<RuleSet>, Arc<Exclusion>)| rules.contains(rule);
    controls.excluded().iter().any(by)
}
