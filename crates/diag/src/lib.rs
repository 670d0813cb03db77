//! Sources, spans and diagnostics: the one voice in which SecLang rules and `config.toml` speak to their author.
//!
//! A [`Span`] is three numbers and is carried from the first token to the last verdict; the [`Sources`] that it points into is
//! kept beside the compiled program, so that a runtime event and a compile error name the same `file:line:column`.

mod diagnostic;
mod render;
mod source;
mod suggest;

pub use diagnostic::{Code, Diagnostic, Label, Severity};
pub use render::{render, to_json};
pub use source::{Location, SourceId, Sources, Span, Spanned};
pub use suggest::closest;
