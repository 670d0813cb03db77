//! `@beginsWith`
//!
//! Matches when the value begins with the argument, case and all. An empty argument matches.
//!
//! Differences: none known.
//!
//! Example: `SecRule REQUEST_LINE "!@beginsWith GET" "id:1,deny"`

use regex_syntax::hir::{Hir, Look};

use super::{
    Found, Operate, Refusal, Resources, Superset,
    written::{Argument, Written},
};

#[derive(Debug)]
struct BeginsWith {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(BeginsWith { argument: written.argument() }))
}

impl Operate for BeginsWith {
    fn superset(&self) -> Option<Superset> {
        Superset::exact(Hir::concat(vec![Hir::look(Look::Start), Hir::literal(self.argument.text(None))]))
    }

    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        let matches = input.starts_with(text);
        if matches {
            found.at(&(0..text.len()));
        }
        matches
    }
}
