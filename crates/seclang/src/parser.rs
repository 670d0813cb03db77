//! Lines to directives. One file for each part of the grammar; an error loses its directive, never the ones behind it.

mod action;
pub(crate) mod directive;
mod operator;
mod rules;
mod target;
