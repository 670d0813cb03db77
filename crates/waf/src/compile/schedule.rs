//! Works out the plan: goes through the rules as if nothing of the request matched, evaluates those that rest on the set-up alone, and
//! notes which variables of `TX` each of them rests on.
//!
//! The plain evaluator itself does the work here, so a rule does ahead what it would do in a request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use portcullis_seclang::vocabulary::Variable;

use super::{
    gate,
    profile::Profile,
    quiet::Observers,
    sift::{self, Automata, REQUEST, RESPONSE, Wanted},
};
use crate::{
    collections::Collections,
    ir::{
        ByName, Course, Disruption, Echo, Effect, InParts, Link, MarkerId, Moment, Names, Operation, Outcome,
        Part, PhasePlan, Plan, Planned, Program, Rule, RuleId, RuleSet, Selector, Sieve, Skip, Step, Store,
        Template, Timeline, Write,
    },
    reference::{Run, expand, would_match},
    state::{State, Value},
    transaction::{Clock, Connection, Mode},
    variant::{Rules, Variant},
};

/// Names of `TX` that rules write or read.
pub(super) fn names(rules: &[Rule]) -> Names {
    let mut names = ByName::default();
    // First, so that what a group captures needs no name.
    for digit in b'0'..=b'9' {
        names.insert(&[digit], ());
    }
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
    let plan = Forecast::new(&shared, None).plan(&mut Automata::default()).map(Arc::new);
    // The forecast is gone, and with it every other owner.
    match Arc::into_inner(shared) {
        Some(program) => Program { plan, ..program },
        None => Program::default(),
    }
}

/// The plan of a variant.
pub(super) fn of_variant(program: &Arc<Program>, variant: &Variant, known: &[&Plan]) -> Option<Plan> {
    Forecast::new(program, Some(variant)).plan(&mut Automata::of_plans(known))
}

/// What a rule rests on.
#[derive(Default)]
struct Rests {
    /// Numbers of variables of `TX`.
    numbers: Vec<u16>,
    /// On some that have no number.
    others: bool,
    /// On all of them.
    all: bool,
}

/// What wakes a step that sleeps.
#[derive(Default)]
struct Watch {
    /// Links that may all match at once, and the arguments of their operators.
    links: Vec<(usize, Option<Value>)>,
    echo: Option<Arc<Echo>>,
    /// It may sleep through a match of a link that a report with values could tell.
    quiet: bool,
}

/// A link that wakes something: rule, link, what it wakes, argument, echo.
struct Lookout {
    id: RuleId,
    link: usize,
    part: u16,
    /// The step itself, whatever is woken.
    step: u16,
    argument: Option<Value>,
    echo: Option<Arc<Echo>>,
}

struct Forecast<'a> {
    program: &'a Arc<Program>,
    variant: Option<&'a Variant>,
    run: Run,
    relied: RuleSet,
    observers: Observers,
    lookouts: Vec<Lookout>,
}

/// Longest phase that is planned.
const MOST_STEPS: usize = u16::MAX as usize;

impl<'a> Forecast<'a> {
    fn new(program: &'a Arc<Program>, variant: Option<&'a Variant>) -> Self {
        let connection = Connection {
            client: SocketAddr::from(([0, 0, 0, 0], 0)),
            server: SocketAddr::from(([0, 0, 0, 0], 0)),
            unique_id: String::new(),
        };
        let collections = Arc::new(Collections::new(0, 0));
        let state = State::new(Arc::clone(program), None, connection, collections, Arc::new(Never));
        Self {
            program,
            variant,
            run: Run::new(state, Mode::Detect),
            relied: RuleSet::default(),
            observers: Observers::new(&program.rules),
            lookouts: Vec::new(),
        }
    }

    fn plan(mut self, automata: &mut Automata) -> Option<Plan> {
        let program = Arc::clone(self.program);
        let mut skipping_to = None;
        let mut crosses = false;
        let mut phases: [PhasePlan; 5] = Default::default();
        for (number, (phase, steps)) in (1..).zip(phases.iter_mut().zip(&program.phases)) {
            *phase = self.phase(number, steps, &mut skipping_to)?;
            crosses |= skipping_to.is_some();
        }
        let (request, response) = self.sieves(&mut phases, automata);
        phases.iter_mut().for_each(PhasePlan::sum_up);
        let timeline = Timeline::of(&phases, program.names.len());
        Some(Plan { phases, values: Vec::new(), timeline, crosses, relied: self.relied, request, response })
    }

    /// What looks out for the links that wake steps. Steps for which there is no room are always run.
    fn sieves(&self, phases: &mut [PhasePlan; 5], automata: &mut Automata) -> (Sieve, Sieve) {
        let wanted: Vec<Wanted<'_>> = self
            .lookouts
            .iter()
            .filter_map(|lookout| {
                let rule = self.program.rule(lookout.id)?;
                let (argument, echo) = (lookout.argument.clone(), lookout.echo.clone());
                let skips = phases.get(usize::from(rule.phase).wrapping_sub(1)).and_then(|phase| {
                    let lands = phase.steps.get(usize::from(lookout.step))?.lands?;
                    let end = phase.steps.partition_point(|step| step.position < lands);
                    Some(lookout.step + 1..u16::try_from(end).ok()?)
                });
                let (link, part, step) = (lookout.link, lookout.part, lookout.step);
                Some(Wanted { id: lookout.id, rule, link, part, step, skips, argument, echo })
            })
            .collect();
        let profile = Profile::new();
        let (request, mut left) = sift::build(&wanted, REQUEST, &profile, automata);
        let (response, more) = sift::build(&wanted, RESPONSE, &profile, automata);
        left.extend(more);
        for lookout in left.iter().filter_map(|at| self.lookouts.get(*at)) {
            let phase = self.program.rule(lookout.id).map_or(0, |rule| usize::from(rule.phase));
            let step = phases
                .get_mut(phase.wrapping_sub(1))
                .and_then(|phase| phase.steps.get_mut(usize::from(lookout.step)));
            if let Some(step) = step {
                step.course = Course::Run;
            }
        }
        (request, response)
    }

    fn phase(&mut self, phase: u8, steps: &[Step], skipping_to: &mut Option<MarkerId>) -> Option<PhasePlan> {
        let program = Arc::clone(self.program);
        let mut plan =
            PhasePlan { dependents: vec![Vec::new(); program.names.len()], ..PhasePlan::default() };
        let mut skipping = 0;
        let mut watches = Vec::new();
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
            let rule = Rules { program: &program, variant: self.variant }.rule(id)?;
            self.run.state.tx.stand_at(Moment::new(phase, plan.steps.len()));
            let (course, rests, watch) = self.course(id, rule);
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
            if watch.quiet {
                plan.quiet.push(at);
            }
            watches.push((id, at, watch));
            for number in rests.numbers {
                if let Some(steps) =
                    plan.dependents.get_mut(usize::from(number)).filter(|steps| steps.last() != Some(&at))
                {
                    steps.push(at);
                }
            }
            if rests.all {
                plan.readers.push(at);
            } else if rests.others {
                plan.readers_of_others.push(at);
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
            let gates = match course {
                Course::Ahead(_) => Box::default(),
                Course::Asleep | Course::Run => gate::gates(rule, &self.observers, &program.rules),
            };
            plan.steps.push(Planned { rule: id, position, course, expected, skips, lands, controls, gates });
        }
        self.watch(&mut plan, watches)?;
        Some(plan)
    }

    /// Sets up what wakes the steps of a phase.
    fn watch(&mut self, plan: &mut PhasePlan, watches: Vec<(RuleId, u16, Watch)>) -> Option<()> {
        // Parts have numbers of their own, in words of their own.
        let mut free = u16::try_from(plan.steps.len().div_ceil(64) * 64).ok()?;
        for (id, step, watch) in watches {
            let mut parts = Vec::new();
            let several = watch.links.len() > 1;
            for (link, argument) in watch.links {
                let part = if several { free } else { step };
                if several {
                    parts.push(free);
                    free = free.checked_add(1)?;
                }
                self.lookouts.push(Lookout { id, link, part, step, argument, echo: watch.echo.clone() });
            }
            if several {
                plan.in_parts.push(InParts { step, parts });
            }
        }
        Some(())
    }

    fn course(&mut self, id: RuleId, rule: &Rule) -> (Course, Rests, Watch) {
        if let Some((rests, quiet)) = self.fails_ahead(rule) {
            return (Course::Asleep, rests, Watch { quiet, ..Watch::default() });
        }
        let mut rests = Rests::default();
        let is_ahead = rule.disruption == Disruption::Pass
            && rule.links.iter().all(|link| {
                link.effects.is_empty() && self.rests(link, &mut rests) && self.acts_ahead(link, &mut rests)
            });
        if is_ahead && let Some(outcome) = self.ahead(id, rule) {
            // Where it is evaluated after all, it writes under the name it would have written.
            rests.numbers.extend(outcome.writes.iter().map(|write| write.number));
            return (Course::Ahead(Box::new(outcome)), rests, Watch::default());
        }
        match self.watched(id, rule) {
            Some((rests, watch)) => (Course::Asleep, rests, watch),
            None => (Course::Run, Rests::default(), Watch::default()),
        }
    }

    /// Whether a link does not match because of the set-up alone, nobody being able to tell whether those in front of it do.
    fn fails_ahead(&self, rule: &Rule) -> Option<(Rests, bool)> {
        let mut captures = false;
        for (at, link) in rule.links.iter().enumerate() {
            let mut rests = Rests::default();
            if link.test.is_some()
                && self.rests(link, &mut rests)
                && !(captures && self.rests_on_captures(&rests))
                && !would_match(&self.run.state, link)
            {
                return Some((rests, at > 0));
            }
            if !self.observers.is_quiet(link) {
                return None;
            }
            captures |= link.capture;
        }
        None
    }

    fn rests_on_captures(&self, rests: &Rests) -> bool {
        let digits = (b'0'..=b'9').filter_map(|digit| self.program.names.position(&[digit]));
        rests.all
            || digits
                .into_iter()
                .any(|digit| rests.numbers.iter().any(|number| usize::from(*number) == digit))
    }

    /// What may be looked out for so that the rule can sleep until then.
    fn watched(&self, id: RuleId, rule: &Rule) -> Option<(Rests, Watch)> {
        let (mut rests, mut watch) = (Rests::default(), Watch::default());
        for (at, link) in rule.links.iter().enumerate() {
            let mut own = Rests::default();
            let argument = link.test.as_ref().and_then(|test| test.argument.as_ref());
            let known = argument
                .filter(|argument| {
                    self.expands(argument, &mut own) && !own.all && !self.rests_on_captures(&own)
                })
                .map(|argument| expand(&self.run.state, argument));
            if sift::is_siftable(link, known.is_some(), &self.program.rules) {
                rests.numbers.append(&mut own.numbers);
                watch.links.push((at, known));
                watch.quiet |= at > 0;
            }
            if !self.observers.is_quiet(link) {
                break;
            }
        }
        if let [(0, None)] = watch.links.as_slice()
            && let Some((echo, mut more)) = self.echo(id, rule)
        {
            rests.numbers.append(&mut more.numbers);
            watch.echo = Some(Arc::new(echo));
            watch.quiet = true;
        }
        (!watch.links.is_empty()).then_some((rests, watch))
    }

    fn echo(&self, id: RuleId, rule: &Rule) -> Option<(Echo, Rests)> {
        let mut rests = Rests::default();
        let argument = rule.links.get(1)?.test.as_ref()?.argument.as_ref();
        if argument.is_some_and(|argument| !self.expands(argument, &mut rests))
            || rests.all
            || self.rests_on_captures(&rests)
        {
            return None;
        }
        let argument = argument.map(|argument| expand(&self.run.state, argument));
        let echo = self.observers.echo(id, rule, &self.program.rules, &self.program.names, argument)?;
        Some((echo, rests))
    }

    /// What the test of a link rests on; false if on anything but `TX`.
    fn rests(&self, link: &Link, rests: &mut Rests) -> bool {
        for target in &link.targets {
            match (target.variable, &target.selector) {
                (Variable::Tx, Some(Selector::Name(name))) => self.number(name, rests),
                (Variable::Tx, Some(Selector::Regex(_))) if target.numbers.is_some() => {
                    rests.numbers.extend(target.numbers.iter().flat_map(|numbers| numbers.iter()));
                    rests.others = true;
                }
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
        let did = self.run.evaluate(id, rule, None);
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
