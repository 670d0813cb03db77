//! Operators: what stands after `@` in a rule. One file each, one line each in [`TABLE`].
//!
//! An operator is built once, when rules are compiled, and asked for every value a rule inspects. Negation (`!@op`) is the caller's.
//! Semantics are ModSecurity v3's; where a file differs it says so. Invariant: no operator fails, blocks or grows without a bound.

mod begins_with;
mod contains;
mod contains_word;
mod detect_sqli;
mod detect_xss;
mod ends_with;
mod eq;
mod ge;
mod geo_lookup;
mod gt;
mod identity_number;
mod inert;
mod ip_match;
mod ip_match_from_file;
mod le;
mod lt;
mod no_match;
mod number;
mod pm;
mod pm_from_file;
mod rbl;
mod restpath;
mod rx;
mod rx_global;
mod streq;
mod strmatch;
mod table;
mod unconditional_match;
mod validate_byte_range;
mod validate_url_encoding;
mod validate_utf8_encoding;
mod verify_cc;
mod verify_cpf;
mod verify_ssn;
mod verify_svnr;
mod within;
mod written;

pub use table::{Line, Status, TABLE, line};

use std::{ops::Range, sync::Arc};

use portcullis_diag::Code;
use portcullis_seclang::{Loader, vocabulary::Operator};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir};

use crate::{
    geo::GeoDatabase,
    pattern::{Groups, MAX_STEPS, PatternError},
};
use written::Written;

/// `@geoLookup` loads and never matches: there is no database.
pub const NO_GEO_DATABASE: Code = Code("W0350");
/// `@rbl` loads and never matches.
pub const NO_DNS_LOOKUPS: Code = Code("W0351");
/// Macros in the argument of an operator that does not expand them.
pub const MACROS_STAY_TEXT: Code = Code("W0352");
/// A pattern that needs the backtracking engine.
pub const PATTERN_BACKTRACKS: Code = Code("W0353");

/// What an operator found. Empty when an evaluation begins, written by an operator that matches.
#[derive(Debug, Default)]
pub struct Found {
    /// Where in the input, in bytes.
    pub offset: usize,
    /// How many bytes of the input.
    pub length: usize,
    /// `TX.0`, `TX.1`, ..; `None` is a group that took no part.
    pub captures: Vec<Option<Capture>>,
    /// `GEO`: what `@geoLookup` found.
    pub geo: Vec<(&'static str, String)>,
    /// Why nothing could be decided, if so. That counts as a match, negated operator or not (fail closed), but in a rule whose match
    /// would let something through.
    pub undecided: Option<Undecided>,
}

/// A captured text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Where it stands in the input.
    Part(Range<usize>),
    /// A text that the operator made.
    Text(Box<[u8]>),
}

impl Capture {
    /// The text; `input` is what the operator looked at.
    #[must_use]
    pub fn of<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Part(range) => input.get(range.clone()).unwrap_or_default(),
            Self::Text(text) => text,
        }
    }
}

impl Found {
    /// Makes it as new, for the next evaluation.
    pub fn clear(&mut self) {
        self.offset = 0;
        self.length = 0;
        self.captures.clear();
        self.geo.clear();
        self.undecided = None;
    }

    fn at(&mut self, range: &Range<usize>) {
        self.offset = range.start;
        self.length = range.len();
    }

    fn all(&mut self, input: &[u8]) {
        self.at(&(0..input.len()));
    }

    fn capture(&mut self, range: &Range<usize>) {
        self.captures.push(Some(Capture::Part(range.clone())));
    }

    fn groups(&mut self, groups: Groups) {
        self.captures.extend(groups.into_iter().map(|group| group.map(Capture::Part)));
    }

    /// Fails closed: the evaluation is a match of everything.
    fn limit_exceeded(&mut self, input: &[u8]) -> bool {
        self.all(input);
        self.undecided = Some(Undecided::LimitExceeded);
        true
    }
}

/// Why an operator could not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// A backtracking pattern ran out of steps: `MSC_PCRE_LIMITS_EXCEEDED`. v3 evaluates it as no match, and leaves it to a rule over
    /// `TX:MSC_PCRE_LIMITS_EXCEEDED` to refuse the request.
    LimitExceeded,
    /// Macros made a pattern that does not compile or is too large: `MSC_PCRE_ERROR`. v3 evaluates it as no match: whoever fills the
    /// macro would decide whether the rule works.
    InvalidPattern,
}

/// A built operator.
pub trait Operate: std::fmt::Debug + Send + Sync {
    /// Whether `input` matches. `argument` is the expanded argument when the written one holds macros, else `None`: the operator was
    /// built from it. Without `wants_captures` captures may be left empty. `found` must be as new.
    fn evaluate(
        &self,
        input: &[u8],
        argument: Option<&[u8]>,
        wants_captures: bool,
        found: &mut Found,
    ) -> bool;

    /// Whether `input` matches, where that can be told sooner than where it does. Only of an operator without an argument that is expanded.
    fn matches(&self, _input: &[u8]) -> Option<bool> {
        None
    }

    /// The phrases of an operator that matches just the values in which one of them occurs, ASCII case ignored.
    fn phrases(&self) -> Option<&[Box<[u8]>]> {
        None
    }

    /// What must be found in a value for it to match, as far as that is known. Without an argument that is expanded.
    fn superset(&self) -> Option<Superset> {
        None
    }

    /// Whether it does more than to decide: a match leaves something behind that other rules can see.
    fn acts(&self) -> bool {
        false
    }

    /// Units of work that one byte of a value costs it.
    fn weight(&self) -> u32 {
        1
    }

    /// Bytes of its phrases and of the automata that it has built, as far as they are worth counting.
    fn memory(&self) -> usize {
        0
    }

    /// The pattern of an operator that may have to backtrack, for `rules check`.
    fn backtracking_pattern(&self) -> Option<&[u8]> {
        None
    }
}

/// An expression that is found in every value an operator matches.
#[derive(Clone, Debug)]
pub struct Superset {
    pub(crate) hir: Hir,
    /// Whether it is found in no other value.
    pub(crate) exact: bool,
}

impl Superset {
    fn exact(hir: Hir) -> Option<Self> {
        Some(Self { hir, exact: true })
    }

    /// Values that hold one of the phrases, ASCII case ignored.
    pub(crate) fn phrases<'a>(phrases: impl Iterator<Item = &'a [u8]>) -> Hir {
        let either_case = |byte: &u8| {
            let both = [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
            Hir::class(Class::Bytes(ClassBytes::new(both.map(|byte| ClassBytesRange::new(byte, byte)))))
        };
        Hir::alternation(
            phrases.map(|phrase| Hir::concat(phrase.iter().map(either_case).collect())).collect(),
        )
    }

    /// Values that hold one of the bytes.
    fn byte(bytes: impl Iterator<Item = u8>, exact: bool) -> Option<Self> {
        let ranges = bytes.map(|byte| ClassBytesRange::new(byte, byte));
        Some(Self { hir: Hir::class(Class::Bytes(ClassBytes::new(ranges))), exact })
    }
}

/// What operators may need while rules are compiled.
pub struct Resources<'a> {
    /// Reads data files.
    pub loader: &'a dyn Loader,
    /// Name of the rule file: data files are relative to it.
    pub file: &'a str,
    /// `^` and `$` match at line ends too, as in ModSecurity v3 and Coraza; without it only at the ends of the input, as in v2.
    pub multiline: bool,
    /// What `SecGeoLookupDb` named.
    pub geo: Option<&'a Arc<GeoDatabase>>,
}

/// Why an operator cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence without a full stop.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
}

impl Refusal {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

impl From<PatternError> for Refusal {
    fn from(error: PatternError) -> Self {
        Self {
            message: format!("{} (at byte {} of the pattern)", error.message, error.offset),
            help: error.help,
        }
    }
}

/// Something that loads but will surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Registered number.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
}

/// An operator ready to run.
#[derive(Debug)]
pub struct Built {
    /// The operator.
    pub operate: Box<dyn Operate>,
    /// What its author should know.
    pub warning: Option<Warning>,
}

/// Builds the operator `name` from its argument as written. With `has_macros` the argument is passed to each evaluation, expanded.
///
/// # Errors
/// An operator that is not implemented, or an argument that it cannot be built from.
pub fn build(
    name: Operator,
    argument: &[u8],
    has_macros: bool,
    resources: &Resources<'_>,
) -> Result<Built, Refusal> {
    let line = line(name);
    if let (Operator::GeoLookup, Some(database)) = (name, resources.geo) {
        return Ok(Built { operate: geo_lookup::build(Arc::clone(database)), warning: None });
    }
    match line.status {
        Status::Implemented(build) => {
            let operate =
                (build.0)(&Written { text: argument, has_macros: has_macros && line.expands }, resources)?;
            let warning = warning(line, has_macros, &*operate);
            Ok(Built { operate, warning })
        }
        Status::NeverMatches { code, why, instead } => Ok(Built {
            operate: inert::build(),
            warning: Some(Warning {
                code,
                message: format!("@{} never matches: {why}", name.name()),
                help: Some(instead.to_owned()),
            }),
        }),
        Status::Refused { why, instead } => {
            Err(Refusal::new(format!("@{} is not supported: {why}", name.name()), instead))
        }
    }
}

fn warning(line: &Line, has_macros: bool, operate: &dyn Operate) -> Option<Warning> {
    let name = line.name.name();
    if has_macros && !line.expands {
        return Some(Warning {
            code: MACROS_STAY_TEXT,
            message: format!("@{name} does not expand macros, its argument is taken as written"),
            help: Some("use @rx, @within, @contains or @streq, which expand them".to_owned()),
        });
    }
    operate.backtracking_pattern().map(|_| Warning {
        code: PATTERN_BACKTRACKS,
        message: format!("the pattern of @{name} has to backtrack, at most {MAX_STEPS} steps for one value"),
        help: Some(
            "a value that needs more counts as a match; without look-around, back references and possessive repeats a pattern runs in linear time"
                .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests;
