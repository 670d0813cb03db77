//! Goes through a phase by its plan: only steps that are awake.
//!
//! Invariant: up to the step at hand, what the transaction holds is what it would hold if every rule had been evaluated.

use super::{matcher, scratch};
use crate::{
    ir::{Course, Disruption, Outcome, PhasePlan, Plan, Program, RuleId, Skip, sieve::When},
    limits,
    reference::Run,
    state::Touched,
    transaction::Mode,
};

/// Where a transaction stands with respect to its plan.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The phase that is due; 0 when the plan no longer holds.
    due: u8,
    /// Variables of `TX` that are not as the plan has them, by number.
    changed: Vec<u16>,
    /// Another variable of `TX` was changed.
    others_changed: bool,
    /// Steps that values have woken, by phase.
    woken: [Vec<u64>; 5],
    /// Steps to be taken in this phase.
    awake: Vec<u64>,
    /// Steps among them whose forecast does not hold.
    open: Vec<u64>,
}

impl Planned {
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            due: u8::from(program.plan.is_some()),
            changed: Vec::new(),
            others_changed: false,
            woken: Default::default(),
            awake: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Whether a phase is to be gone through by plan; from the first that is not, none is.
    pub(crate) fn holds_for(&mut self, phase: u8) -> bool {
        let holds = self.due == phase;
        self.due = if holds { phase + 1 } else { 0 };
        holds
    }

    pub(crate) fn give_up(&mut self) {
        self.due = 0;
    }

    fn wake(&mut self, plan: &PhasePlan, phase: u8) {
        self.awake.clone_from(&plan.always);
        self.open.clear();
        self.open.resize(plan.always.len(), 0);
        if let Some(woken) = self.woken.get(usize::from(phase).wrapping_sub(1)) {
            self.awake.iter_mut().zip(woken).for_each(|(word, woken)| *word |= woken);
        }
        let changed = std::mem::take(&mut self.changed);
        for number in &changed {
            self.reopen(plan, *number);
        }
        self.changed = changed;
        if !self.changed.is_empty() || self.others_changed {
            self.reopen_readers(plan);
        }
    }

    /// Steps that rest on a variable are evaluated, whatever the plan says of them.
    fn reopen(&mut self, plan: &PhasePlan, number: u16) {
        for step in plan.dependents.get(usize::from(number)).into_iter().flatten() {
            set(&mut self.awake, *step);
            set(&mut self.open, *step);
        }
    }

    fn reopen_readers(&mut self, plan: &PhasePlan) {
        for step in &plan.readers {
            set(&mut self.awake, *step);
            set(&mut self.open, *step);
        }
    }

    fn note(&mut self, plan: &PhasePlan, touched: &Touched) {
        for number in &touched.numbers {
            if !self.changed.contains(number) {
                self.changed.push(*number);
                self.reopen(plan, *number);
            }
        }
        self.others_changed |= touched.others;
        self.reopen_readers(plan);
    }

    /// Leaves out the steps behind `at` that stand in front of a position: what they would have written is not as planned. Gives the step
    /// that comes next, or nothing when one of them would have led further: rules that the plan does not have are met then.
    fn leave_out(&mut self, plan: &PhasePlan, at: usize, lands: usize) -> Option<usize> {
        let end = plan.steps.partition_point(|step| step.position < lands);
        let mut touched = Touched::default();
        for step in plan.steps.get(at + 1..end)? {
            if step.expected && step.skips && step.lands.is_none_or(|further| further > lands) {
                return None;
            }
            if let Course::Ahead(outcome) = &step.course {
                touched.numbers.extend(outcome.writes.iter().map(|write| write.number));
            }
        }
        self.note(plan, &touched);
        Some(end)
    }

    /// The next step to be taken, from `from` on.
    fn next(&self, from: usize) -> Option<usize> {
        let mut at = from / 64;
        let mut word = self.awake.get(at)? & (u64::MAX << (from % 64));
        while word == 0 {
            at += 1;
            word = *self.awake.get(at)?;
        }
        Some(at * 64 + word.trailing_zeros() as usize)
    }

    fn is_open(&self, step: usize) -> bool {
        self.open.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1)
    }
}

fn set(bits: &mut [u64], at: u16) {
    if let Some(word) = bits.get_mut(usize::from(at / 64)) {
        *word |= 1 << (at % 64);
    }
}

impl Run {
    /// Goes through a phase; what the plan does not cover is left to the plain evaluator.
    pub(crate) fn planned(&mut self, program: &Program, plan: &Plan, phase: u8) {
        self.sift(plan, phase);
        let Some(phase_plan) = plan.phases.get(usize::from(phase).wrapping_sub(1)) else { return };
        self.forecast.wake(phase_plan, phase);
        let mut from = 0;
        while let Some(at) = self.forecast.next(from) {
            from = at + 1;
            let Some(step) = phase_plan.steps.get(at) else { break };
            if let Course::Ahead(outcome) = &step.course
                && !self.forecast.is_open(at)
                && !self.keeps_values
            {
                self.take_over(step.rule, outcome);
                continue;
            }
            if self.state.controls.removes(step.rule) {
                continue;
            }
            let Some(rule) = program.rule(step.rule) else { continue };
            let matched = self.evaluate(step.rule, rule);
            let touched = self.state.tx.take_touched();
            if !touched.is_empty() {
                self.forecast.note(phase_plan, &touched);
            }
            if matched {
                if rule.disruption != Disruption::Pass && self.disrupt(rule, phase)
                    || self.mode() == Mode::Off
                {
                    self.skip(rule.skip);
                    return self.forecast.give_up();
                }
                if step.controls && self.state.controls.spoils(&plan.relied) {
                    self.forecast.give_up();
                    return self.walk(program, phase, step.position + 1, rule.skip);
                }
            }
            if matched != step.expected && rule.skip.is_some() {
                let lands = step.lands.filter(|_| matched);
                match lands.and_then(|lands| self.forecast.leave_out(phase_plan, at, lands)) {
                    Some(next) => from = next,
                    None => {
                        self.forecast.give_up();
                        return self.walk(program, phase, step.position + 1, rule.skip.filter(|_| matched));
                    }
                }
            }
        }
    }

    /// `skipAfter` outlives its phase.
    fn skip(&mut self, skip: Option<Skip>) {
        if let Some(Skip::After(marker)) = skip {
            self.skipping_to = Some(marker);
        }
    }

    /// Wakes the rules that values which came with this phase may match.
    fn sift(&mut self, plan: &Plan, phase: u8) {
        let (sieve, when) = match phase {
            1 => (&plan.request, When::Head),
            2 => (&plan.request, When::Body),
            3 => (&plan.response, When::Head),
            4 => (&plan.response, When::Body),
            _ => return,
        };
        let woken = &mut self.forecast.woken;
        let mut scratch = scratch::take();
        matcher::sift(sieve, &self.state, when, &mut scratch, &mut |phase, step| {
            if let Some(woken) = woken.get_mut(usize::from(phase).wrapping_sub(1)) {
                let words = usize::from(step / 64) + 1;
                if woken.len() < words {
                    woken.resize(words, 0);
                }
                set(woken, step);
            }
        });
        scratch::put_back(scratch);
    }

    /// Does what a rule did when it was evaluated ahead.
    fn take_over(&mut self, id: RuleId, outcome: &Outcome) {
        for write in &outcome.writes {
            match &write.value {
                Some(value) => self.state.tx.set_ahead(write.number, &write.name, value),
                None => self.state.tx.unset_ahead(write.number),
            }
        }
        if let Some(last) = &outcome.last {
            self.state.matched.last = Some(last.clone());
        }
        let Some(matched) = &outcome.matched else { return };
        self.state.rule = Some(id);
        if let Some(severity) = matched.severity {
            self.state.highest_severity = self.state.highest_severity.min(severity);
        }
        self.audited |= matched.audited;
        if self.matched.len() < limits::MATCHED_RULES {
            self.matched.push(matched.clone());
        }
    }
}
