//! What the compiler worked out ahead of every request, for the engine that sleeps until a rule may match.
//!
//! A plan is what happens when nothing of the request matches: which rules are met, which of them match because of the set-up alone
//! and what they do then. It is a forecast, never an assumption: a rule that rests on a variable which the request changed is evaluated,
//! and when rules are skipped or removed that the plan counts on, the phase goes on without it.

use super::{Gate, RuleId, RuleSet, Sieve, Timeline};
use crate::{
    state::{Match, Value},
    transaction::MatchedRule,
    variant::Other,
};

/// The plan of a program.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) phases: [PhasePlan; 5],
    /// Values of settings that it was made with and that are not those of the program.
    pub(crate) values: Vec<Other>,
    /// What they make of the variables of `TX`.
    pub(crate) timeline: Timeline,
    /// Rules that match in the forecast, or do something before they fail: without one of them it does not hold.
    pub(crate) relied: RuleSet,
    /// A `skipAfter` of the forecast leads from one phase into another.
    pub(crate) crosses: bool,
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
    /// Steps that are evaluated in any case, a bit each.
    pub(crate) always: Vec<u64>,
    /// Steps that were evaluated ahead, a bit each.
    pub(crate) ahead: Vec<u64>,
    /// How many rules match ahead in front of each step, and behind the last.
    pub(crate) told: Vec<u16>,
    /// Behind the last step in front of each that sets `MATCHED_VAR` ahead; 0 if none does.
    pub(crate) last: Vec<u16>,
    /// Steps that match ahead and have a severity.
    pub(crate) severities: Vec<(u16, u8)>,
    /// Steps that match ahead and ask for the audit log.
    pub(crate) audited: Vec<u16>,
    /// Steps that match ahead and have `log`.
    pub(crate) logged: Vec<u16>,
    /// Steps that rest on a variable of `TX`, by its number.
    pub(crate) dependents: Vec<Vec<u16>>,
    /// Steps that rest on all of `TX`.
    pub(crate) readers: Vec<u16>,
    /// Steps that rest on variables of `TX` without a number, whichever they are.
    pub(crate) readers_of_others: Vec<u16>,
    /// Steps that are awake only if all of their parts are.
    pub(crate) in_parts: Vec<InParts>,
    /// Steps that sleep through matches which nobody but a report with values could tell.
    pub(crate) quiet: Vec<u16>,
}

/// A chain whose links are looked for by themselves.
#[derive(Debug)]
pub(crate) struct InParts {
    pub(crate) step: u16,
    /// Numbers that no step has.
    pub(crate) parts: Vec<u16>,
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
    /// If one of them is shut, the rule does not match.
    pub(crate) gates: Box<[Gate]>,
}

impl PhasePlan {
    /// Sums up what its steps do ahead.
    pub(crate) fn sum_up(&mut self) {
        let words = self.steps.len().div_ceil(64);
        (self.always, self.ahead) = (vec![0; words], vec![0; words]);
        let (mut told, mut last) = (0, 0);
        for (at, step) in self.steps.iter().enumerate() {
            self.told.push(told);
            self.last.push(last);
            let Ok(number) = u16::try_from(at) else { continue };
            let outcome = match &step.course {
                Course::Ahead(outcome) => outcome,
                Course::Asleep => continue,
                Course::Run => {
                    insert(&mut self.always, number);
                    continue;
                }
            };
            insert(&mut self.ahead, number);
            if outcome.last.is_some() {
                last = number + 1;
            }
            if let Some(matched) = &outcome.matched {
                told += 1;
                self.severities.extend(matched.severity.map(|severity| (number, severity)));
                self.audited.extend(matched.audited.then_some(number));
                self.logged.extend(matched.logged.then_some(number));
            }
        }
        self.told.push(told);
        self.last.push(last);
    }
}

impl PhasePlan {
    /// The step of a rule. Steps are in the order of the rules.
    pub(crate) fn step_of(&self, rule: RuleId) -> Option<u16> {
        let at = self.steps.binary_search_by_key(&rule, |step| step.rule).ok()?;
        u16::try_from(at).ok()
    }
}

/// Adds one to a set of bits: a step, say.
pub(crate) fn insert(bits: &mut [u64], at: u16) {
    if let Some(word) = bits.get_mut(usize::from(at / 64)) {
        *word |= 1 << (at % 64);
    }
}

/// The next bit that is set, from one on.
pub(crate) fn next_set(bits: &[u64], from: usize) -> Option<usize> {
    let mut at = from / 64;
    let mut word = bits.get(at)? & (u64::MAX << (from % 64));
    while word == 0 {
        at += 1;
        word = *bits.get(at)?;
    }
    Some(at * 64 + word.trailing_zeros() as usize)
}

impl Planned {
    /// The rule as it is told, if it matched ahead.
    pub(crate) fn told_ahead(&self) -> Option<&MatchedRule> {
        match &self.course {
            Course::Ahead(outcome) => outcome.matched.as_ref(),
            Course::Asleep | Course::Run => None,
        }
    }
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
    pub(crate) last: Option<Match>,
    pub(crate) writes: Vec<Write>,
}

/// A variable of `TX` as it is behind a step.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) number: u16,
    pub(crate) name: Value,
    /// Absent when it was unset.
    pub(crate) value: Option<Value>,
    /// Its place among all variables: when it was set first.
    pub(crate) order: u64,
}
