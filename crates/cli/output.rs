//! How commands speak: exit codes, drawn diagnostics, JSON.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use portcullis_diag::{Diagnostic, Sources, render, to_json};
use serde_json::{Value, json};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Good,
    /// The command worked; what it looked at is not in order.
    Findings,
    /// The command was called wrongly.
    Usage,
    /// The command could not do its work: `EX_SOFTWARE` of sysexits.h.
    Internal,
    /// The configuration, or a file it names, is not good: `EX_CONFIG`.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Internal => 70,
            Exit::Config => 78,
        })
    }
}

/// One line on standard error.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "portcullis: {message}");
}

/// One line on standard output. A reader that has gone away is no error of ours.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stdout().lock(), "{message}");
}

/// Diagnostics drawn on standard error, with a count below.
pub(crate) fn draw(sources: &Sources, diagnostics: &[Diagnostic]) {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&render(sources, diagnostic));
    }
    if !diagnostics.is_empty() {
        let (errors, warnings) = count(diagnostics);
        text.push_str(&format!("{}, {}\n", number(errors, "error"), number(warnings, "warning")));
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Diagnostics as JSON.
pub(crate) fn list(sources: &Sources, diagnostics: &[Diagnostic]) -> Value {
    json!(diagnostics.iter().map(|diagnostic| to_json(sources, diagnostic)).collect::<Vec<_>>())
}

/// Errors and the rest.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    (errors, diagnostics.len() - errors)
}

/// `1 rule`, `2 rules`
pub(crate) fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
