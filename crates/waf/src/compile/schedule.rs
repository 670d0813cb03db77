//! Works out the plan: goes through the rules as if nothing of the request matched, evaluates those that rest on the set-up alone, and
//! notes which variables of `TX` each of them rests on.
//!
//! The plain evaluator itself does the work here, so a rule does ahead what it would do in a request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use portcullis_seclang::vocabulary::Variable;

use super::{
    profile::Profile,
    sift::{self, REQUEST, RESPONSE, Wanted},
};
use crate::{
    collections::Collections,
    ir::{
        ByName, Course, Disruption, Effect, Link, MarkerId, Moment, Names, Operation, Outcome, Part,
        PhasePlan, Plan, Planned, Program, Rule, RuleId, RuleSet, Selector, Skip, Step, Store, Template,
        Timeline, Write, sieve::MOST_RULES,
    },
    reference::{Run, would_match},
    state::{State, Value},
    transaction::{Clock, Connection, Mode},
};

/// Names of `TX` that rules write or read.
pub(super) fn names(rules: &[Rule]) -> Names {
    let mut names = ByName::default();
    for link in rules.iter().flat_map(|rule| &rule.links) {
        for set_var in link.set_vars.iter().filter(|set_var| set_var.store == Store::Tx) {
            if let Some(name) = set_var.name.as_literal() {
                names.insert(name, ());
            }
        }
        for target in link.targets.iter().filter(|target| target.variable == Variable::Tx) {
            if let Some(Selector::Name(name)) = &target.selector {
                names.insert(name, ());
            }
        }
        for name in templates(link).flat_map(|template| &template.parts).filter_map(variable_of_tx) {
            names.insert(name, ());
        }
    }
    for digit in b'0'..=b'9' {
        names.insert(&[digit], ());
    }
    Arc::new(names)
}

fn templates(link: &Link) -> impl Iterator<Item = &Template> {
    let values = link.set_vars.iter().flat_map(|set_var| {
        let value = match &set_var.operation {
            Operation::Unset => None,
            Operation::Set(value) | Operation::Add(value) | Operation::Subtract(value) => Some(value),
        };
        std::iter::once(&set_var.name).chain(value)
    });
    values.chain(link.test.as_ref().and_then(|test| test.argument.as_ref()))
}

fn variable_of_tx(part: &Part) -> Option<&[u8]> {
    match part {
        Part::Macro { variable: Variable::Tx, key: Some(name) } => Some(name),
        _ => None,
    }
}

/// Adds the plan to a program.
pub(super) fn plan(program: Program) -> Program {
    let shared = Arc::new(program);
    let plan = Forecast::new(&shared).plan();
    // The forecast is gone, and with it every other owner.
    match Arc::into_inner(shared) {
        Some(program) => Program { plan, ..program },
        None => Program::default(),
    }
}

/// What a rule rests on.
#[derive(Default)]
struct Rests {
    /// Numbers of variables of `TX`.
    numbers: Vec<u16>,
    /// On all of them.
    all: bool,
}

struct Forecast<'a> {
    program: &'a Arc<Program>,
    run: Run,
    relied: RuleSet,
}

/// Longest phase that is planned.
const MOST_STEPS: usize = u16::MAX as usize;

impl<'a> Forecast<'a> {
    fn new(program: &'a Arc<Program>) -> Self {
        let connection = Connection {
            client: SocketAddr::from(([0, 0, 0, 0], 0)),
            server: SocketAddr::from(([0, 0, 0, 0], 0)),
            unique_id: String::new(),
        };
        let collections = Arc::new(Collections::new(0, 0));
        let state = State::new(Arc::clone(program), connection, collections, Arc::new(Never));
        Self { program, run: Run::new(state, Mode::Detect), relied: RuleSet::default() }
    }

    fn plan(mut self) -> Option<Plan> {
        let program = Arc::clone(self.program);
        let mut skipping_to = None;
        let mut phases: [PhasePlan; 5] = Default::default();
        for (number, (phase, steps)) in (1..).zip(phases.iter_mut().zip(&program.phases)) {
            *phase = self.phase(number, steps, &mut skipping_to)?;
        }
        let mut wanted = Vec::new();
        for phase in &phases {
            for (at, step) in phase.steps.iter().enumerate() {
                if let (Course::Asleep, Some(rule)) = (&step.course, program.rule(step.rule))
                    && sift::is_siftable(rule, &program.rules)
                    && let Ok(at) = u16::try_from(at)
                {
                    wanted.push(Wanted { id: step.rule, rule, step: at });
                }
            }
        }
        let profile = Profile::new();
        let request = sift::build(&wanted, REQUEST, &profile);
        let response = sift::build(&wanted, RESPONSE, &profile);
        // What found no room in a sieve has to be evaluated always.
        if wanted.len() > MOST_RULES {
            for wanted in wanted.iter().skip(MOST_RULES) {
                let phase = phases.get_mut(usize::from(wanted.rule.phase) - 1);
                if let Some(phase) = phase
                    && let Some(step) = phase.steps.get_mut(usize::from(wanted.step))
                {
                    step.course = Course::Run;
                }
            }
        }
        phases.iter_mut().for_each(PhasePlan::sum_up);
        let timeline = Timeline::of(&phases, program.names.len());
        Some(Plan { phases, timeline, relied: self.relied, request, response })
    }

    fn phase(&mut self, phase: u8, steps: &[Step], skipping_to: &mut Option<MarkerId>) -> Option<PhasePlan> {
        let program = Arc::clone(self.program);
        let mut plan =
            PhasePlan { dependents: vec![Vec::new(); program.names.len()], ..PhasePlan::default() };
        let mut skipping = 0;
        for (position, step) in steps.iter().enumerate() {
            let id = match step {
                Step::Marker(marker) => {
                    if *skipping_to == Some(*marker) {
                        *skipping_to = None;
                    }
                    continue;
                }
                Step::Rule(_) if skipping_to.is_some() => continue,
                Step::Rule(_) if skipping > 0 => {
                    skipping -= 1;
                    continue;
                }
                Step::Rule(id) => *id,
            };
            let rule = program.rule(id)?;
            self.run.state.tx.stand_at(Moment::new(phase, plan.steps.len()));
            let (course, rests) = self.course(id, rule);
            let expected = match &course {
                Course::Ahead(outcome) => outcome.matched.is_some(),
                Course::Run => rule.links.iter().all(|link| link.test.is_none()),
                Course::Asleep => false,
            };
            if let Course::Ahead(outcome) = &course
                && (outcome.last.is_some() || !outcome.writes.is_empty())
            {
                self.relied.insert(id);
            }
            if expected {
                self.relied.insert(id);
                match rule.skip {
                    Some(Skip::Rules(rules)) => skipping = rules,
                    Some(Skip::After(marker)) => *skipping_to = Some(marker),
                    None => {}
                }
            }
            let at = u16::try_from(plan.steps.len()).ok().filter(|_| plan.steps.len() < MOST_STEPS)?;
            for number in rests.numbers {
                if let Some(steps) =
                    plan.dependents.get_mut(usize::from(number)).filter(|steps| steps.last() != Some(&at))
                {
                    steps.push(at);
                }
            }
            if rests.all {
                plan.readers.push(at);
            }
            let controls = rule
                .links
                .iter()
                .flat_map(|link| &link.effects)
                .any(|effect| matches!(effect, Effect::Control(_)));
            let lands = match rule.skip {
                Some(Skip::After(marker)) => {
                    let behind = steps.iter().enumerate().skip(position + 1);
                    behind.into_iter().find(|(_, step)| **step == Step::Marker(marker)).map(|(at, _)| at)
                }
                _ => None,
            };
            let skips = rule.skip.is_some();
            plan.steps.push(Planned { rule: id, position, course, expected, skips, lands, controls });
        }
        Some(plan)
    }

    fn course(&mut self, id: RuleId, rule: &Rule) -> (Course, Rests) {
        let mut rests = Rests::default();
        if let Some(head) = rule.links.first()
            && head.test.is_some()
            && self.rests(head, &mut rests)
            && !would_match(&self.run.state, head)
        {
            return (Course::Asleep, rests);
        }
        let mut rests = Rests::default();
        let is_ahead = rule.disruption == Disruption::Pass
            && rule.links.iter().all(|link| {
                link.effects.is_empty() && self.rests(link, &mut rests) && self.acts_ahead(link, &mut rests)
            });
        if is_ahead && let Some(outcome) = self.ahead(id, rule) {
            // Where it is evaluated after all, it writes under the name it would have written.
            rests.numbers.extend(outcome.writes.iter().map(|write| write.number));
            return (Course::Ahead(Box::new(outcome)), rests);
        }
        let course = if sift::is_siftable(rule, &self.program.rules) { Course::Asleep } else { Course::Run };
        (course, Rests::default())
    }

    /// What the test of a link rests on; false if on anything but `TX`.
    fn rests(&self, link: &Link, rests: &mut Rests) -> bool {
        for target in &link.targets {
            match (target.variable, &target.selector) {
                (Variable::Tx, Some(Selector::Name(name))) => self.number(name, rests),
                (Variable::Tx, _) => rests.all = true,
                _ => return false,
            }
        }
        link.test
            .as_ref()
            .and_then(|test| test.argument.as_ref())
            .is_none_or(|argument| self.expands(argument, rests))
    }

    /// What the `setvar`s of a link rest on.
    fn acts_ahead(&self, link: &Link, rests: &mut Rests) -> bool {
        link.set_vars.iter().all(|set_var| {
            if let Some(name) = set_var.name.as_literal() {
                self.number(name, rests);
            }
            let value = match &set_var.operation {
                Operation::Unset => None,
                Operation::Set(value) | Operation::Add(value) | Operation::Subtract(value) => Some(value),
            };
            set_var.store == Store::Tx
                && self.expands(&set_var.name, rests)
                && value.is_none_or(|value| self.expands(value, rests))
        })
    }

    fn expands(&self, template: &Template, rests: &mut Rests) -> bool {
        template.parts.iter().all(|part| match part {
            Part::Literal(_) | Part::Unknown(_) => true,
            Part::Macro { variable: Variable::Tx, key: Some(name) } => {
                self.number(name, rests);
                true
            }
            Part::Macro { .. } => false,
        })
    }

    fn number(&self, name: &[u8], rests: &mut Rests) {
        match self.program.names.position(name).and_then(|at| u16::try_from(at).ok()) {
            Some(number) => rests.numbers.push(number),
            None => rests.all = true,
        }
    }

    /// Evaluates a rule; nothing if it wrote a variable that has no number.
    fn ahead(&mut self, id: RuleId, rule: &Rule) -> Option<Outcome> {
        let others = self.run.state.tx.touched().others;
        let last = std::mem::take(&mut self.run.state.matched.last);
        let did = self.run.evaluate(id, rule);
        let matched = self.run.matched.pop();
        let set = self.run.state.last_match().cloned();
        if set.is_none() {
            self.run.state.matched.last = last;
        }
        let tx = &self.run.state.tx;
        if tx.touched().others != others || did != matched.is_some() {
            return None;
        }
        let writes = tx.changed_now().into_iter().map(|(number, member, order)| Write {
            number,
            name: Value::clone(&member.name),
            value: order.map(|_| Value::clone(&member.value)),
            order: order.unwrap_or_default(),
        });
        let writes = writes.collect();
        Some(Outcome { matched, last: set, writes })
    }
}

/// No rule that is evaluated ahead asks for the time.
struct Never;

impl Clock for Never {
    fn unix_time(&self) -> Duration {
        Duration::ZERO
    }
}
