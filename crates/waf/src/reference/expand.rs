//! Macro expansion. What cannot be resolved expands to nothing (trap 9: v2 and v3; Coraza leaves the name).

use crate::{
    ir::{Part, Template},
    limits,
    state::{State, Value},
    variables::{self, Held},
};

/// The text of a template, cut after [`limits::EXPANSION`] bytes. A template that is one macro shares the value.
pub(crate) fn expand(state: &State, template: &Template) -> Value {
    match template.parts.as_slice() {
        [] => Value::default(),
        [Part::Macro { variable, key }] => {
            variables::first(state, *variable, key.as_deref()).map(Held::into_value).unwrap_or_default()
        }
        _ => {
            let mut text = Vec::new();
            expand_into(state, template, &mut text);
            Value::from(text.as_slice())
        }
    }
}

/// The same where it stands already, or else in `room`.
pub(crate) fn expanded<'a>(state: &'a State, template: &'a Template, room: &'a mut Vec<u8>) -> &'a [u8] {
    match template.parts.as_slice() {
        [Part::Macro { variable, key }] => match variables::first(state, *variable, key.as_deref()) {
            Some(Held::Kept(value)) => value,
            made => {
                room.clear();
                made.into_iter().for_each(|value| room.extend_from_slice(&value));
                room
            }
        },
        _ => expanded_apart(state, template, room),
    }
}

/// The same, never where the state keeps it: the state may change while the text is in use.
pub(crate) fn expanded_apart<'a>(state: &State, template: &'a Template, room: &'a mut Vec<u8>) -> &'a [u8] {
    match template.as_literal() {
        Some(text) => text,
        None => {
            expand_into(state, template, room);
            room
        }
    }
}

fn expand_into(state: &State, template: &Template, text: &mut Vec<u8>) {
    text.clear();
    let most = if template.parts.len() > 1 { limits::EXPANSION } else { usize::MAX };
    for part in &template.parts {
        let room = most.saturating_sub(text.len());
        let mut add = |piece: &[u8]| text.extend_from_slice(piece.get(..room).unwrap_or(piece));
        match part {
            Part::Literal(piece) => add(piece),
            Part::Macro { variable, key } => {
                if let Some(piece) = variables::first(state, *variable, key.as_deref()) {
                    add(&piece);
                }
            }
            Part::Unknown(_) => {}
        }
    }
}
