//! The gate for HTTP/2: what the library lets through and RFC 9113, section 8, or the backend behind HTTP/1.1 does not.
//!
//! The library has checked names, values, the pseudo fields and the frames. Left are the places in which two parts of a request say
//! the same thing and may disagree: `:authority` and `Host`, `:scheme` and the connection, a length and another length.

use http::{HeaderMap, HeaderName, Method, Uri, header, request::Parts};
use pingora_http::RequestHeader;

use super::Head;
use crate::{answer::Refusal, host};

/// Fields that speak of the connection, which HTTP/2 has other means for (RFC 9113, section 8.2.2).
const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE];

/// A request as it is handed on, and its head as the rules see it; or why it is not, with the same head.
pub(crate) fn vet(parts: Parts) -> (RequestHeader, Head, Result<(), Refusal>) {
    let outcome = check(&parts.method, &parts.uri, &parts.headers);
    let mut request = RequestHeader::from(parts);
    let head = Head::from_http2(&request);
    if request.uri.authority().is_some() {
        // It is the same, or the request goes no further.
        request.remove_header(&header::HOST);
    }
    (request, head, outcome)
}

fn check(method: &Method, uri: &Uri, fields: &HeaderMap) -> Result<(), Refusal> {
    // Extended CONNECT (RFC 8441) is not offered, so it is this one too.
    if method == Method::CONNECT {
        return Err(Refusal::MethodNotAllowed);
    }
    if OF_THE_CONNECTION.iter().any(|name| fields.contains_key(name)) {
        return Err(Refusal::BadField);
    }
    if fields.keys().any(|name| super::is_framing_in_disguise(name.as_str().as_bytes())) {
        return Err(Refusal::BadFraming);
    }
    // The library drops a scheme that stands without an authority.
    if uri.authority().is_some() && uri.scheme_str() != Some("https") {
        return Err(Refusal::BadTarget);
    }
    path(method, uri)?;
    authority(uri, fields)?;
    length(fields)
}

/// Origin form or, of OPTIONS, the asterisk (RFC 9113, section 8.3.1).
fn path(method: &Method, uri: &Uri) -> Result<(), Refusal> {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let form = path.starts_with('/') || (path == "*" && method == Method::OPTIONS);
    let forbidden = path.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
    if form && !forbidden { Ok(()) } else { Err(Refusal::BadTarget) }
}

fn authority(uri: &Uri, fields: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = fields.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let host = host.map(|host| host.as_bytes());
    let named = match (uri.authority(), host) {
        (Some(authority), None) => authority.as_str().as_bytes(),
        (Some(authority), Some(host)) if host.eq_ignore_ascii_case(authority.as_str().as_bytes()) => host,
        (None, Some(host)) => host,
        _ => return Err(Refusal::BadHost),
    };
    if second.is_some() || named.is_empty() || host::parse(named).is_none() {
        return Err(Refusal::BadHost);
    }
    Ok(())
}

/// At most one, and a number. That the frames hold as much is the library's to check.
fn length(fields: &HeaderMap) -> Result<(), Refusal> {
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(()) };
    let length = length.as_bytes();
    let number = !length.is_empty() && length.len() <= 19 && length.iter().all(u8::is_ascii_digit);
    if number && lengths.next().is_none() { Ok(()) } else { Err(Refusal::BadFraming) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: &str, uri: &str, fields: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (request, _, outcome) = vet(request.body(()).expect("a request").into_parts().0);
        assert!(request.uri.authority().is_none() || request.headers.get("host").is_none());
        outcome
    }

    #[test]
    fn what_disagrees_with_itself_is_refused() {
        for (method, uri, fields, expected) in [
            ("GET", "https://h.test/a?b", &[][..], Ok(())),
            ("GET", "https://h.test/", &[("host", "H.test")], Ok(())),
            ("POST", "https://h.test/", &[("content-length", "3")], Ok(())),
            ("GET", "https://h.test/", &[("host", "other.test")], Err(Refusal::BadHost)),
            ("GET", "https://h.test/", &[("host", "h.test:443")], Err(Refusal::BadHost)),
            ("GET", "https://h.test/", &[("host", "h.test"), ("host", "h.test")], Err(Refusal::BadHost)),
            ("GET", "https://u@h.test/", &[], Err(Refusal::BadHost)),
            ("GET", "/", &[("host", "h.test")], Ok(())),
            ("GET", "/", &[], Err(Refusal::BadHost)),
            ("GET", "http://h.test/", &[], Err(Refusal::BadTarget)),
            ("CONNECT", "h.test:443", &[], Err(Refusal::MethodNotAllowed)),
            ("GET", "https://h.test/", &[("connection", "close")], Err(Refusal::BadField)),
            ("GET", "https://h.test/", &[("transfer-encoding", "chunked")], Err(Refusal::BadField)),
            ("POST", "https://h.test/", &[("content-length", "3, 3")], Err(Refusal::BadFraming)),
            ("POST", "https://h.test/", &[("content-length", "+3")], Err(Refusal::BadFraming)),
            ("POST", "https://h.test/", &[("content-length", "")], Err(Refusal::BadFraming)),
            (
                "POST",
                "https://h.test/",
                &[("content-length", "3"), ("content-length", "3")],
                Err(Refusal::BadFraming),
            ),
        ] {
            assert_eq!(outcome(method, uri, fields), expected, "{method} {uri} {fields:?}");
        }
    }
}
