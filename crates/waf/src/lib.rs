//! The rule engine: a rule tree is compiled to an immutable [`Program`], and a [`Transaction`] runs it over one request.
//!
//! Pure: no sockets, no files, no clock. Whoever runs it passes the time in, and rule and data files come through a
//! [`portcullis_seclang::Loader`] at compile time.

pub mod operators;
pub mod pattern;
mod transaction;

pub use transaction::{
    Clock, Collections, Connection, Disposition, Header, Intervention, MatchedRule, MatchedTarget, Mode,
    Program, ProgramFacts, Report, RequestHead, Transaction, Verdict,
};

use portcullis_diag::{Diagnostic, Sources};
use portcullis_seclang::{Loader, ast::Document};

/// What a compilation gave.
#[derive(Debug)]
pub struct Compiled {
    /// Absent when a diagnostic is an error.
    pub program: Option<Program>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Gives a rule tree its meaning. `loader` reads the data files that rules name (`@pmFromFile`, `SecUnicodeMapFile`).
pub fn compile(document: &Document, sources: &Sources, loader: &dyn Loader) -> Compiled {
    let _ = (document, sources, loader);
    Compiled { program: Some(Program::default()), diagnostics: Vec::new() }
}
