//! `MATCHED_VAR`, `MATCHED_VARS` and their names.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable;

use super::Value;
use crate::limits;

/// A value that matched.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) name: Name,
    /// As the operator saw it.
    pub(crate) value: Value,
}

/// What a rule looked at; put into words only if somebody asks.
#[derive(Clone, Debug)]
pub(crate) enum Name {
    /// `REQUEST_METHOD`, `&ARGS`
    Whole(Arc<str>),
    /// `ARGS:q`
    Member(Variable, Value),
}

impl Name {
    pub(crate) fn text(&self) -> Value {
        match self {
            Self::Whole(label) => Value::from(label.as_bytes()),
            Self::Member(variable, member) => full_name(variable.name(), member),
        }
    }

    /// As it can stand in a log: cut after 128 bytes, control bytes, `\` and bytes beyond ASCII escaped.
    pub(crate) fn printable(&self) -> String {
        let name = self.text();
        let name = name.get(..limits::NAME_IN_REPORT).unwrap_or(&name);
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'\'' | b'"');
        if let (true, Ok(text)) = (name.iter().all(plain), std::str::from_utf8(name)) {
            return text.to_owned();
        }
        name.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
    }
}

/// What matched last, and what matched in this chain so far.
///
/// `MATCHED_VARS` starts empty with every head and grows from link to link (trap 5): ModSecurity v2 and Coraza; v3 empties it only after
/// a rule that did not match. `MATCHED_VAR` stays until the next match. Values are the transformed ones.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    pub(crate) last: Last,
    pub(crate) all: Vec<Match>,
    /// Something matched that the links behind cannot see any more.
    pub(crate) overflowed: bool,
}

/// The last match.
#[derive(Debug, Default)]
pub(crate) enum Last {
    /// There was none.
    #[default]
    None,
    /// Its name and value.
    Live(Match),
    /// A step of the plan.
    Planned { phase: u8, step: usize },
}

impl Matched {
    pub(crate) fn begin_rule(&mut self) {
        self.all.clear();
    }

    pub(crate) fn add(&mut self, one: Match) {
        if self.all.len() < limits::MATCHED_VARS {
            self.all.push(one.clone());
        } else {
            self.overflowed = true;
        }
        self.last = Last::Live(one);
    }
}

/// `ARGS:q` of a collection and a member.
pub(crate) fn full_name(collection: &str, member: &[u8]) -> Value {
    Value::from([collection.as_bytes(), b":", member].concat())
}
