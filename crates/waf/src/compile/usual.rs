//! Names and values that most requests have: what rules make of them is found out when they are compiled, by the operators themselves.

use portcullis_seclang::vocabulary::Variable;
use portcullis_transform::{Context, Transformation};

use super::sift::Wanted;
use crate::{ir::Link, operators::Found};

/// Header fields that most requests have.
pub(super) const FIELDS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "dnt",
    "host",
    "idempotency-key",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "te",
    "traceparent",
    "tracestate",
    "upgrade-insecure-requests",
    "user-agent",
    "x-api-key",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// Fields that have one of a few values in most requests. Those of Fetch Metadata are all that a browser sends.
const FIELD_VALUES: &[(&str, &[&str])] = &[
    ("accept", &["*/*", "application/json"]),
    (
        "accept-encoding",
        &["gzip", "gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd", "identity"],
    ),
    ("cache-control", &["no-cache", "max-age=0"]),
    ("connection", &["keep-alive", "close"]),
    ("content-type", &["application/json", "application/x-www-form-urlencoded"]),
    ("dnt", &["0", "1"]),
    ("pragma", &["no-cache"]),
    ("sec-ch-ua-mobile", &["?0", "?1"]),
    ("sec-ch-ua-platform", &["\"Android\"", "\"Linux\"", "\"Windows\"", "\"iOS\"", "\"macOS\""]),
    (
        "sec-fetch-dest",
        &["document", "empty", "font", "frame", "iframe", "image", "manifest", "script", "style", "worker"],
    ),
    ("sec-fetch-mode", &["cors", "navigate", "no-cors", "same-origin", "websocket"]),
    ("sec-fetch-site", &["cross-site", "none", "same-origin", "same-site"]),
    ("sec-fetch-user", &["?1"]),
    ("te", &["trailers"]),
    ("upgrade-insecure-requests", &["1"]),
    ("x-forwarded-proto", &["http", "https"]),
    ("x-requested-with", &["XMLHttpRequest"]),
];

/// Names of members that have usual values.
pub(super) fn names(variable: Variable) -> impl Iterator<Item = &'static [u8]> {
    let of_fields = if variable == Variable::RequestHeaders { FIELD_VALUES } else { &[] };
    of_fields.iter().map(|(name, _)| name.as_bytes())
}

/// Values that nearly every request has, of a variable or of a member of it.
fn values(variable: Variable, name: Option<&[u8]>) -> &'static [&'static str] {
    match (variable, name) {
        (Variable::RequestMethod, None) => &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        (Variable::RequestProtocol, None) => &["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0"],
        (Variable::RequestHeaders, Some(name)) => {
            let known = FIELD_VALUES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
            known.map_or(&[], |(_, values)| values)
        }
        _ => &[],
    }
}

/// A value, and the bits that it wakes.
pub(super) type Usual = (&'static [u8], Vec<u16>);

/// The bits that usual values wake. Nothing is where more than operators has a say in it.
pub(super) fn woken(
    variable: Variable,
    name: Option<&[u8]>,
    concerned: &[(usize, &Wanted<'_>)],
) -> Vec<Usual> {
    if concerned.iter().any(|(_, wanted)| wanted.echo.is_some()) {
        return Vec::new();
    }
    let woken = |value: &[u8]| {
        let bits = concerned.iter().filter(|(_, wanted)| wakes(wanted, value));
        bits.filter_map(|(bit, _)| u16::try_from(*bit).ok()).collect()
    };
    values(variable, name).iter().map(|value| (value.as_bytes(), woken(value.as_bytes()))).collect()
}

/// Whether a link's operator matches what its transformations make of a value.
fn wakes(wanted: &Wanted<'_>, value: &[u8]) -> bool {
    let link = wanted.link();
    let Some(test) = &link.test else { return false };
    let mut found = Found::default();
    let mut hits = |form: &[u8]| {
        let hit = test.operate.evaluate(form, wanted.argument.as_deref(), false, &mut found);
        hit != test.negated || found.undecided.is_some()
    };
    let mut form = value.to_vec();
    let mut hit = (link.multi_match || link.transformations.is_empty()) && hits(&form);
    for (at, transformation) in link.transformations.iter().enumerate() {
        form = transformed(transformation, form);
        let is_seen = link.multi_match || is_last(link, at);
        hit |= is_seen && hits(&form);
    }
    hit
}

fn is_last(link: &Link, at: usize) -> bool {
    at + 1 == link.transformations.len()
}

/// No usual value holds a `%`, so that no map for its sake is needed.
fn transformed(transformation: &Transformation, value: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    if (transformation.apply)(&value, &mut out, &Context::default()) { out } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_usual_values_are_usual_and_need_no_map() {
        for (name, values) in FIELD_VALUES {
            assert!(FIELDS.contains(name), "{name}");
            assert!(values.iter().all(|value| !value.contains('%')), "{name}");
        }
    }
}
