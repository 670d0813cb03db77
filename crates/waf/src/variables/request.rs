//! The request line, header fields and cookies.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Members, Names, Single},
    line,
};
use crate::state::{State, Value};

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
    line(V::RequestHeaders, Members(|state| [&state.request.headers, &[]])),
    line(V::RequestHeadersNames, Names(|state| [&state.request.headers, &[]])),
    line(V::RequestCookies, Members(|state| [&state.request.cookies, &[]])),
    line(V::RequestCookiesNames, Names(|state| [&state.request.cookies, &[]])),
    line(V::ServerName, Single(|state| Some(Value::clone(&state.request.server_name)))),
    line(V::AuthType, Single(|state| state.request.auth_type.clone())),
    line(V::RemoteUser, Single(|state| state.request.remote_user.clone())),
    line(V::FullRequest, Single(|state| Some(Value::from(full_request(state))))),
    line(V::FullRequestLength, Single(|state| Some(crate::state::decimal(full_request(state).len())))),
];

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
