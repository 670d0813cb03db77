//! `@restpath`
//!
//! Matches when the path template is found in the value; `{name}` stands for one or more bytes other than `/` and `?`. Captures are the
//! parts that the names stand for, in order.
//!
//! Differences: an operator of Coraza alone, which puts the parts into `ARGS_PATH`; here they are `TX.1` and on. As there, a template may
//! begin and end anywhere in the value, and what is not a name is a regular expression: anchor it with `^` and `$`.
//!
//! Example: `SecRule REQUEST_FILENAME "@restpath ^/user/{id}/orders$" "id:1,capture,pass"`

use super::{Operate, Refusal, Resources, rx, written::Written};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let mut pattern = Vec::new();
    let mut rest = written.text;
    while let Some(open) = rest.iter().position(|byte| *byte == b'{') {
        let (before, from) = rest.split_at(open);
        let Some(length) = from.iter().position(|byte| *byte == b'}') else {
            return Err(Refusal::new(
                "@restpath: { without }",
                "names of path parts stand in braces: /user/{id}",
            ));
        };
        pattern.extend_from_slice(before);
        pattern.extend_from_slice(b"([^?/]+)");
        rest = from.get(length + 1..).unwrap_or(&[]);
    }
    pattern.extend_from_slice(rest);
    rx::build(&Written { text: &pattern, has_macros: false }, resources)
}
