//! `@strmatch`
//!
//! Matches when the argument occurs in the value, case and all: the same as `@contains`.
//!
//! Differences: v2 takes `?` and `*` for themselves here as v3 does; there are no wildcards.
//!
//! Example: `SecRule ARGS "@strmatch WebZIP" "id:1,deny"`

use memchr::memmem;
use regex_syntax::hir::Hir;

use super::{
    Found, Operate, Refusal, Resources, Superset,
    written::{Argument, Written},
};

#[derive(Debug)]
struct Strmatch {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(Strmatch { argument: written.argument() }))
}

impl Operate for Strmatch {
    fn superset(&self) -> Option<Superset> {
        Superset::exact(Hir::literal(self.argument.text(None)))
    }

    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        let offset = memmem::find(input, text);
        if let Some(offset) = offset {
            found.at(&(offset..offset + text.len()));
        }
        offset.is_some()
    }
}
