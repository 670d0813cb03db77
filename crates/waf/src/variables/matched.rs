//! The last match.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Single},
    line,
};
use crate::state::{State, Value};

pub(super) const LINES: &[Line] = &[
    line(V::MatchedVar, Single(|state| state.last_match().map(|last| Value::clone(&last.value)))),
    line(V::MatchedVarName, Single(|state| state.last_match().map(|last| last.name.text()))),
    line(V::MatchedVars, Collection(|state, visit| each(state, |name, value| visit(name, value)))),
    line(V::MatchedVarsNames, Collection(|state, visit| each(state, |name, _| visit(name, name)))),
];

fn each(state: &State, mut visit: impl FnMut(&Value, &Value)) {
    for one in &state.matched.all {
        visit(&one.name.text(), &one.value);
    }
}
