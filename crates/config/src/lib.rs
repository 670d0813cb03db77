//! `config.toml`: text to a typed, valid [`Config`], every problem told at once with file, line and column.
//!
//! Two stages: `written` is what stands in the file, with spans, read against the table [`schema::KEYS`]; [`Config`] is what it
//! means, valid by construction. The crate reads no file, no clock and no environment: the text and a [`Surroundings`] are passed
//! in. That a certificate or rule file named by the configuration exists is for whoever opens it to find out; spans go along.

pub mod codes;
mod meaning;
mod meant;
mod names;
mod scalar;
pub mod schema;
mod written;

pub use meant::*;
pub use scalar::prefix;

use std::path::Path;

use portcullis_diag::{Diagnostic, Sources, Span};
use toml::de::DeTable;

/// What a configuration may ask of the process that loads it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Value of an environment variable, for `${NAME}` in paths.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Processors of the machine, what `[server] threads = 0` stands for.
    pub processors: usize,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("processors", &self.processors).finish_non_exhaustive()
    }
}

/// What a load gave.
#[derive(Debug)]
pub struct Loaded {
    /// Absent when a diagnostic is an error.
    pub config: Option<Config>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a configuration text. `name` is the file's path; relative paths in it are relative to the file's directory.
///
/// The text is read to its end whatever is found: all problems come at once, in the order of the file.
pub fn load(name: &str, text: &str, surroundings: Surroundings<'_>, sources: &mut Sources) -> Loaded {
    let source = sources.add(name, text.as_bytes());
    let directory = Path::new(name).parent().unwrap_or(Path::new(""));
    let (root, problems) = DeTable::parse_recoverable(text);
    let mut reader = written::Reader::new(source, directory, surroundings);
    let config = meaning::config(root.get_ref(), &mut reader);
    let mut diagnostics = std::mem::take(&mut reader.diagnostics);
    if !problems.is_empty() {
        let spans: Vec<Option<Span>> =
            problems.iter().map(|problem| problem.span().map(|span| reader.span(span))).collect();
        diagnostics.retain(|diagnostic| !follows_from_syntax(diagnostic, &spans, sources));
        // What follows an array or a string without its end is read as part of it: only the first problem is one.
        let open_end = problems.iter().any(|problem| problem.message().starts_with("unclosed"));
        let mut told = Vec::new();
        for (problem, span) in problems.iter().zip(spans).take(if open_end { 1 } else { usize::MAX }) {
            let line = span.map(|span| sources.location(span).line);
            if !told.contains(&line) {
                reader.error(codes::SYNTAX, span, format!("not TOML: {}", problem.message()));
                told.push(line);
            }
        }
        diagnostics.append(&mut reader.diagnostics);
    }
    meaning::sort(&mut diagnostics);
    let config = if diagnostics.iter().any(Diagnostic::is_error) { None } else { Some(config) };
    Loaded { config, diagnostics }
}

/// Beside a syntax error, what seems to be missing or stands on the same line may be nothing but its shadow.
fn follows_from_syntax(diagnostic: &Diagnostic, syntax: &[Option<Span>], sources: &Sources) -> bool {
    let shadows = [
        codes::MISSING_KEY,
        codes::NOTHING_TO_SERVE,
        codes::TRANSPORT_MISSING,
        codes::UNKNOWN_UPSTREAM,
        codes::UNUSED_UPSTREAM,
    ];
    let line = |span: Span| sources.location(span).line;
    shadows.contains(&diagnostic.code)
        || diagnostic.span.is_some_and(|span| syntax.iter().flatten().any(|other| line(*other) == line(span)))
}
