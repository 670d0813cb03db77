//! `setvar`: `tx.a=1`, `tx.a=+%{tx.b}`, `tx.a=-1`, `tx.a` (sets 1), `!tx.a`, macros in name and value.

use std::sync::Arc;

use portcullis_seclang::{ast, vocabulary::Variable};

use super::{Lowered, argument, wrong};
use crate::{
    collections::Kind,
    compile::Compiler,
    ir::{Operation, Part, SetVar, Store, Template},
    reference::{Texts, expand, expanded_apart},
    state::{State, Value, decimal, number},
};

pub(super) fn lower(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    match read(text) {
        Some(set_var) => into.set_vars.push(set_var),
        None => wrong(
            compiler,
            action,
            "takes COLLECTION.NAME=VALUE of TX, GLOBAL, IP, RESOURCE, SESSION or USER",
        ),
    }
}

fn read(text: &[u8]) -> Option<SetVar> {
    let (text, unset) = match text.trim_ascii_start().strip_prefix(b"!") {
        Some(rest) => (rest, true),
        None => (text.trim_ascii_start(), false),
    };
    let (place, value) = split_value(text);
    let (store, name) = split_name(place)?;
    let operation = match value {
        _ if unset => Operation::Unset,
        None => Operation::Set(Template::parse(b"1")),
        Some([b'+', rest @ ..]) => Operation::Add(Template::parse(rest)),
        // `=-1` counts down; ModSecurity has no way to set a negative number either.
        Some([b'-', rest @ ..]) => Operation::Subtract(Template::parse(rest)),
        Some(rest) => Operation::Set(Template::parse(rest)),
    };
    Some(SetVar { store, name, operation, number: None, amount: None })
}

/// `tx.a` of `tx.a=1`; an `=` within a macro does not count.
fn split_value(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut depth: usize = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' if at > 0 && text.get(at - 1) == Some(&b'%') => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'=' if depth == 0 => return (text.get(..at).unwrap_or(&[]), text.get(at + 1..)),
            _ => {}
        }
    }
    (text, None)
}

/// The collection and the name of `tx.a`; a colon separates them as well.
pub(super) fn split_name(place: &[u8]) -> Option<(Store, Template)> {
    let place = place.trim_ascii();
    let at = place.iter().position(|byte| matches!(byte, b'.' | b':'))?;
    let name = place.get(at + 1..).filter(|name| !name.is_empty())?;
    let store = match Variable::find(place.get(..at)?)? {
        Variable::Tx => Store::Tx,
        variable => Store::Persistent(Kind::of(variable)?),
    };
    Some((store, Template::parse(name)))
}

/// Runs it. Without an open record in a persistent collection nothing happens (v2).
pub(crate) fn run(state: &mut State, set_var: &SetVar, room: &mut Texts) {
    let name = expanded_apart(state, &set_var.name, &mut room.name);
    // A text that is no number counts as 0 (trap 13: v3).
    let by = |amount: &Template, room: &mut Vec<u8>| match set_var.amount.map(usize::from) {
        Some(of) => state.tx.find_known(Some(of), b"").map_or(0, |member| number(&member.value)),
        None => number(expanded_apart(state, amount, room)),
    };
    let change = match &set_var.operation {
        Operation::Unset => Change::Unset,
        Operation::Set(value) => Change::Set(match value.parts.as_slice() {
            // One that is there already is shared, not copied.
            [Part::Macro { .. }] => expand(state, value),
            _ => Value::from(expanded_apart(state, value, &mut room.value)),
        }),
        Operation::Add(amount) => Change::Add(by(amount, &mut room.value)),
        Operation::Subtract(amount) => Change::Subtract(by(amount, &mut room.value)),
    };
    match (set_var.store, change) {
        (Store::Tx, change) => {
            let number = set_var.number.map(usize::from).or_else(|| state.tx.number(name));
            let value = match change {
                Change::Unset => None,
                Change::Set(value) => Some(value),
                change => change.of(state.tx.find_known(number, name).map(|member| &*member.value)),
            };
            match value {
                Some(value) => state.tx.set_known(number, name, value),
                None => state.tx.unset(number, name),
            }
        }
        (Store::Persistent(kind), change) => {
            if let Some(key) = state.opened(kind) {
                let collections = Arc::clone(&state.collections);
                collections.change(kind, key, name, state.now().as_secs(), |old| change.of(old));
            }
        }
    }
}

/// What becomes of a variable.
enum Change {
    Unset,
    Set(Value),
    Add(i64),
    Subtract(i64),
}

impl Change {
    fn of(&self, old: Option<&[u8]>) -> Option<Value> {
        let old = || old.map_or(0, number);
        match self {
            Self::Unset => None,
            Self::Set(value) => Some(Value::clone(value)),
            Self::Add(by) => Some(decimal(old().saturating_add(*by))),
            Self::Subtract(by) => Some(decimal(old().saturating_sub(*by))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Template>, &'static str) {
        let set_var = read(text.as_bytes()).unwrap();
        let (kind, value) = match set_var.operation {
            Operation::Unset => ("unset", None),
            Operation::Set(value) => ("set", Some(value)),
            Operation::Add(value) => ("add", Some(value)),
            Operation::Subtract(value) => ("subtract", Some(value)),
        };
        (std::iter::once(set_var.name).chain(value).collect(), kind)
    }

    fn templates(texts: &[&str]) -> Vec<Template> {
        texts.iter().map(|text| Template::parse(text.as_bytes())).collect()
    }

    #[test]
    fn every_form_of_the_census_is_read() {
        for (text, expected, kind) in [
            ("tx.a=1", &["a", "1"][..], "set"),
            ("tx.a=+%{tx.critical_anomaly_score}", &["a", "%{tx.critical_anomaly_score}"], "add"),
            ("TX.a=-5", &["a", "5"], "subtract"),
            ("tx.a", &["a", "1"], "set"),
            ("tx.a=", &["a", ""], "set"),
            ("!ip.a", &["a"], "unset"),
            ("tx.p_%{MATCHED_VAR_NAME}=+1", &["p_%{MATCHED_VAR_NAME}", "1"], "add"),
            ("tx.a=b=c", &["a", "b=c"], "set"),
            ("tx:a=.%{tx.1}", &["a", ".%{tx.1}"], "set"),
        ] {
            assert_eq!(read_text(text), (templates(expected), kind), "{text}");
        }
        for wrong in ["a=1", "tx.=1", "args.a=1", ""] {
            assert!(read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
