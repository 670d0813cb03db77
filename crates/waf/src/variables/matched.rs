//! The last match.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Single},
    line,
    request::{members, names},
};
use crate::state::Value;

pub(super) const LINES: &[Line] = &[
    line(V::MatchedVar, Single(|state| state.last_match().map(|member| Value::clone(&member.value)))),
    line(V::MatchedVarName, Single(|state| state.last_match().map(|member| Value::clone(&member.name)))),
    line(V::MatchedVars, Collection(|state, visit| members(&state.matched.all, visit))),
    line(V::MatchedVarsNames, Collection(|state, visit| names(&state.matched.all, visit))),
];
