//! Operators: what stands after `@` in a rule. One file each, one line each in [`TABLE`].
//!
//! An operator is built once, when rules are compiled, and asked for every value a rule inspects. Negation (`!@op`) is the caller's.

use portcullis_diag::Code;
use portcullis_seclang::{Loader, vocabulary::Operator};

/// What an operator found. Written only by an operator that matched; then all of it is written.
#[derive(Debug, Default)]
pub struct Found {
    /// Where in the input, in bytes.
    pub offset: usize,
    /// How many bytes of the input.
    pub length: usize,
    /// `TX.0`, `TX.1`, ..; `None` is a group that took no part.
    pub captures: Vec<Option<Vec<u8>>>,
    /// Why nothing could be decided, if so. [`Undecided::LimitExceeded`] counts as a match, negated operator or not (fail closed).
    pub undecided: Option<Undecided>,
}

/// Why an operator could not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// A backtracking pattern ran out of steps: `MSC_PCRE_LIMITS_EXCEEDED`. Evaluated as a match.
    LimitExceeded,
    /// Macros made a pattern that does not compile: `MSC_PCRE_ERROR`. Evaluated as no match, as in ModSecurity v3.
    InvalidPattern,
}

/// A built operator.
pub trait Operate: std::fmt::Debug + Send + Sync {
    /// Whether `input` matches. `argument` is the expanded argument when the written one holds macros, else `None`: the operator was
    /// built from it. Without `wants_captures` captures may be left empty.
    fn evaluate(
        &self,
        input: &[u8],
        argument: Option<&[u8]>,
        wants_captures: bool,
        found: &mut Found,
    ) -> bool;

    /// The pattern of an operator that may have to backtrack, for `rules check`.
    fn backtracking_pattern(&self) -> Option<&[u8]> {
        None
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
}

/// Why an operator cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence without a full stop.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
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
    let _ = (argument, has_macros, resources);
    Err(Refusal { message: format!("@{} is not implemented", name.name()), help: None })
}
