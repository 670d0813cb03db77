//! `@endsWith`
//!
//! Matches when the value ends with the argument, case and all. An empty argument matches.
//!
//! Differences: none known.
//!
//! Example: `SecRule REQUEST_BASENAME "@endsWith .pdf" "id:1,pass"`

use regex_syntax::hir::{Hir, Look};

use super::{
    Found, Operate, Refusal, Resources, Superset,
    written::{Argument, Written},
};

#[derive(Debug)]
struct EndsWith {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(EndsWith { argument: written.argument() }))
}

impl Operate for EndsWith {
    fn superset(&self) -> Option<Superset> {
        Superset::exact(Hir::concat(vec![Hir::literal(self.argument.text(None)), Hir::look(Look::End)]))
    }

    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        let matches = input.ends_with(text);
        if matches {
            found.at(&(input.len() - text.len()..input.len()));
        }
        matches
    }
}
