//! `@rx`
//!
//! Matches when the regular expression is found anywhere in the value. `TX.0` is the match, `TX.1` and on are its groups.
//!
//! Differences: `^` and `$` are the ends of the value, as in v2; v3 and Coraza let them match at line ends too, which an option brings
//! back. Searches take linear time; the few patterns that have to backtrack have a step limit, and reaching it counts as a match. Macros
//! go into the pattern as raw text, as in v3, and what they make is compiled when it is new.
//!
//! Example: `SecRule ARGS "@rx (?i)union\s+select" "id:1,capture,deny"`

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Found, Operate, Refusal, Resources, Superset, Undecided, written::Written};
use crate::pattern::{Dialect, Pattern};

/// Expanded patterns that are kept compiled, per rule.
const KEPT: usize = 16;
/// Longest expanded pattern in bytes: a request may have put part of it there.
const LONGEST: usize = 4_096;
/// Largest automaton of an expanded pattern in bytes.
const LARGEST: usize = 1 << 20;

/// What is done with a pattern and a value.
pub(super) type Search = fn(&Pattern, &[u8], bool, &mut Found) -> bool;

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    build_with(written, resources, once)
}

pub(super) fn build_with(
    written: &Written<'_>,
    resources: &Resources<'_>,
    search: Search,
) -> Result<Box<dyn Operate>, Refusal> {
    let dialect = Dialect { multiline: resources.multiline, ignore_case: false };
    if written.has_macros {
        let compiled = Mutex::new(VecDeque::new());
        return Ok(Box::new(Expanded { written: written.text.into(), dialect, search, compiled }));
    }
    Ok(Box::new(Fixed { pattern: Pattern::compile(written.text, dialect)?, search }))
}

fn once(pattern: &Pattern, input: &[u8], wants_captures: bool, found: &mut Found) -> bool {
    if !wants_captures {
        return match pattern.find_at(input, 0) {
            Ok(hit) => hit.inspect(|hit| found.at(hit)).is_some(),
            Err(_) => found.limit_exceeded(input),
        };
    }
    match pattern.groups_at(input, 0) {
        Ok(Some(groups)) => {
            if let Some(Some(whole)) = groups.first() {
                found.at(whole);
            }
            found.groups(groups);
            true
        }
        Ok(None) => false,
        Err(_) => found.limit_exceeded(input),
    }
}

/// A pattern in linear time may build its automaton as it goes; one that backtracks may take many steps for a byte.
fn weight(pattern: &Pattern) -> u32 {
    if pattern.is_backtracking() { 64 } else { 2 }
}

#[derive(Debug)]
struct Fixed {
    pattern: Pattern,
    search: Search,
}

impl Operate for Fixed {
    fn superset(&self) -> Option<Superset> {
        let exact = !self.pattern.is_backtracking();
        self.pattern.superset().map(|hir| Superset { hir, exact })
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, wants_captures: bool, found: &mut Found) -> bool {
        (self.search)(&self.pattern, input, wants_captures, found)
    }

    fn matches(&self, input: &[u8]) -> Option<bool> {
        if self.pattern.is_backtracking() { None } else { self.pattern.is_match(input).ok() }
    }

    fn weight(&self) -> u32 {
        weight(&self.pattern)
    }

    fn memory(&self) -> usize {
        self.pattern.memory()
    }

    fn backtracking_pattern(&self) -> Option<&[u8]> {
        self.pattern.is_backtracking().then(|| self.pattern.source())
    }
}

/// Texts and their patterns, the newest last. `None` did not compile.
type Kept = VecDeque<(Box<[u8]>, Option<Arc<Pattern>>)>;

#[derive(Debug)]
struct Expanded {
    written: Box<[u8]>,
    dialect: Dialect,
    search: Search,
    compiled: Mutex<Kept>,
}

impl Expanded {
    fn pattern(&self, text: &[u8]) -> Option<Arc<Pattern>> {
        let known = |kept: &Kept| {
            kept.iter().find(|(source, _)| **source == *text).map(|(_, pattern)| pattern.clone())
        };
        if let Some(pattern) = known(&self.compiled.lock().unwrap_or_else(PoisonError::into_inner)) {
            return pattern;
        }
        if text.len() > LONGEST {
            return None;
        }
        // Compiled outside the lock: other requests go on with patterns they know.
        let pattern = Pattern::compile_within(text, self.dialect, LONGEST, LARGEST).ok().map(Arc::new);
        let mut kept = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if known(&kept).is_none() {
            if kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back((text.into(), pattern.clone()));
        }
        pattern
    }
}

impl Operate for Expanded {
    fn weight(&self) -> u32 {
        64
    }

    fn evaluate(
        &self,
        input: &[u8],
        argument: Option<&[u8]>,
        wants_captures: bool,
        found: &mut Found,
    ) -> bool {
        match self.pattern(argument.unwrap_or(&self.written)) {
            Some(pattern) => (self.search)(&pattern, input, wants_captures, found),
            None => {
                found.undecided = Some(Undecided::InvalidPattern);
                false
            }
        }
    }
}
