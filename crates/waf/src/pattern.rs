//! Regular expressions as ModSecurity means them: PCRE's dialect over bytes, on an engine that runs in linear time.
//!
//! A pattern is parsed here, not by the engine's own parser, because several PCRE spellings mean something else there without an
//! error (`\x{c2}`, `\v`, `\<`, `[a&&b]`). What needs look-around, back references or atomic groups goes to a backtracking engine
//! whose steps are bounded, behind a linear filter that lets through at least what the pattern matches.
//!
//! Where a round of a repeat can be empty, as in `(|a)*b`, the text found may be another than PCRE's; whether there is a match is the same.
//!
//! Most patterns of a rule set are never asked: the sieve tells sooner that they do not match. So automata are built when they are first
//! asked, and what could be refused then is built at once. That takes some milliseconds of the first request that asks for a large one after
//! a start or a reload, and of those that ask for the same one meanwhile.
//!
//! Invariants: bytes, never characters; a pattern is accepted with PCRE's meaning or refused; no search runs without a bound.

mod backtrack;
mod bracket;
mod escape;
mod linear;
mod parse;
mod tree;

use std::{fmt, ops::Range, sync::OnceLock};

use regex_automata::{
    Input,
    dfa::{Automaton, dense},
    meta,
    util::primitives::NonMaxUsize,
};

/// Longest pattern in bytes; the longest of CRS 4.28.0 has 12,126.
pub const MAX_SOURCE: usize = 65_536;
/// Largest compiled automaton of one pattern, in bytes.
pub const MAX_AUTOMATON: usize = 16 << 20;
/// Steps back that one search of a backtracking pattern may take. Each position of the input costs at least one.
pub const MAX_STEPS: usize = 1_000_000;

/// How a pattern is to be read. `.` matches newlines in either dialect, and letters are ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// `^` and `$` match at line ends too (ModSecurity v3, Coraza). Without it they match at the ends of the input alone, `$` not
    /// before a final newline either (v2's `DOLLAR_ENDONLY`): a `!@rx ^..$` rule cannot be passed by a second line then.
    pub multiline: bool,
    /// Upper and lower case letters are equal.
    pub ignore_case: bool,
}

/// A compiled pattern.
pub struct Pattern {
    source: Box<[u8]>,
    dialect: Dialect,
    engine: Engine,
}

enum Engine {
    /// `^.*$`: is found in every input, from its beginning to its end.
    Whole,
    Linear {
        /// Built when it is first asked, unless it had to be seen whether it keeps within its limit.
        regex: OnceLock<Option<meta::Regex>>,
        /// Says quickly whether it is found; for short patterns that stay. Built when it is first asked.
        quick: Option<OnceLock<Option<Box<Quick>>>>,
    },
    Backtracking {
        /// Matches wherever `exact` may, in linear time.
        superset: meta::Regex,
        exact: Box<fancy_regex::Regex>,
    },
}

/// A whole automaton of a short pattern.
type Quick = dense::DFA<Vec<u32>>;

/// A search took [`MAX_STEPS`] without a result: `MSC_PCRE_LIMITS_EXCEEDED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a backtracking pattern exceeded {MAX_STEPS} steps")]
pub struct StepsExceeded;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// One sentence without a full stop.
    pub message: String,
    /// Byte of the pattern at which it was found out.
    pub offset: usize,
    /// The remedy.
    pub help: Option<String>,
}

impl PatternError {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), offset, help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Byte ranges of a match: the whole of it, then each group that took part.
pub type Groups = Vec<Option<Range<usize>>>;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What PCRE would refuse, what neither engine can do (recursion, `\K`, `\G`, conditionals, verbs), and the limits [`MAX_SOURCE`]
    /// and [`MAX_AUTOMATON`].
    pub fn compile(source: &[u8], dialect: Dialect) -> Result<Self, PatternError> {
        let mut pattern = Self::compile_within(source, dialect, MAX_SOURCE, MAX_AUTOMATON)?;
        if let Engine::Linear { quick, .. } = &mut pattern.engine {
            *quick = (source.len() <= linear::LONGEST_QUICK).then(OnceLock::new);
        }
        Ok(pattern)
    }

    /// As [`Pattern::compile`] with limits of its own, in bytes: for patterns that come from macros while a request waits.
    ///
    /// # Errors
    /// As there.
    pub fn compile_within(
        source: &[u8],
        dialect: Dialect,
        longest: usize,
        largest: usize,
    ) -> Result<Self, PatternError> {
        if source.len() > longest {
            let message = format!("pattern of {} bytes, at most {longest} are allowed", source.len());
            return Err(PatternError::new(longest, message));
        }
        let node = parse::parse(source, dialect)?;
        let engine = if linear::is_whole(&node) {
            Engine::Whole
        } else if backtrack::needed(&node) {
            let superset = linear::build(&node, largest)?;
            Engine::Backtracking { superset, exact: Box::new(backtrack::build(&node, largest)?) }
        } else {
            let regex = if linear::at_most(&node) <= largest {
                OnceLock::new()
            } else {
                OnceLock::from(Some(linear::build(&node, largest)?))
            };
            Engine::Linear { regex, quick: None }
        };
        Ok(Self { source: source.into(), dialect, engine })
    }

    /// The pattern as written.
    #[must_use]
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    fn node(&self) -> Option<tree::Node> {
        parse::parse(&self.source, self.dialect).ok()
    }

    /// The automaton of a linear pattern. One that is not built yet takes at most [`MAX_AUTOMATON`]; were it otherwise, a search would fail
    /// closed.
    fn automaton<'a>(
        &self,
        built: &'a OnceLock<Option<meta::Regex>>,
    ) -> Result<&'a meta::Regex, StepsExceeded> {
        let build = || linear::build(&self.node()?, MAX_AUTOMATON).ok();
        built.get_or_init(build).as_ref().ok_or(StepsExceeded)
    }

    /// The pattern as an expression that is found in every input it matches; in no other unless it backtracks.
    pub(crate) fn superset(&self) -> Option<regex_syntax::hir::Hir> {
        self.node().map(|node| linear::lower(&node))
    }

    /// Whether searches may backtrack and so may end in [`StepsExceeded`].
    #[must_use]
    pub fn is_backtracking(&self) -> bool {
        matches!(self.engine, Engine::Backtracking { .. })
    }

    /// Bytes of its automata as far as they are built, caches that searches fill not counted.
    pub(crate) fn memory(&self) -> usize {
        let automata = match &self.engine {
            Engine::Whole => 0,
            Engine::Linear { regex, quick } => {
                let regex = regex.get().and_then(Option::as_ref).map_or(0, meta::Regex::memory_usage);
                let quick = quick.as_ref().and_then(|quick| quick.get()?.as_ref());
                regex + quick.map_or(0, |quick| quick.memory_usage())
            }
            Engine::Backtracking { superset, .. } => superset.memory_usage(),
        };
        self.source.len() + automata
    }

    /// Whether it matches anywhere.
    ///
    /// # Errors
    /// Only a backtracking pattern that used up its steps.
    pub fn is_match(&self, input: &[u8]) -> Result<bool, StepsExceeded> {
        match (self.is_match_quick(input), &self.engine) {
            (Some(is_match), _) => Ok(is_match),
            (None, Engine::Linear { regex, .. }) => Ok(self.automaton(regex)?.is_match(input)),
            (None, _) => Ok(self.find_at(input, 0)?.is_some()),
        }
    }

    /// The same for a pattern that can be told at little cost; nothing for any other.
    #[must_use]
    pub fn is_match_quick(&self, input: &[u8]) -> Option<bool> {
        match &self.engine {
            Engine::Whole => Some(true),
            Engine::Linear { quick: Some(quick), .. } => {
                let quick = quick.get_or_init(|| linear::quick(&self.node()?).map(Box::new)).as_ref()?;
                quick.try_search_fwd(&Input::new(input).earliest(true)).ok().map(|found| found.is_some())
            }
            Engine::Linear { .. } | Engine::Backtracking { .. } => None,
        }
    }

    /// The leftmost match at or after `start`, in bytes of `input`. Anchors and word boundaries see all of `input`.
    ///
    /// # Errors
    /// Only a backtracking pattern that used up its steps.
    pub fn find_at(&self, input: &[u8], start: usize) -> Result<Option<Range<usize>>, StepsExceeded> {
        if start > input.len() {
            return Ok(None);
        }
        match &self.engine {
            Engine::Whole => Ok((start == 0).then_some(0..input.len())),
            Engine::Linear { regex, .. } => {
                let found = self.automaton(regex)?.find(Input::new(input).range(start..));
                Ok(found.map(|found| found.range()))
            }
            Engine::Backtracking { superset, exact } => {
                let Some(candidate) = superset.find(Input::new(input).range(start..)) else {
                    return Ok(None);
                };
                let found = exact.find_from_pos(input, candidate.start()).map_err(|_| StepsExceeded)?;
                Ok(found.map(|found| found.start()..found.end()))
            }
        }
    }

    /// As [`Pattern::find_at`], with the groups.
    ///
    /// # Errors
    /// Only a backtracking pattern that used up its steps.
    pub fn groups_at(&self, input: &[u8], start: usize) -> Result<Option<Groups>, StepsExceeded> {
        if start > input.len() {
            return Ok(None);
        }
        match &self.engine {
            Engine::Whole => Ok((start == 0).then(|| vec![Some(0..input.len())])),
            Engine::Linear { regex, .. } => {
                Ok(linear_groups(self.automaton(regex)?, &Input::new(input).range(start..)))
            }
            Engine::Backtracking { superset, exact } => {
                let Some(candidate) = superset.find(Input::new(input).range(start..)) else {
                    return Ok(None);
                };
                let found = exact.captures_from_pos(input, candidate.start()).map_err(|_| StepsExceeded)?;
                Ok(found.map(|captures| {
                    captures.iter().map(|group| group.map(|group| group.start()..group.end())).collect()
                }))
            }
        }
    }
}

fn linear_groups(regex: &meta::Regex, input: &Input<'_>) -> Option<Groups> {
    let mut few = [None; 2 * FEW];
    let mut many;
    let slots = match few.get_mut(..2 * regex.captures_len()) {
        Some(slots) => slots,
        None => {
            many = vec![None; 2 * regex.captures_len()];
            &mut many
        }
    };
    regex.search_slots(input, slots)?;
    let at = |slot: Option<NonMaxUsize>| slot.map(NonMaxUsize::get);
    let (pairs, _) = slots.as_chunks::<2>();
    Some(pairs.iter().map(|[from, to]| Some(at(*from)?..at(*to)?)).collect())
}

/// Groups for which there is room without an allocation.
const FEW: usize = 16;

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_backtracking() { "backtracking" } else { "linear" };
        write!(formatter, "Pattern({kind} {})", self.source.escape_ascii())
    }
}

#[cfg(test)]
mod tests;
