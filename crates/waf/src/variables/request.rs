//! The request line, header fields and cookies.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Single},
    Visit, line,
};
use crate::state::{Member, State, Value};

pub(super) const LINES: &[Line] = &[
    line(V::RequestMethod, Single(|state| Some(Value::clone(&state.request.method)))),
    line(V::RequestProtocol, Single(|state| Some(Value::clone(&state.request.protocol)))),
    line(V::RequestLine, Single(|state| Some(Value::clone(&state.request.line)))),
    line(V::RequestUri, Single(|state| Some(Value::clone(&state.request.uri)))),
    line(V::RequestUriRaw, Single(|state| Some(Value::clone(&state.request.uri_raw)))),
    line(V::RequestFilename, Single(|state| Some(Value::clone(&state.request.filename)))),
    line(V::RequestBasename, Single(|state| Some(Value::clone(&state.request.basename)))),
    // The whole path: there is no script to cut off (v3 too).
    line(V::PathInfo, Single(|state| Some(Value::clone(&state.request.filename)))),
    line(V::QueryString, Single(|state| Some(Value::clone(&state.request.query)))),
    line(V::RequestHeaders, Collection(|state, visit| members(&state.request.headers, visit))),
    line(V::RequestHeadersNames, Collection(|state, visit| names(&state.request.headers, visit))),
    line(V::RequestCookies, Collection(|state, visit| members(&state.request.cookies, visit))),
    line(V::RequestCookiesNames, Collection(|state, visit| names(&state.request.cookies, visit))),
    line(V::ServerName, Single(|state| Some(Value::clone(&state.request.server_name)))),
    line(V::AuthType, Single(|state| state.request.auth_type.clone())),
    line(V::RemoteUser, Single(|state| state.request.remote_user.clone())),
    line(V::FullRequest, Single(|state| Some(Value::from(full_request(state))))),
    line(V::FullRequestLength, Single(|state| Some(crate::state::decimal(full_request(state).len())))),
];

/// Visits values by name.
pub(super) fn members(all: &[Member], visit: &mut Visit<'_>) {
    for member in all {
        visit(&member.name, &member.value);
    }
}

/// Visits names, each under itself: `ARGS_NAMES:q` has the value `q`.
pub(super) fn names(all: &[Member], visit: &mut Visit<'_>) {
    for member in all {
        visit(&member.name, &member.name);
    }
}

/// Header lines, an empty line and the body; no request line (trap 49: v3).
fn full_request(state: &State) -> Vec<u8> {
    let mut text = Vec::new();
    for field in &state.request.headers {
        text.extend_from_slice(&field.name);
        text.extend_from_slice(b": ");
        text.extend_from_slice(&field.value);
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(state.body.raw.as_ref().map_or(&[][..], |body: &Value| body));
    text
}
