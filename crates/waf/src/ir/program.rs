//! A compiled rule tree.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable;

use super::{Control, Course, Effect, MarkerId, Names, Plan, Rule, RuleId, Settings};

/// The compiled rules. Immutable, shared by all workers.
#[derive(Debug, Default)]
pub struct Program {
    pub(crate) facts: ProgramFacts,
    pub(crate) settings: Settings,
    pub(crate) rules: Vec<Rule>,
    /// Phases 1 to 5.
    pub(crate) phases: [Vec<Step>; 5],
    /// Variables of `TX` that rules name.
    pub(crate) names: Names,
    /// Absent when the plain evaluator runs the rules.
    pub(crate) plan: Option<Arc<Plan>>,
}

/// What a program is made of, for the `ready` line and `rules check`.
#[derive(Clone, Debug, Default)]
pub struct ProgramFacts {
    /// `SecRule` and `SecAction` heads.
    pub rules: usize,
    /// Chain links below them.
    pub links: usize,
    /// Values of `SecComponentSignature`, such as `OWASP_CRS/4.28.0`.
    pub signatures: Vec<String>,
}

/// What evaluation of a phase meets, in the order of the rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A rule of this phase.
    Rule(RuleId),
    /// A marker; every phase meets it.
    Marker(MarkerId),
}

impl Program {
    /// What it is made of.
    #[must_use]
    pub fn facts(&self) -> &ProgramFacts {
        &self.facts
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All rules in the order of the rule files.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// A rule of this program.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.position())
    }

    /// Whether a rule of phase 2 looks at `REQBODY_ERROR` or `REQBODY_PROCESSOR_ERROR`. Without one, a body that its processor cannot read
    /// passes, with none of its arguments seen. Nothing is missing where bodies are not read at all.
    #[must_use]
    pub fn minds_unreadable_bodies(&self) -> bool {
        let switched_on =
            |effect: &Effect| matches!(effect, Effect::Control(Control::RequestBodyAccess(true)));
        let links =
            || self.rules.iter().flat_map(|rule| rule.links.iter().map(move |link| (rule.phase, link)));
        let read = self.settings.request_body_access
            || links().any(|(_, link)| link.effects.iter().any(switched_on));
        let asked =
            |variable: Variable| matches!(variable, Variable::ReqbodyError | Variable::ReqbodyProcessorError);
        !read
            || links()
                .any(|(phase, link)| phase == 2 && link.targets.iter().any(|target| asked(target.variable)))
    }

    /// How the compiled engine meets its rules, for `rules stats`: phase, id and course of each; none where the plain one runs them.
    ///
    /// A course is `ahead` (decided when rules were compiled), `asleep` (evaluated when a value or a variable wakes it) or `run` (always
    /// evaluated). Rules that the set-up leaves out are not there.
    pub fn courses(&self) -> impl Iterator<Item = (u8, u64, &'static str)> {
        let phases = self.plan.iter().flat_map(|plan| (1..).zip(&plan.phases));
        phases.flat_map(move |(phase, plan)| {
            plan.steps.iter().filter_map(move |step| {
                let course = match step.course {
                    Course::Ahead(_) => "ahead",
                    Course::Asleep => "asleep",
                    Course::Run => "run",
                };
                Some((phase, self.rule(step.rule)?.id, course))
            })
        })
    }

    /// The steps of a phase, 1 to 5.
    #[must_use]
    pub fn phase(&self, phase: u8) -> &[Step] {
        self.phases.get(usize::from(phase).wrapping_sub(1)).map_or(&[], Vec::as_slice)
    }
}

/// A set of rules of one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    words: Vec<u64>,
}

impl RuleSet {
    /// Adds a rule.
    pub fn insert(&mut self, id: RuleId) {
        let word = id.position() / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= 1 << (id.position() % 64);
        }
    }

    /// Adds all rules of another set.
    pub fn extend(&mut self, other: &RuleSet) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// Whether a rule is in it.
    #[must_use]
    pub fn contains(&self, id: RuleId) -> bool {
        self.words.get(id.position() / 64).is_some_and(|bits| bits >> (id.position() % 64) & 1 == 1)
    }

    /// Whether a rule is in both.
    #[must_use]
    pub fn meets(&self, other: &RuleSet) -> bool {
        self.words.iter().zip(&other.words).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// All rules in it.
    pub fn iter(&self) -> impl Iterator<Item = RuleId> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| RuleId::new(at * 64 + bit))
        })
    }

    /// Whether no rule is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|bits| *bits == 0)
    }
}
