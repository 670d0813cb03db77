//! Where problems are gathered: all of them, up to a bound.

use portcullis_diag::Diagnostic;

use crate::codes;

/// Errors after which a load stops. A file with more is not a rule file, and each one costs a search for a suggestion.
pub(crate) const MOST_ERRORS: usize = 100;

/// Warnings kept of a load; later ones are dropped.
const MOST_WARNINGS: usize = 100;

/// Diagnostics of one load, in reading order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    all: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Adds a problem, unless the report is full.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.is_error() {
            self.errors += 1;
            if self.errors > MOST_ERRORS {
                return;
            }
        } else {
            self.warnings += 1;
            if self.warnings > MOST_WARNINGS {
                return;
            }
        }
        self.all.push(diagnostic);
        if self.errors == MOST_ERRORS && self.all.last().is_some_and(Diagnostic::is_error) {
            self.all.push(Diagnostic::error(
                codes::TOO_MANY_PROBLEMS,
                format!("reading stopped after {MOST_ERRORS} errors"),
            ));
        }
    }

    /// Whether reading on would tell nothing new.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= MOST_ERRORS
    }

    /// Whether further warnings would be dropped.
    pub(crate) fn warnings_are_full(&self) -> bool {
        self.warnings >= MOST_WARNINGS
    }

    /// Whether an error was reported.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// What was reported.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.all
    }
}

/// A name as a message shows it: printable ASCII, at most 60 bytes.
pub(crate) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 60;
    let head = name.get(..LONGEST).unwrap_or(name);
    let text: String =
        head.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
    if head.len() < name.len() { format!("{text}...") } else { text }
}

/// "did you mean" for a name that was not found.
pub(crate) fn suggest<'a>(
    diagnostic: Diagnostic,
    name: &[u8],
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match portcullis_diag::closest(&shown(name), known) {
        Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
        None => diagnostic,
    }
}
