//! What the compiler made of rules, for `rules explain` and `rules stats`: a view of a [`Program`] that nothing at run time needs.
//!
//! Only its module `sieve` knows how a sieve looks inside.

mod sieve;
mod specimens;
mod statistics;

pub use specimens::{Make, Specimen};
pub use statistics::{Courses, Memory, SieveStatistics, Statistics};

use portcullis_seclang::vocabulary::Variable;

use crate::ir::{Course, Exclusion, Link, Place, Program, Rule, RuleId, Selector};

/// How a rule was compiled.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// `id`
    pub id: u64,
    /// 1 to 5
    pub phase: u8,
    /// Where the head was written.
    pub place: Place,
    /// `msg` as written.
    pub message: String,
    /// How the engine meets it: `ahead` (decided when rules were compiled), `asleep` (evaluated when something wakes it), `run` (always
    /// evaluated); absent when the set-up leaves the rule out.
    pub course: Option<&'static str>,
    /// Whether it matches in every request, unless the request changes what it rests on.
    pub expected: bool,
    /// Variables of `TX` that wake it when a request changes them; `TX:*` for all of them.
    pub rests_on: Vec<String>,
    /// The sieves that know it, and what must occur in a value for them to wake it.
    pub sifted: Vec<Sifted>,
    /// Head first.
    pub links: Vec<ExplainedLink>,
}

/// One `SecRule` or `SecAction` of a rule.
#[derive(Clone, Debug)]
pub struct ExplainedLink {
    /// `@rx`, `!@pm`; absent in `SecAction`.
    pub operator: Option<String>,
    /// The argument is expanded anew for every value.
    pub has_macros: bool,
    /// The pattern of the operator can look around or refer back, so that it may have to backtrack.
    pub backtracks: bool,
    /// Bytes that the operator keeps in memory: phrases, and automata as far as a value made it build them.
    pub bytes: usize,
    /// Units of work that a byte of a value costs, transformations included.
    pub units_per_byte: u32,
    /// Phrases it looks for, if it looks for phrases.
    pub phrases: Option<usize>,
    /// Targets as written, exclusions behind them with a `!`.
    pub targets: Vec<String>,
    /// In order, everything before the last `t:none` dropped.
    pub transformations: Vec<&'static str>,
    /// `multiMatch`
    pub multi_match: bool,
    /// `capture`
    pub capture: bool,
    /// `setvar`s
    pub set_vars: usize,
}

/// What a sieve knows of a rule.
#[derive(Clone, Debug)]
pub struct Sifted {
    /// `request` or `response`
    pub sieve: &'static str,
    /// Which of its meshes: values that nearly the same rules look at share one.
    pub mesh: usize,
    /// Number of the link within it.
    pub bit: usize,
    /// Link of the chain, 0 is the head.
    pub link: usize,
    /// Shortest value that can match, in bytes, transformations done.
    pub shortest: usize,
    /// Pairs of neighbouring bytes of which one must occur, for each clause: `[u][n]`, `[s][e]`; `^` before the first and `$` behind the
    /// last byte of a value. A clause without pairs says nothing: every value passes.
    pub clauses: Vec<Clause>,
    /// Phrases of which one must occur, all of them looked for in one pass for all rules.
    pub phrases: usize,
    /// None of them must occur.
    pub lacks_phrases: bool,
    /// Texts of an expression of which one must occur, looked for in the same pass; ASCII case does not matter. Escaped.
    pub literals: Vec<String>,
    /// What is asked of a value that passes.
    pub confirmed_by: Confirmation,
    /// Chains of transformations at whose end the value is tested.
    pub chains: Vec<String>,
}

/// Pairs of which one must occur.
#[derive(Clone, Debug)]
pub struct Clause {
    /// How many pairs of byte classes there are.
    pub pairs: usize,
    /// The pairs, those with the same second part taken together.
    pub shown: Vec<String>,
}

/// What decides on a value that passed the sieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The pass that looks for the phrases of all rules.
    Phrases,
    /// An automaton that was built ahead, of so many bytes.
    Automaton(usize),
    /// An automaton of so many bytes that says how a match begins, then the operator.
    Beginning(usize),
    /// Whether what the head would write satisfies the link behind it.
    Echo,
    /// The operator itself.
    Operator,
}

impl Program {
    /// How the rule with this `id` was compiled.
    #[must_use]
    pub fn explain(&self, id: u64) -> Option<Explanation> {
        let position = self.rules.iter().position(|rule| rule.id == id)?;
        let rule = self.rules.get(position)?;
        let at = RuleId::new(position);
        let mut explanation = Explanation {
            id,
            phase: rule.phase,
            place: rule.place.clone(),
            message: rule.meta.message.to_string(),
            course: None,
            expected: false,
            rests_on: Vec::new(),
            sifted: Vec::new(),
            links: rule.links.iter().map(explained).collect(),
        };
        if let Some(plan) = &self.plan {
            self.explain_plan(at, rule, &mut explanation);
            for (name, sieve) in [("request", &plan.request), ("response", &plan.response)] {
                explanation.sifted.extend(sieve.explained(name, at, rule));
            }
        }
        Some(explanation)
    }

    fn explain_plan(&self, at: RuleId, rule: &Rule, explanation: &mut Explanation) {
        let phases = self.plan.as_ref().map(|plan| &plan.phases);
        let Some(phase) = phases.and_then(|phases| phases.get(usize::from(rule.phase).wrapping_sub(1)))
        else {
            return;
        };
        let Some(number) = phase.steps.iter().position(|step| step.rule == at) else { return };
        let Some(step) = phase.steps.get(number) else { return };
        explanation.course = Some(course(&step.course));
        explanation.expected = step.expected;
        for (name, dependents) in self.names.iter().map(|(name, ())| name).zip(&phase.dependents) {
            if dependents.iter().any(|step| usize::from(*step) == number) {
                explanation.rests_on.push(format!("TX:{}", name.escape_ascii()));
            }
        }
        if phase.readers.iter().any(|step| usize::from(*step) == number) {
            explanation.rests_on.push("TX:*".to_owned());
        }
    }
}

/// The word for a course.
pub(crate) fn course(course: &Course) -> &'static str {
    match course {
        Course::Ahead(_) => "ahead",
        Course::Asleep => "asleep",
        Course::Run => "run",
    }
}

fn explained(link: &Link) -> ExplainedLink {
    let operate = link.test.as_ref().map(|test| &*test.operate);
    let sign = |test: &crate::ir::Test| if test.negated { "!@" } else { "@" };
    let targets = link.targets.iter().map(|target| match &target.selector {
        Some(Selector::Regex(_)) => format!("{}:/../", target.variable.name()),
        _ => target.label.to_string(),
    });
    ExplainedLink {
        operator: link.test.as_ref().map(|test| format!("{}{}", sign(test), test.operator)),
        has_macros: link.test.as_ref().is_some_and(|test| test.argument.is_some()),
        backtracks: operate.is_some_and(|operate| operate.backtracking_pattern().is_some()),
        bytes: operate.map_or(0, |operate| operate.memory()),
        units_per_byte: operate.map_or(0, |operate| operate.weight())
            + u32::try_from(link.transformations.len()).unwrap_or(u32::MAX),
        phrases: operate.and_then(|operate| operate.phrases()).map(<[_]>::len),
        targets: targets.chain(link.exclusions.iter().map(excluded)).collect(),
        transformations: link.transformations.iter().map(|transformation| transformation.name).collect(),
        multi_match: link.multi_match,
        capture: link.capture,
        set_vars: link.set_vars.len(),
    }
}

fn excluded(exclusion: &Exclusion) -> String {
    let variable: Variable = exclusion.variable;
    match &exclusion.selector {
        None => format!("!{}", variable.name()),
        Some(Selector::Name(name)) => format!("!{}:{}", variable.name(), name.escape_ascii()),
        Some(Selector::Regex(_)) => format!("!{}:/../", variable.name()),
    }
}

#[cfg(test)]
mod tests;
