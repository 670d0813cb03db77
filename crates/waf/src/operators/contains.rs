//! `@contains`
//!
//! Matches when the argument occurs in the value, case and all. An empty argument matches.
//!
//! Differences: none known.
//!
//! Example: `SecRule REQUEST_URI "@contains #" "id:1,deny"`

use memchr::memmem;
use regex_syntax::hir::Hir;

use super::{
    Found, Operate, Refusal, Resources, Superset,
    written::{Argument, Written},
};

#[derive(Debug)]
struct Contains {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(Contains { argument: written.argument() }))
}

impl Operate for Contains {
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
