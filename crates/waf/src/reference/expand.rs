//! Macro expansion. What cannot be resolved expands to nothing (trap 9: v2 and v3; Coraza leaves the name).

use crate::{
    ir::{Part, Template},
    limits,
    state::{State, Value},
    variables,
};

/// The text of a template, cut after [`limits::EXPANSION`] bytes. A template that is one macro shares the value.
pub(crate) fn expand(state: &State, template: &Template) -> Value {
    match template.parts.as_slice() {
        [] => Value::default(),
        [part] => piece(state, part),
        parts => {
            let mut text = Vec::new();
            for part in parts {
                let piece = piece(state, part);
                let room = limits::EXPANSION.saturating_sub(text.len());
                text.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            }
            Value::from(text)
        }
    }
}

fn piece(state: &State, part: &Part) -> Value {
    match part {
        Part::Literal(text) => Value::from(text.as_slice()),
        Part::Macro { variable, key } => {
            variables::first(state, *variable, key.as_deref()).unwrap_or_default()
        }
        Part::Unknown(_) => Value::default(),
    }
}
