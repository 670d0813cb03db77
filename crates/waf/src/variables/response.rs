//! The answer. None of these has a value before phase 3.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Members, Names, Refused, Single},
    line,
};
use crate::state::{Member, State, Value, decimal, flag};

pub(super) const LINES: &[Line] = &[
    line(V::ResponseStatus, Single(|state| Some(Value::clone(&state.response.head.as_ref()?.status)))),
    // The same by another name.
    line(V::Status, Single(|state| Some(Value::clone(&state.response.head.as_ref()?.status)))),
    line(V::ResponseProtocol, Single(|state| Some(Value::clone(&state.response.head.as_ref()?.protocol)))),
    line(
        V::StatusLine,
        Single(|state| {
            let head = state.response.head.as_ref()?;
            Some(Value::from([&*head.protocol, &*head.status].join(&b' ')))
        }),
    ),
    line(
        V::ResponseContentType,
        Single(|state| Some(Value::clone(&state.response.head.as_ref()?.content_type))),
    ),
    line(V::ResponseContentLength, Single(|state| Some(decimal(state.response.body.as_ref()?.len())))),
    line(V::ResponseHeaders, Members(|state| [headers(state), &[]])),
    line(V::ResponseHeadersNames, Names(|state| [headers(state), &[]])),
    line(V::ResponseBody, Single(|state| state.response.body.clone())),
    line(V::OutboundDataError, Single(|state| Some(flag(state.response.beyond_limit)))),
    line(
        V::StreamOutputBody,
        Refused("the answer is inspected whole, there is no stream of it", "use RESPONSE_BODY"),
    ),
];

fn headers(state: &State) -> &[Member] {
    state.response.head.as_ref().map_or(&[], |head| &head.headers)
}
