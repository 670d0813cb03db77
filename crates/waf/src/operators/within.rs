//! `@within`
//!
//! Matches when the value occurs in the argument, case and all: `@contains` the other way round. An empty value matches.
//!
//! Differences: none known. Authors put delimiters around both sides (`|text/html|`), else `E` is within `GET`.
//!
//! Example: `SecRule REQUEST_METHOD "!@within GET HEAD POST" "id:1,deny"`

use memchr::memmem;

use super::{
    Found, Operate, Refusal, Resources,
    written::{Argument, Written},
};

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
        let matches = memmem::find(text, input).is_some();
        if matches {
            found.all(input);
        }
        matches
    }
}
