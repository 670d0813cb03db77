//! The backend that the suite expects: any path is answered 200 without a body, `POST /reflect` answers what the request's JSON says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_testkit::{Received, Reply};
use serde_json::Value;

/// The answer to a request.
pub(crate) fn reply(request: &Received) -> Reply {
    let path = request.target.split(['?', '#']).next().unwrap_or_default();
    if request.method != "POST" || path.trim_end_matches('/') != "/reflect" {
        return Reply::new(200, "");
    }
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(specification) => reflect(&specification),
        Err(_) => Reply::new(400, "Invalid JSON in request body"),
    }
}

fn reflect(specification: &Value) -> Reply {
    let status = specification["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let body = match (specification["body"].as_str(), specification["encodedBody"].as_str()) {
        (Some(body), _) if !body.is_empty() => body.as_bytes().to_vec(),
        (_, Some(encoded)) => match STANDARD.decode(encoded) {
            Ok(body) => body,
            Err(_) => return Reply::new(400, "invalid base64 encoding of response body"),
        },
        _ => Vec::new(),
    };
    let typed = specification["headers"]
        .as_object()
        .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")));
    let sniffed = (!typed && !body.is_empty()).then(|| content_type(&body));
    let mut reply = Reply::new(status.unwrap_or(200), body);
    if let Some(content_type) = sniffed {
        reply = reply.header("Content-Type", content_type);
    }
    for (name, value) in specification["headers"].as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        reply = reply.header(name, &text);
    }
    reply
}

/// What Go's HTTP server says of a body when nothing else was said (WHATWG MIME sniffing, as far as the suite needs it).
fn content_type(body: &[u8]) -> &'static str {
    const HTML: [&str; 17] = [
        "<!DOCTYPE HTML",
        "<HTML",
        "<HEAD",
        "<SCRIPT",
        "<IFRAME",
        "<H1",
        "<DIV",
        "<FONT",
        "<TABLE",
        "<A",
        "<STYLE",
        "<TITLE",
        "<B",
        "<BODY",
        "<BR",
        "<P",
        "<!--",
    ];
    let text = body.trim_ascii_start();
    let begins = |tag: &str| {
        text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
            && (tag == "<!--" || matches!(text.get(tag.len()), Some(b' ' | b'>')))
    };
    if HTML.into_iter().any(begins) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    if body.starts_with(&[0x1f, 0x8b, 0x08]) {
        return "application/x-gzip";
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if body.iter().take(512).any(binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" }
}

#[cfg(test)]
mod tests {
    use portcullis_testkit::{Client, RecordingUpstream};

    use super::*;

    #[test]
    fn the_backend_keeps_its_contract() {
        let upstream = RecordingUpstream::plain(reply).unwrap();
        let client = Client::plain(upstream.address());
        let answer = client.get("/any/path?x").unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let reflect = |json: &str| {
            let request =
                format!("POST /reflect HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{json}", json.len());
            client.exchange(request.as_bytes()).unwrap()
        };
        let answer = reflect(r#"{"status": 503, "headers": {"Server": "x"}, "encodedBody": "PGh0bWw+"}"#);
        assert_eq!((answer.status, answer.text().as_str()), (503, "<html>"));
        assert_eq!(answer.header("server").as_deref(), Some("x"));
        assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(
            reflect(r#"{"body": "abc"}"#).header("content-type").unwrap(),
            "text/plain; charset=utf-8"
        );
        assert_eq!(reflect("{").status, 400);
    }
}
