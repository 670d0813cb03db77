//! A program as a whole, in numbers.

use super::{course, sieve::Sizes};
use crate::ir::{Program, ProgramFacts};

/// What a program is made of and what it takes.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// Rules, links, signatures.
    pub facts: ProgramFacts,
    /// By phase, 1 to 5.
    pub phases: [Courses; 5],
    /// Variables of `TX` with a number.
    pub variables: usize,
    /// The meshes of the sieves of request and response; none where the plain evaluator runs the rules.
    pub sieves: Vec<SieveStatistics>,
    /// Patterns in linear time, and those that may have to backtrack.
    pub linear_patterns: usize,
    /// See there.
    pub backtracking_patterns: usize,
    /// Bytes.
    pub memory: Memory,
}

/// How the rules of a phase are met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Courses {
    /// All of them.
    pub rules: usize,
    /// Decided when rules were compiled.
    pub ahead: usize,
    /// Evaluated when something wakes them.
    pub asleep: usize,
    /// Always evaluated.
    pub run: usize,
    /// Not met, as the set-up leaves them out.
    pub left_out: usize,
}

/// A mesh of a sieve in numbers.
#[derive(Clone, Copy, Debug)]
pub struct SieveStatistics {
    /// `request` or `response`
    pub name: &'static str,
    /// Which mesh of it.
    pub mesh: usize,
    /// Links of rules in it, and how many it has room for.
    pub rules: usize,
    /// See there.
    pub width: usize,
    /// Collections whose values go through it.
    pub sources: usize,
    /// Distinct results of transformations, the value as it came included.
    pub nodes: usize,
    /// Automata that were built ahead.
    pub automata: usize,
}

/// What takes memory, in bytes; small things are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Tables of the sieves.
    pub tables: usize,
    /// Automata that were built ahead.
    pub automata: usize,
    /// Phrases of the sieves.
    pub phrases: usize,
    /// Patterns and phrases of operators, and their automata as far as they are built: by the first value that needs them.
    pub operators: usize,
}

impl Memory {
    fn add(&mut self, sizes: &Sizes) {
        self.tables += sizes.table_bytes;
        self.automata += sizes.automata_bytes;
        self.phrases += sizes.phrase_bytes;
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.tables + self.automata + self.phrases + self.operators
    }
}

impl Program {
    /// What it is made of, in numbers.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let operators =
            || self.rules.iter().flat_map(|rule| &rule.links).filter_map(|link| link.test.as_ref());
        let patterns = || operators().filter(|test| matches!(test.operator, "rx" | "rxGlobal"));
        let backtracking = patterns().filter(|test| test.operate.backtracking_pattern().is_some()).count();
        let mut memory =
            Memory { operators: operators().map(|test| test.operate.memory()).sum(), ..Memory::default() };
        let (mut sieves, mut automata_counted) = (Vec::new(), Vec::new());
        if let Some(plan) = &self.plan {
            for (name, sieve) in [("request", &plan.request), ("response", &plan.response)] {
                for (mesh, sizes) in sieve.sizes(&mut automata_counted).into_iter().enumerate() {
                    memory.add(&sizes);
                    let Sizes { rules, width, sources, nodes, automata, .. } = sizes;
                    sieves.push(SieveStatistics { name, mesh, rules, width, sources, nodes, automata });
                }
            }
        }
        Statistics {
            facts: self.facts.clone(),
            phases: std::array::from_fn(|at| self.phase_courses(at)),
            variables: self.names.len(),
            sieves,
            linear_patterns: patterns().count() - backtracking,
            backtracking_patterns: backtracking,
            memory,
        }
    }

    fn phase_courses(&self, at: usize) -> Courses {
        let rules = self.rules.iter().filter(|rule| usize::from(rule.phase) == at + 1).count();
        let mut courses = Courses { rules, ..Courses::default() };
        let Some(phase) = self.plan.as_ref().and_then(|plan| plan.phases.get(at)) else {
            courses.run = rules;
            return courses;
        };
        for step in &phase.steps {
            match course(&step.course) {
                "ahead" => courses.ahead += 1,
                "asleep" => courses.asleep += 1,
                _ => courses.run += 1,
            }
        }
        courses.left_out = rules.saturating_sub(phase.steps.len());
        courses
    }
}
