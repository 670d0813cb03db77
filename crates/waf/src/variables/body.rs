//! The body of the request.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Refused, Single},
    Visit, line,
};
use crate::state::{Processor, State, Value, decimal, flag};

pub(super) const LINES: &[Line] = &[
    line(V::RequestBody, Single(request_body)),
    line(
        V::RequestBodyLength,
        Single(|state| Some(decimal(state.body.raw.as_ref().map_or(0, |body| body.len())))),
    ),
    // Present and empty when no processor was chosen, so that `!@rx` rules see it (v2; CRS 901340 relies on it).
    line(
        V::ReqbodyProcessor,
        Single(|state| {
            let processor = state.controls.processor.or(state.body.processor);
            Some(Value::fixed(processor.map_or("", Processor::name).as_bytes()))
        }),
    ),
    // "0" must be there for `!@eq 0` rules (trap 43).
    line(V::ReqbodyError, Single(|state| Some(flag(state.body.error.is_some())))),
    line(V::ReqbodyProcessorError, Single(|state| Some(flag(state.body.error.is_some())))),
    line(V::ReqbodyErrorMsg, Single(|state| Some(Value::from(message(state))))),
    line(V::ReqbodyProcessorErrorMsg, Single(|state| Some(Value::from(message(state))))),
    line(V::InboundDataError, Single(|state| Some(flag(state.body.beyond_limit)))),
    line(V::Xml, Collection(xml)),
    line(
        V::StreamInputBody,
        Refused("the body is inspected whole, there is no stream of it", "use REQUEST_BODY"),
    ),
];

/// The two paths the CRS asks for (trap 21: `/*` is one value, the text of the root joined).
pub(crate) const XML_PATHS: [&[u8]; 2] = [b"/*", b"//@*"];

/// Trap 22: the raw body of XML and multipart is there only if `ctl:forceRequestBodyVariable` asks for it, since its parts are (v2, and
/// what the CRS expects: element names and the bytes of uploads are no attacks). That of JSON is there, as in v3: an argument below an
/// array is not called by its key alone. Beyond v2 it is there too when no processor reads it, or one could not read it to the end.
fn request_body(state: &State) -> Option<Value> {
    let taken_apart = matches!(
        state.controls.processor.or(state.body.processor),
        Some(Processor::Xml | Processor::Multipart)
    );
    let visible = !taken_apart || state.controls.forces_request_body || state.body.error.is_some();
    state.body.raw.clone().filter(|_| visible)
}

fn message(state: &State) -> &[u8] {
    state.body.error.as_deref().unwrap_or_default().as_bytes()
}

fn xml(state: &State, visit: &mut Visit<'_>) {
    let Some(text) = &state.body.xml_text else { return };
    let [root, attributes] = XML_PATHS.map(Value::fixed);
    visit(&root, text);
    for value in &state.body.xml_attributes {
        visit(&attributes, value);
    }
}
