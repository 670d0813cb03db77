//! A phase: its rules in order, with skips, removals and the disruptive actions.

use std::sync::Arc;

use super::{expand, forms::Forms};
use crate::{
    ir::{Disruption, MarkerId, Rule, Scope, Skip, Step},
    matches::Matches,
    state::State,
    transaction::{Disposition, Intervention, Mode, Verdict, WhenSpent},
    variant::{Rules, Variant},
    vm::Planned,
};

/// A transaction as it runs.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) state: State,
    /// What of the program is otherwise.
    pub(crate) variant: Option<Arc<Variant>>,
    /// What the configuration allows at most.
    pub(super) mode: Mode,
    pub(crate) keeps_values: bool,
    pub(crate) matched: Matches,
    /// What transformations made of values in this phase.
    pub(super) forms: Forms,
    pub(super) intervention: Option<Intervention>,
    pub(super) enforced: bool,
    /// A rule with `auditlog` matched.
    pub(crate) audited: bool,
    /// `skipAfter` waits for its marker, into later phases if need be (trap 34: v3 and Coraza).
    pub(crate) skipping_to: Option<MarkerId>,
    /// How far the plan carries, if there is one.
    pub(crate) forecast: Box<Planned>,
    /// What happens to a request that has used up its work.
    pub(crate) when_spent: WhenSpent,
    /// Whether one has.
    pub(crate) exhausted: bool,
    allowed: Option<Scope>,
}

/// What came of a transaction.
pub(crate) struct Outcome {
    pub(crate) matched: Matches,
    pub(crate) intervention: Option<Intervention>,
    /// Whether the intervention was carried out.
    pub(crate) enforced: bool,
    /// A rule with `auditlog` matched.
    pub(crate) audited: bool,
}

impl Run {
    pub(crate) fn new(state: State, mode: Mode) -> Self {
        Self {
            forecast: Planned::take(state.tx.plan().is_some()),
            matched: Matches::of(state.tx.plan().cloned()),
            forms: Forms::default(),
            state,
            variant: None,
            mode,
            keeps_values: false,
            intervention: None,
            enforced: false,
            audited: false,
            skipping_to: None,
            when_spent: WhenSpent::default(),
            exhausted: false,
            allowed: None,
        }
    }

    pub(crate) fn keep_values(&mut self) {
        self.keeps_values = true;
    }

    /// What is enforced now: the weaker of what the configuration and the rules say.
    pub(crate) fn mode(&self) -> Mode {
        match (self.mode, self.state.controls.engine) {
            (Mode::Off, _) | (_, Mode::Off) => Mode::Off,
            (Mode::Detect, _) | (_, Mode::Detect) => Mode::Detect,
            (Mode::Block, Mode::Block) => Mode::Block,
        }
    }

    /// What came of it, at the end. What is known of the request stays where it is.
    pub(crate) fn outcome(&mut self) -> Outcome {
        Outcome {
            matched: std::mem::take(&mut self.matched),
            intervention: self.intervention.take(),
            enforced: self.enforced,
            audited: self.audited,
        }
    }

    /// Whether an intervention was carried out.
    pub(crate) fn is_refused(&self) -> bool {
        self.enforced && self.intervention.is_some()
    }

    /// An intervention of the engine itself, which no rule asked for: a limit was passed. It has the rule number 0.
    pub(crate) fn refuse(&mut self, phase: u8, status: u16) -> Verdict {
        self.intervene(Intervention { rule: 0, phase, disposition: Disposition::Deny(status) })
    }

    /// Runs a phase, 1 to 5. After an enforced intervention only phase 5 runs (trap 38).
    pub(crate) fn phase(&mut self, phase: u8) -> Verdict {
        if let Some(intervention) = self.intervention.as_ref().filter(|_| self.enforced && phase < 5) {
            return Verdict::Intervene(intervention.clone());
        }
        if self.mode() == Mode::Off || self.passes_over(phase) {
            return Verdict::Pass;
        }
        if phase == 5 {
            // What reports has a budget of its own.
            self.state.work.renew();
        } else if self.state.work.is_spent() {
            return if self.exhausted { Verdict::Pass } else { self.work_is_spent(phase) };
        }
        let (program, variant) = (Arc::clone(&self.state.program), self.variant.clone());
        let rules = Rules { program: &program, variant: variant.as_deref() };
        match self.state.tx.plan().cloned() {
            Some(plan) if self.forecast.holds_for(phase) => self.planned(rules, &plan, phase),
            _ => {
                self.abandon();
                self.walk(rules, phase, 0, None);
            }
        }
        self.forms.clear();
        if phase < 5 && (self.state.tx.overflowed() || self.state.matched.overflowed) {
            // What could not be kept may be what counts: refuse rather than guess.
            return self.refuse(phase, 413);
        }
        match &self.intervention {
            Some(intervention) if self.enforced && phase < 5 => Verdict::Intervene(intervention.clone()),
            _ if phase < 5 && self.state.work.is_spent() => self.work_is_spent(phase),
            _ => Verdict::Pass,
        }
    }

    /// Nothing more is inspected of a request that has used up its work, whatever is then done with it.
    fn work_is_spent(&mut self, phase: u8) -> Verdict {
        self.exhausted = true;
        match self.when_spent {
            WhenSpent::Refuse => self.refuse(phase, 403),
            WhenSpent::Detect => Verdict::Pass,
        }
    }

    /// Goes through the steps of a phase from a position on, `skip` being what the rule before it said.
    pub(crate) fn walk(&mut self, rules: Rules<'_>, phase: u8, from: usize, skip: Option<Skip>) {
        // Rules of a phase to be skipped; it ends with the phase (trap 35: Coraza and the manual; v3 carries it on).
        let mut skipping: u32 = 0;
        match skip {
            Some(Skip::Rules(rules)) => skipping = rules,
            Some(Skip::After(marker)) => self.skipping_to = Some(marker),
            None => {}
        }
        for step in rules.program.phase(phase).iter().skip(from) {
            let id = match (*step, self.skipping_to) {
                (Step::Marker(marker), wanted) => {
                    if wanted == Some(marker) {
                        self.skipping_to = None;
                    }
                    continue;
                }
                (Step::Rule(_), Some(_)) => continue,
                (Step::Rule(id), None) => id,
            };
            if skipping > 0 {
                skipping -= 1;
                continue;
            }
            if self.state.controls.removes(id) {
                continue;
            }
            let Some(rule) = rules.rule(id) else { continue };
            let matched = self.evaluate(id, rule, None);
            if self.state.work.is_spent() {
                break;
            }
            if !matched {
                continue;
            }
            match rule.skip {
                Some(Skip::Rules(rules)) => skipping = rules,
                Some(Skip::After(marker)) => self.skipping_to = Some(marker),
                None => {}
            }
            if self.disrupt(rule, phase) || self.mode() == Mode::Off {
                break;
            }
        }
    }

    /// Whether `allow` lets this phase pass (trap 36): everything but logging, or the request. `allow:phase` ends with its phase.
    fn passes_over(&mut self, phase: u8) -> bool {
        match self.allowed {
            Some(Scope::All) => phase < 5,
            Some(Scope::Request) => phase < 3,
            Some(Scope::Phase) | None => {
                self.allowed = None;
                false
            }
        }
    }

    /// Carries a matched rule's disruptive action out. Says whether the phase ends.
    pub(crate) fn disrupt(&mut self, rule: &Rule, phase: u8) -> bool {
        let disposition = match &rule.disruption {
            Disruption::Pass => return false,
            // In DetectionOnly `allow` has no effect either (trap 36), so that what would be found is found.
            Disruption::Allow(scope) => {
                let allows = self.mode() == Mode::Block;
                if allows {
                    self.allowed = Some(*scope);
                }
                return allows;
            }
            Disruption::Deny(status) => Disposition::Deny(*status),
            Disruption::Drop => Disposition::Drop,
            Disruption::Redirect(status, location) => {
                Disposition::Redirect(*status, printable(&expand(&self.state, location)))
            }
        };
        // It is too late to stop anything in phase 5.
        if phase >= 5 {
            return false;
        }
        self.intervene(Intervention { rule: rule.id, phase, disposition }) != Verdict::Pass
    }

    fn intervene(&mut self, intervention: Intervention) -> Verdict {
        let enforces = self.mode() == Mode::Block;
        if self.intervention.is_none() || (enforces && !self.enforced) {
            self.intervention = Some(intervention.clone());
            self.enforced = enforces;
        }
        if enforces { Verdict::Intervene(intervention) } else { Verdict::Pass }
    }
}

/// A location without bytes that would end a header field.
fn printable(location: &[u8]) -> Vec<u8> {
    location.iter().copied().filter(|byte| !byte.is_ascii_control()).collect()
}
