//! The bytes of go-ftw, which turns line feeds of a multipart body into CRLF whatever stands before them.

use crate::suite::GoFtwInput;

use super::{FORM, Fields, decode, escape, message};

/// The bytes of one request.
///
/// # Errors
/// When the stage cannot be understood: bad Base64, a template other than `{{ "x" | repeat N }}`.
pub(super) fn bytes(input: &GoFtwInput) -> Result<Vec<u8>, String> {
    if let Some(encoded) = &input.encoded_request {
        return decode(encoded);
    }
    let method = input.method.as_deref().unwrap_or("GET");
    let uri = input.uri.as_deref().unwrap_or("/");
    let version = input.version.as_deref().unwrap_or("HTTP/1.1");
    let mut headers = input.headers.0.clone();
    let complete = input.autocomplete_headers.unwrap_or(true);
    let mut body = match &input.data {
        Some(data) => expand(data)?.into_bytes(),
        None => Vec::new(),
    };
    if !body.is_empty() && complete {
        if !has(&headers, "Content-Type") {
            headers.push(("Content-Type".to_owned(), FORM.to_owned()));
        }
        if values(&headers, "Content-Type").any(|value| value.eq_ignore_ascii_case(FORM)) {
            body = encode_form(body);
        }
    }
    let multipart = values(&headers, "Content-Type")
        .any(|value| value.to_ascii_lowercase().contains("multipart/form-data;"));
    if multipart {
        body = body.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    if complete {
        if !has(&headers, "Connection") {
            headers.push(("Connection".to_owned(), "close".to_owned()));
        }
        if !has(&headers, "Content-Length") && (!body.is_empty() || may_have_body(method)) {
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
        }
    }
    Ok(message(&[method, uri, version], &headers, &body))
}

fn values<'a>(headers: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn has(headers: &Fields, name: &str) -> bool {
    values(headers, name).next().is_some()
}

/// go-ftw's pattern is `^POST|PUT|PATCH|DELETE$`, its anchors bound to the outer alternatives only.
fn may_have_body(method: &str) -> bool {
    method.starts_with("POST")
        || method.contains("PUT")
        || method.contains("PATCH")
        || method.ends_with("DELETE")
}

/// Escapes names and values of a form, unless something in it looks escaped already.
fn encode_form(body: Vec<u8>) -> Vec<u8> {
    if body.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return body;
    }
    let body = body.strip_suffix(b"&").unwrap_or(&body);
    let mut encoded = Vec::new();
    for (index, pair) in body.split(|byte| *byte == b'&').enumerate() {
        if index > 0 {
            encoded.push(b'&');
        }
        match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => {
                escape(&pair[..equals], &mut encoded);
                encoded.push(b'=');
                escape(&pair[equals + 1..], &mut encoded);
            }
            None => escape(pair, &mut encoded),
        }
    }
    encoded
}

/// The one template form that the suite uses: `{{ "x" | repeat N }}`.
fn expand(data: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = data;
    while let Some((before, template)) = rest.split_once("{{") {
        expanded.push_str(before);
        let (inside, after) = template.split_once("}}").ok_or("a template without an end")?;
        let unknown = || format!("unknown template {inside:?}");
        let (text, count) = inside.split_once("| repeat").ok_or_else(unknown)?;
        let text = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let count: usize = count.trim().parse().map_err(|_| unknown())?;
        expanded.push_str(&text.ok_or_else(unknown)?.repeat(count));
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{GoFtwInput as Input, Headers};

    fn sent(input: &Input) -> String {
        String::from_utf8(bytes(input).unwrap()).unwrap()
    }

    fn headers(fields: &[(&str, &str)]) -> Headers {
        Headers(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_form_is_completed_and_encoded() {
        let input = Input {
            method: Some("POST".to_owned()),
            headers: headers(&[("Host", "localhost")]),
            data: Some("a=<b> c&d&e=f=g&".to_owned()),
            ..Input::default()
        };
        assert_eq!(
            sent(&input),
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 23\r\n\r\na=%3Cb%3E+c&d&e=f%3Dg"
                .replace("Content-Length: 23", "Content-Length: 21")
        );
    }

    #[test]
    fn what_looks_encoded_is_left_alone() {
        for data in ["a=%41", "a=b+c", "a=100%"] {
            let input = Input { data: Some(data.to_owned()), ..Input::default() };
            assert!(sent(&input).ends_with(&format!("\r\n\r\n{data}")));
        }
    }

    #[test]
    fn multipart_lines_end_in_crlf_and_templates_repeat() {
        let input = Input {
            headers: headers(&[("content-type", "Multipart/Form-Data; boundary=b")]),
            data: Some("--b\n{{ \"1\" | repeat 3 }}\n".to_owned()),
            autocomplete_headers: Some(false),
            ..Input::default()
        };
        assert!(sent(&input).ends_with("\r\n\r\n--b\r\n111\r\n"));
        assert!(!sent(&input).contains("Connection"));
    }

    #[test]
    fn methods_with_a_body_get_a_length_of_zero() {
        for (method, expected) in [("POST", true), ("XPUTX", true), ("DELETED", false), ("GET", false)] {
            let input = Input { method: Some(method.to_owned()), ..Input::default() };
            assert_eq!(sent(&input).contains("Content-Length: 0"), expected, "{method}");
        }
    }

    #[test]
    fn an_encoded_request_is_sent_as_it_is_and_a_foreign_template_refused() {
        let input = Input { encoded_request: Some("R0VU\nIC8=".to_owned()), ..Input::default() };
        assert_eq!(bytes(&input).unwrap(), b"GET /");
        let input = Input { data: Some("{{ now }}".to_owned()), ..Input::default() };
        assert!(bytes(&input).is_err());
    }
}
