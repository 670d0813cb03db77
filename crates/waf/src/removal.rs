//! Rules that are left out of some transactions, or targets of them: `ctl:ruleRemoveById` and `ctl:ruleRemoveTargetById`, said by whoever
//! runs the engine rather than by a rule, and in force before the first rule runs.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    compile,
    ir::{Exclusion, Program, Rule, RuleId, RuleSet},
    variables::{self, Meaning},
};

/// Rules by what they are called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// Those with an `id` in a range.
    Ids(RangeInclusive<u64>),
    /// Those with a tag, compared whole.
    Tag(String),
}

impl Named {
    fn covers(&self, rule: &Rule) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&rule.id),
            Self::Tag(tag) => rule.meta.tags.iter().any(|own| **own == **tag),
        }
    }
}

/// Rules of one program that are left out, or targets of them.
#[derive(Clone, Debug)]
pub struct Removal {
    pub(crate) program: Arc<Program>,
    pub(crate) rules: Arc<RuleSet>,
    /// Without any the rules are left out whole.
    pub(crate) targets: Vec<Arc<Exclusion>>,
}

/// Why there is nothing to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRemoval {
    /// What is wrong.
    pub part: Part,
    /// How.
    pub problem: String,
}

/// Part of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The rules at this position.
    Rules(usize),
    /// The target at this position.
    Target(usize),
}

impl std::fmt::Display for NoRemoval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for NoRemoval {}

impl Removal {
    /// `targets` are written as behind the semicolon of `ctl:ruleRemoveTargetById`: `ARGS:comment`, `ARGS:/^free_/`, `REQUEST_COOKIES`. A
    /// target is of exactly this collection: `ARGS_GET:q` leaves the `ARGS:q` of a rule as it is. Patterns over names do not look at case,
    /// and their anchors are the ends of a name.
    ///
    /// # Errors
    /// Everything that would come to nothing: no rule is called so, the target is none, or none of the rules looks at it.
    pub fn new(program: &Arc<Program>, rules: &[Named], targets: &[String]) -> Result<Self, NoRemoval> {
        let mut set = RuleSet::default();
        for (at, named) in rules.iter().enumerate() {
            let mut found = false;
            for (position, _) in program.rules.iter().enumerate().filter(|(_, rule)| named.covers(rule)) {
                set.insert(RuleId::new(position));
                found = true;
            }
            if !found {
                let problem = match named {
                    Named::Ids(ids) if ids.start() == ids.end() => {
                        format!("there is no rule {}", ids.start())
                    }
                    Named::Ids(ids) => format!("there is no rule from {} to {}", ids.start(), ids.end()),
                    Named::Tag(tag) => format!("no rule has the tag {tag}"),
                };
                return Err(NoRemoval { part: Part::Rules(at), problem });
            }
        }
        let mut exclusions = Vec::new();
        for (at, target) in targets.iter().enumerate() {
            let refuse = |problem| NoRemoval { part: Part::Target(at), problem };
            for exclusion in compile::left_out(target.as_bytes()).map_err(refuse)? {
                looked_at(program, &set, &exclusion).map_err(refuse)?;
                exclusions.push(Arc::new(exclusion));
            }
        }
        Ok(Self { program: Arc::clone(program), rules: Arc::new(set), targets: exclusions })
    }
}

/// Whether one of the rules looks at what is left out.
fn looked_at(program: &Program, rules: &RuleSet, exclusion: &Exclusion) -> Result<(), String> {
    let name = exclusion.variable.name();
    match variables::meaning(exclusion.variable) {
        Meaning::Refused(reason, _) => return Err(format!("{name} is not implemented: {reason}")),
        Meaning::Single(_) if exclusion.selector.is_some() => return Err(format!("{name} has no members")),
        _ => {}
    }
    let targets = || {
        let rules = rules.iter().filter_map(|id| program.rule(id));
        rules.flat_map(|rule| &rule.links).flat_map(|link| &link.targets).map(|target| target.variable)
    };
    if targets().any(|variable| variable == exclusion.variable) {
        return Ok(());
    }
    let mut others: Vec<&str> = targets().map(|variable| variable.name()).collect();
    others.sort_unstable();
    others.dedup();
    Err(format!("none of these rules looks at {name}; they look at {}", others.join(", ")))
}
