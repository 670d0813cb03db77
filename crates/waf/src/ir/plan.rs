//! What the compiler worked out ahead of every request, for the engine that sleeps until a rule may match.
//!
//! A plan is what happens when nothing of the request matches: which rules are met, which of them match because of the set-up alone
//! and what they do then. It is a forecast, never an assumption: a rule that rests on a variable which the request changed is evaluated,
//! and when rules are skipped or removed that the plan counts on, the phase goes on without it.

use super::{RuleId, RuleSet, Sieve};
use crate::{
    state::{Member, Value},
    transaction::MatchedRule,
};

/// The plan of a program.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) phases: [PhasePlan; 5],
    /// Rules that match in the forecast: without one of them it does not hold.
    pub(crate) relied: RuleSet,
    /// Which rules values of the request wake.
    pub(crate) request: Sieve,
    /// Which rules values of the answer wake.
    pub(crate) response: Sieve,
}

/// The forecast of a phase.
#[derive(Debug, Default)]
pub(crate) struct PhasePlan {
    /// Rules that are met, in order. At most 65,535.
    pub(crate) steps: Vec<Planned>,
    /// Steps that are gone through in any case, a bit each.
    pub(crate) always: Vec<u64>,
    /// Steps that rest on a variable of `TX`, by its number.
    pub(crate) dependents: Vec<Vec<u16>>,
    /// Steps that rest on all of `TX`.
    pub(crate) readers: Vec<u16>,
}

/// A rule that is met.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) rule: RuleId,
    /// Where it stands among the steps of the phase.
    pub(crate) position: usize,
    pub(crate) course: Course,
    /// Whether it matches in the forecast.
    pub(crate) expected: bool,
    /// Whether it has a `skip` or `skipAfter`.
    pub(crate) skips: bool,
    /// Where its `skipAfter` leads: a position behind it in this phase.
    pub(crate) lands: Option<usize>,
    /// Whether it may remove rules or targets.
    pub(crate) controls: bool,
}

/// How a step is taken.
#[derive(Debug)]
pub(crate) enum Course {
    /// It was evaluated ahead, and rests on variables of `TX` alone.
    Ahead(Box<Outcome>),
    /// It is evaluated if something woke it: a value that matches, or a variable it rests on.
    Asleep,
    /// It is evaluated.
    Run,
}

/// What a rule did when it was evaluated ahead.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Present when it matched.
    pub(crate) matched: Option<MatchedRule>,
    /// `MATCHED_VAR` behind it, if it set it.
    pub(crate) last: Option<Member>,
    pub(crate) writes: Vec<Write>,
}

/// A variable of `TX` as it is behind a step.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) number: u16,
    pub(crate) name: Value,
    /// Absent when it was unset.
    pub(crate) value: Option<Value>,
}
