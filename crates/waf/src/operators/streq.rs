//! `@streq`
//!
//! Matches when the value is the argument, case and all.
//!
//! Differences: none known.
//!
//! Example: `SecRule REQUEST_METHOD "@streq POST" "id:1,pass"`

use regex_syntax::hir::{Hir, Look};

use super::{
    Found, Operate, Refusal, Resources, Superset,
    written::{Argument, Written},
};

#[derive(Debug)]
struct Streq {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(Streq { argument: written.argument() }))
}

impl Operate for Streq {
    fn superset(&self) -> Option<Superset> {
        let whole = [Hir::look(Look::Start), Hir::literal(self.argument.text(None)), Hir::look(Look::End)];
        Superset::exact(Hir::concat(whole.into()))
    }

    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        let matches = input == text;
        if matches {
            found.all(input);
        }
        matches
    }
}
