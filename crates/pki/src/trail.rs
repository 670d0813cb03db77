//! The trail of who did what and when: `audit.log`, one JSON object a line, appended to and never rewritten.
//!
//! Each change has two lines: one that is on the disk before anything changes, and one after. A `begin` without its `done` was cut
//! short: the change may or may not have come about, and the register says which.

use time::OffsetDateTime;

use crate::{PkiError, Store, random, serial::hex, show_moment};

/// File of the trail.
pub const AUDIT: &str = "audit.log";

/// One change under way.
#[derive(Debug)]
pub(crate) struct Step {
    line: String,
}

/// Notes that something is about to change. `facts` are names and values; values are never secret.
pub(crate) fn begin(
    store: &mut dyn Store,
    who: &str,
    now: OffsetDateTime,
    what: &str,
    facts: &[(&str, &str)],
) -> Result<Step, PkiError> {
    let id = hex(&random::<8>().map_err(PkiError::Make)?);
    let mut line = format!(
        "\"id\":\"{id}\",\"at\":\"{}\",\"who\":{},\"what\":\"{what}\"",
        show_moment(now),
        quoted(who)
    );
    for (name, value) in facts {
        line.push_str(&format!(",\"{name}\":{}", quoted(value)));
    }
    store.append(AUDIT, &format!("{{\"step\":\"begin\",{line}}}"))?;
    Ok(Step { line })
}

/// Notes that it has changed.
pub(crate) fn done(store: &mut dyn Store, step: Step) -> Result<(), PkiError> {
    let Step { line } = step;
    store.append(AUDIT, &format!("{{\"step\":\"done\",{line}}}"))
}

/// A JSON string (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_within_its_quotes() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\u000ad""#);
    }
}
