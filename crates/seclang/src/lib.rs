//! SecLang, the rule language of ModSecurity: text to a tree with spans, and back to text.
//!
//! This crate knows what may be written, not what it means. `portcullis-waf` gives the tree its meaning.

mod argument;
pub mod ast;
pub mod codes;
mod include;
mod lexer;
mod lint;
mod load;
mod memory;
mod parser;
mod print;
mod report;
pub mod template;
pub mod vocabulary;

pub use include::{Loader, wildcard_matches};
pub use memory::MemoryLoader;
pub use print::print;

use portcullis_diag::{Diagnostic, Sources};

/// What a load gave: the directives of all files in order, and everything there was to say about them.
#[derive(Debug, Default)]
pub struct Parsed {
    /// `Include` directives are replaced by what they name.
    pub document: ast::Document,
    /// Errors and warnings, in reading order. With an error among them, `document` lacks what could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// A part of a rule tree that is put together from several.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A file and all it includes, by the loader's name.
    File(&'a str),
    /// A text that is not a file, and what to call it.
    Text(&'a str, &'a [u8]),
}

/// Reads parts in order into one document. Lints look at the whole: a rule of one file may skip to a marker of another.
pub fn load_parts(parts: &[Part<'_>], loader: &dyn Loader, sources: &mut Sources) -> Parsed {
    load::parts(parts, loader, sources)
}

/// Reads a file and all it includes. Names of sources are those of the loader.
pub fn load(name: &str, loader: &dyn Loader, sources: &mut Sources) -> Parsed {
    load_parts(&[Part::File(name)], loader, sources)
}

/// Reads one text that is not a file (`config.toml` settings, tests); its includes are resolved as if it were called `name`.
pub fn parse(name: &str, text: &[u8], loader: &dyn Loader, sources: &mut Sources) -> Parsed {
    load_parts(&[Part::Text(name, text)], loader, sources)
}

/// Reads one text and leaves its `Include` directives in the tree, for tools that look at a single file.
///
/// No lint runs, as a file alone may lack what another one holds.
pub fn parse_alone(name: &str, text: &[u8], sources: &mut Sources) -> Parsed {
    load::alone(name, text, sources)
}
