//! Goes through a phase by its plan: only steps that are awake.
//!
//! Invariant: up to the step at hand, what the transaction holds is what it would hold if every rule had been evaluated.

use std::cell::RefCell;

use super::{
    matcher, scratch,
    sightings::{Seen, Sightings},
};
use crate::{
    ir::{
        Course, Disruption, Moment, PhasePlan, Plan, Planned as Step, RuleId, Skip, insert, is_cut_down,
        next_set, sieve::When,
    },
    reference::Run,
    state::{Last, Variables},
    transaction::Mode,
    variant::Rules,
};

/// Where a transaction stands with respect to its plan.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// The phase that is due; 0 when the plan no longer holds.
    due: u8,
    /// Variables of `TX` that are known to be touched: those with numbers, others.
    noted: (usize, bool),
    /// Steps that values have woken, by phase.
    woken: [Vec<u64>; 5],
    /// Steps that match for certain, and their phases: what they skip was not looked for.
    certain: Vec<(u8, u16)>,
    /// In which values links were found.
    seen: Seen,
    /// Those of the step at hand.
    sightings: Sightings,
    /// Steps to be taken in this phase.
    awake: Vec<u64>,
    /// Steps among them whose forecast does not hold.
    open: Vec<u64>,
    /// What the steps in front of this one did ahead is done.
    done: usize,
}

thread_local! {
    /// What transactions left; many of one thread may be under way at once.
    #[expect(clippy::vec_box, reason = "they are handed out as boxes")]
    static KEPT: RefCell<Vec<Box<Planned>>> = const { RefCell::new(Vec::new()) };
}

/// So many are kept by a thread.
const MOST_LEFT: usize = 64;

/// Steps that match for certain for which room is kept from one transaction to the next.
const MOST_KEPT: usize = 64;

impl Planned {
    /// For a transaction that has a plan or not.
    pub(crate) fn take(planned: bool) -> Box<Self> {
        let mut forecast = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
        forecast.due = u8::from(planned);
        forecast
    }

    /// Gives the room back that a transaction had, for the next one of this thread.
    pub(crate) fn put_back(mut self: Box<Self>) {
        self.woken.iter_mut().for_each(Vec::clear);
        self.certain.clear();
        self.sightings.clear();
        if self.seen.clear() && self.certain.capacity() <= MOST_KEPT {
            KEPT.with_borrow_mut(|kept| {
                if kept.len() < MOST_LEFT {
                    kept.push(self);
                }
            });
        }
    }

    /// Whether a phase is to be gone through by plan; from the first that is not, none is.
    pub(crate) fn holds_for(&mut self, phase: u8) -> bool {
        let holds = self.due == phase;
        self.due = if holds { phase + 1 } else { 0 };
        holds
    }

    fn wake(&mut self, plan: &PhasePlan, phase: u8, tx: &Variables, keeps_values: bool) {
        self.done = 0;
        self.awake.clone_from(&plan.always);
        self.open.clear();
        self.open.resize(plan.always.len(), 0);
        if let Some(woken) = self.woken.get(usize::from(phase).wrapping_sub(1)) {
            self.awake.iter_mut().zip(woken).for_each(|(word, woken)| *word |= woken);
            for chain in &plan.in_parts {
                if chain.parts.iter().all(|part| is_set(woken, *part)) {
                    insert(&mut self.awake, chain.step);
                }
            }
        }
        if keeps_values {
            plan.quiet.iter().for_each(|step| insert(&mut self.awake, *step));
        }
        if keeps_values {
            // What a text says depends on the request.
            self.awake.iter_mut().zip(&plan.ahead).for_each(|(word, ahead)| *word |= ahead);
            self.open.copy_from_slice(&plan.ahead);
        }
        self.noted = (0, false);
        self.note(plan, tx);
    }

    /// Opens what rests on variables that were touched since the last time.
    fn note(&mut self, plan: &PhasePlan, tx: &Variables) {
        let touched = tx.touched();
        let (numbers, others) =
            std::mem::replace(&mut self.noted, (touched.numbers.len(), touched.others > 0));
        if self.noted == (numbers, others) {
            return;
        }
        for number in touched.numbers.get(numbers..).unwrap_or_default() {
            for step in plan.dependents.get(usize::from(*number)).into_iter().flatten() {
                self.reopen(*step);
            }
        }
        plan.readers.iter().for_each(|step| self.reopen(*step));
        if self.noted.1 && !others {
            plan.readers_of_others.iter().for_each(|step| self.reopen(*step));
        }
    }

    /// Rules are evaluated, whatever the plan says of them.
    fn reopen_rules(&mut self, plan: &PhasePlan, rules: impl Iterator<Item = RuleId>) {
        rules.filter_map(|rule| plan.step_of(rule)).for_each(|step| self.reopen(step));
    }

    /// A step is evaluated, whatever the plan says of it.
    fn reopen(&mut self, step: u16) {
        insert(&mut self.awake, step);
        insert(&mut self.open, step);
    }

    /// Leaves out the steps behind `at` that stand in front of a position: what they would have written is not as planned. Gives the step
    /// that comes next, or nothing when one of them would have led further: rules that the plan does not have are met then.
    fn leave_out(&mut self, plan: &PhasePlan, at: usize, lands: usize, tx: &mut Variables) -> Option<usize> {
        let end = plan.steps.partition_point(|step| step.position < lands);
        let left_out = plan.steps.get(at + 1..end)?;
        let leads_on =
            |step: &Step| step.expected && step.skips && step.lands.is_none_or(|further| further > lands);
        if left_out.iter().any(leads_on) {
            return None;
        }
        for step in left_out {
            pin(&step.course, tx);
        }
        self.note(plan, tx);
        self.done = end;
        Some(end)
    }

    /// The request is refused: only phase 5 follows. What steps behind `at` would have written stays as it is.
    fn stop(&mut self, plan: &Plan, phase: u8, at: usize, tx: &mut Variables) {
        for (number, phase_plan) in (1_u8..5).zip(&plan.phases).skip_while(|(number, _)| *number < phase) {
            let from = if number == phase { at + 1 } else { 0 };
            phase_plan.steps.iter().skip(from).for_each(|step| pin(&step.course, tx));
        }
        self.due = 5;
    }

    /// The next step to be taken, from `from` on.
    fn next(&self, from: usize) -> Option<usize> {
        next_set(&self.awake, from)
    }

    fn is_certain(&self, phase: u8, step: usize) -> bool {
        self.certain.iter().any(|(of, certain)| *of == phase && usize::from(*certain) == step)
    }

    fn is_open(&self, step: usize) -> bool {
        self.open.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1)
    }
}

/// Keeps the variables that a step writes ahead as they are: it does not write them, or otherwise.
fn pin(course: &Course, tx: &mut Variables) {
    if let Course::Ahead(outcome) = course {
        outcome.writes.iter().for_each(|write| tx.pin(usize::from(write.number)));
    }
}

fn is_set(bits: &[u64], at: u16) -> bool {
    bits.get(usize::from(at / 64)).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

impl Run {
    /// Goes through a phase; what the plan does not cover is left to the plain evaluator.
    pub(crate) fn planned(&mut self, rules: Rules<'_>, plan: &Plan, phase: u8) {
        self.sift(plan, phase);
        if self.state.work.is_spent() {
            return self.abandon();
        }
        let Some(phase_plan) = plan.phases.get(usize::from(phase).wrapping_sub(1)) else { return };
        self.forecast.wake(phase_plan, phase, &self.state.tx, self.keeps_values);
        self.forecast.reopen_rules(phase_plan, rules.differing().iter().copied());
        self.forecast.reopen_rules(phase_plan, self.state.controls.otherwise(&plan.relied));
        let mut from = 0;
        while let Some(at) = self.forecast.next(from) {
            from = at + 1;
            let Some(step) = phase_plan.steps.get(at) else { break };
            if !step.gates.is_empty() && self.is_shut(rules, phase, at, step) {
                continue;
            }
            self.catch_up(phase_plan, phase, at);
            if self.forecast.is_open(at) {
                pin(&step.course, &mut self.state.tx);
            }
            let rule = rules.rule(step.rule).filter(|_| !self.state.controls.removes(step.rule));
            let mut sightings = std::mem::take(&mut self.forecast.sightings);
            // Anything else than sleep, and what was found says nothing of all values.
            let is_known = matches!(step.course, Course::Asleep)
                && !self.keeps_values
                && !self.forecast.is_open(at)
                && self.forecast.seen.of_step(phase, at, &mut sightings);
            let sighted = is_known.then_some(&sightings);
            let matched = rule.is_some_and(|rule| self.evaluate(step.rule, rule, sighted));
            self.forecast.sightings = sightings;
            if self.state.work.is_spent() {
                return self.abandon();
            }
            self.forecast.note(phase_plan, &self.state.tx);
            if !matched && self.forecast.is_certain(phase, at) {
                // A `ctl` came in between.
                self.abandon();
                return self.walk(rules, phase, step.position + 1, None);
            }
            let Some(rule) = rule else {
                if step.expected && step.skips {
                    // It is left out, and what it would have skipped is not.
                    self.abandon();
                    return self.walk(rules, phase, step.position + 1, None);
                }
                continue;
            };
            if matched {
                let disrupts = rule.disruption != Disruption::Pass && self.disrupt(rule, phase);
                let is_plain = rule.skip.is_none() && !step.controls && !plan.crosses;
                if disrupts && self.is_refused() && is_plain {
                    return self.forecast.stop(plan, phase, at, &mut self.state.tx);
                }
                if disrupts || self.mode() == Mode::Off {
                    self.skip(rule.skip);
                    return self.abandon();
                }
                if step.controls && self.state.controls.spoils(&plan.relied) {
                    self.abandon();
                    return self.walk(rules, phase, step.position + 1, rule.skip);
                }
            }
            if matched != step.expected && rule.skip.is_some() {
                let lands = step.lands.filter(|_| matched);
                let tx = &mut self.state.tx;
                match lands.and_then(|lands| self.forecast.leave_out(phase_plan, at, lands, tx)) {
                    Some(next) => from = next,
                    None => {
                        self.abandon();
                        return self.walk(rules, phase, step.position + 1, rule.skip.filter(|_| matched));
                    }
                }
            }
        }
        self.catch_up(phase_plan, phase, phase_plan.steps.len());
    }

    /// Whether a step can be told not to match without being evaluated.
    fn is_shut(&self, rules: Rules<'_>, phase: u8, at: usize, step: &Step) -> bool {
        let Some(rule) = rules.rule(step.rule) else { return false };
        !self.keeps_values
            && !self.forecast.is_certain(phase, at)
            && step.gates.iter().any(|gate| gate.is_shut(rule, &self.state))
            && !is_cut_down(&self.state.controls, step.rule)
    }

    /// Goes on without the plan.
    pub(crate) fn abandon(&mut self) {
        self.forecast.due = 0;
        self.state.tx.release();
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
        let Planned { woken, certain, seen, .. } = &mut *self.forecast;
        let mut scratch = scratch::take();
        matcher::sift(sieve, &self.state, when, &mut scratch, &mut |matcher::Woken { part, sighted }| {
            let (phase, part) = (sighted.phase, *part);
            if sighted.decided {
                certain.push((phase, sighted.step));
            }
            seen.note(sighted);
            if let Some(woken) = woken.get_mut(usize::from(phase).wrapping_sub(1)) {
                let words = usize::from(part / 64) + 1;
                if woken.len() < words {
                    woken.resize(words, 0);
                }
                insert(woken, part);
            }
        });
        scratch::put_back(scratch);
    }

    /// Does what the steps in front of one did ahead. The one itself is to be evaluated.
    fn catch_up(&mut self, plan: &PhasePlan, phase: u8, at: usize) {
        self.state.tx.stand_at(Moment::new(phase, at));
        let from = std::mem::replace(&mut self.forecast.done, at + 1);
        if from >= at {
            return;
        }
        let told = |step: usize| plan.told.get(step).copied().map_or(0, usize::from);
        self.matched.take_over(phase, (from, at), told(at).saturating_sub(told(from)));
        let last = plan.last.get(at).copied().map_or(0, usize::from);
        if last > from {
            self.state.matched.last = Last::Planned { phase, step: last - 1 };
        }
        let within = |step: u16| (from..at).contains(&usize::from(step));
        for (_, severity) in plan.severities.iter().filter(|(step, _)| within(*step)) {
            self.state.highest_severity = self.state.highest_severity.min(*severity);
        }
        self.audited |= plan.audited.iter().any(|step| within(*step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_transactions_leave_that_were_under_way_at_once_is_used_again() {
        let under_way: Vec<_> = (0..MOST_LEFT + 3)
            .map(|_| {
                let mut planned = Planned::take(true);
                planned.awake.reserve(16);
                planned
            })
            .collect();
        under_way.into_iter().for_each(Planned::put_back);
        let next: Vec<_> = (0..=MOST_LEFT).map(|_| Planned::take(true)).collect();
        let used = next.iter().filter(|planned| planned.awake.capacity() > 0).count();
        assert_eq!(used, MOST_LEFT);
    }
}
