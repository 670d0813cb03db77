//! Arguments of the query and of the body.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Single},
    line,
    request::{members, names},
};
use crate::state::{decimal, flag};

pub(super) const LINES: &[Line] = &[
    line(
        V::Args,
        Collection(|state, visit| {
            members(&state.request.args, visit);
            members(&state.body.args, visit);
        }),
    ),
    line(
        V::ArgsNames,
        Collection(|state, visit| {
            names(&state.request.args, visit);
            names(&state.body.args, visit);
        }),
    ),
    line(V::ArgsGet, Collection(|state, visit| members(&state.request.args, visit))),
    line(V::ArgsGetNames, Collection(|state, visit| names(&state.request.args, visit))),
    line(V::ArgsPost, Collection(|state, visit| members(&state.body.args, visit))),
    line(V::ArgsPostNames, Collection(|state, visit| names(&state.body.args, visit))),
    // Names and values (trap 48).
    line(
        V::ArgsCombinedSize,
        Single(|state| {
            let all = state.request.args.iter().chain(&state.body.args);
            Some(decimal(all.map(|member| member.name.len() + member.value.len()).sum::<usize>()))
        }),
    ),
    // An invalid escape in a name counts as much as one in a value (trap 26: v3 forgets the names').
    line(
        V::UrlencodedError,
        Single(|state| Some(flag(state.request.urlencoded_error || state.body.urlencoded_error))),
    ),
];
