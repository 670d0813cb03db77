//! The rule engine: a rule tree is compiled to an immutable [`Program`], and a [`Transaction`] runs it over one request.
//!
//! Pure: no sockets, no files, no clock. Whoever runs it passes the time in, and rule and data files come through a
//! [`portcullis_seclang::Loader`] at compile time.

mod actions;
pub mod codes;
mod collections;
mod compile;
pub mod explain;
mod geo;
pub mod ir;
pub mod limits;
pub mod matches;
pub mod operators;
pub mod pattern;
mod reference;
pub mod removal;
mod state;
mod transaction;
mod variables;
mod variant;
mod vm;

pub use collections::{Collections, Kind};
pub use compile::{Engine, Options};
pub use geo::GeoDatabase;
pub use ir::{Program, ProgramFacts};
pub use matches::Matches;
pub use removal::Removal;
pub use state::Processor;
pub use transaction::{
    Clock, Connection, Disposition, Header, Intervention, MatchedRule, MatchedTarget, Mode, Report,
    RequestHead, Targets, Transaction, Verdict, WhenSpent,
};
pub use variant::{NoSetting, Setting, Variant};

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
    compile_with(document, sources, loader, Options::default())
}

/// [`compile()`] with choices that SecLang itself has no words for.
pub fn compile_with(
    document: &Document,
    sources: &Sources,
    loader: &dyn Loader,
    options: Options,
) -> Compiled {
    compile::compile(document, sources, loader, options)
}
