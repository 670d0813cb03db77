//! Variables that rules set.

use portcullis_seclang::vocabulary::Variable as V;

use super::{Held, Line, Meaning::Store, Visit, line};
use crate::state::Variables;

pub(super) const LINES: &[Line] = &[
    line(V::Tx, Store(|state, visit| all(&state.tx, visit), |state, name| find(&state.tx, name))),
    // What `setenv` set in this transaction; the environment of the process is nobody's business.
    line(V::Env, Store(|state, visit| all(&state.env, visit), |state, name| find(&state.env, name))),
];

fn all(variables: &Variables, visit: &mut Visit<'_>) {
    for member in variables.iter() {
        visit(&member.name, &member.value);
    }
}

fn find<'a>(variables: &'a Variables, name: &[u8]) -> Option<(Held<'a>, Held<'a>)> {
    variables.find(name).map(|member| (Held::Kept(&member.name), Held::Kept(&member.value)))
}
