//! Arguments of the query and of the body.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Members, Names, Single},
    line,
};
use crate::state::{decimal, flag};

pub(super) const LINES: &[Line] = &[
    line(V::Args, Members(|state| [&state.request.args, &state.body.args])),
    line(V::ArgsNames, Names(|state| [&state.request.args, &state.body.args])),
    line(V::ArgsGet, Members(|state| [&state.request.args, &[]])),
    line(V::ArgsGetNames, Names(|state| [&state.request.args, &[]])),
    line(V::ArgsPost, Members(|state| [&[], &state.body.args])),
    line(V::ArgsPostNames, Names(|state| [&[], &state.body.args])),
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
