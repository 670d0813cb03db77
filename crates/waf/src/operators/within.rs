//! `@within`
//!
//! Matches when the value occurs in the argument, case and all: `@contains` the other way round. An empty value matches.
//!
//! Differences: none known. Authors put delimiters around both sides (`|text/html|`), else `E` is within `GET`.
//!
//! Example: `SecRule REQUEST_METHOD "!@within GET HEAD POST" "id:1,deny"`

use memchr::{memchr_iter, memmem};

use super::{
    Found, Operate, Refusal, Resources,
    written::{Argument, Written},
};

/// Longest text that is looked through byte by byte: a searcher costs more to make than it saves.
const SHORT: usize = 512;

fn is_within(input: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = input.split_first() else { return true };
    if text.len() > SHORT {
        return memmem::find(text, input).is_some();
    }
    memchr_iter(*first, text).any(|at| text.get(at + 1..).is_some_and(|behind| behind.starts_with(rest)))
}

#[derive(Debug)]
struct Within {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(Within { argument: written.argument() }))
}

impl Operate for Within {
    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        let matches = is_within(input, text);
        if matches {
            found.all(input);
        }
        matches
    }
}
