//! Every answer that the edge makes itself: this file alone turns a [`Refusal`] into bytes.
//!
//! A client learns the status, a title and its request id, never a rule or a product's name (RFC 9457). HTTPS answers carry HSTS
//! (RFC 6797, section 7.1), plain ones must not (section 7.2).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;
use portcullis_waf::{Disposition, Intervention};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::{request_id, snapshot::Snapshot};

pub(crate) use crate::refusal::Refusal;

/// Where a client stands with the limits it has (draft-ietf-httpapi-ratelimit-headers-11).
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The problem of who has asked too much (the same draft).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// How long a client that is still sending its refused body is listened to, so that it gets to read the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes of a refused body that are thrown away before the connection is closed over the client's head.
const LINGER_BYTES: usize = 16 << 20;

/// What is done towards the client.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// The connection, or over HTTP/2 the stream, ends without a word.
    Drop,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer with a body of this media type. `hsts` is absent on plain HTTP.
    pub(crate) fn new(status: u16, media_type: &'static str, body: Bytes) -> Self {
        let fields = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Self { status, fields, body }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    /// As bytes of HTTP/1.1, after which the connection is closed.
    pub(crate) fn to_http1(&self, to_head: bool) -> Bytes {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("")).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"connection: close\r\n\r\n");
        if !to_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes.into()
    }

    pub(crate) fn header(&self) -> Option<Box<ResponseHeader>> {
        let mut header = ResponseHeader::build(self.status, Some(self.fields.len())).ok()?;
        for (name, value) in &self.fields {
            header.insert_header(name.clone(), value.clone()).ok()?;
        }
        Some(Box::new(header))
    }
}

/// What a refusal means to a client over HTTPS.
pub(crate) fn over_https(refusal: &Refusal, request_id: &str, snapshot: &Snapshot) -> Reply {
    match over_http(refusal, request_id) {
        Reply::Answer(answer) => {
            Reply::Answer(answer.with(header::STRICT_TRANSPORT_SECURITY, snapshot.hsts.clone()))
        }
        Reply::Drop => Reply::Drop,
    }
}

/// What a refusal means to a client over plain HTTP.
pub(crate) fn over_http(refusal: &Refusal, request_id: &str) -> Reply {
    let status = refusal.status();
    let Ok(code) = StatusCode::from_u16(status) else { return Reply::Drop };
    let (kind, policies) = match refusal {
        Refusal::RateLimited(exceeding) | Refusal::CustomerRateLimited(exceeding) => {
            (QUOTA_EXCEEDED, Some([&exceeding.limit]))
        }
        _ => ("about:blank", None),
    };
    let mut body = json!({
        "type": kind,
        "title": code.canonical_reason().unwrap_or("Refused"),
        "status": status,
        "instance": request_id,
    });
    if let (Some(body), Some(policies)) = (body.as_object_mut(), policies) {
        body.insert("violated-policies".to_owned(), json!(policies));
    }
    let mut answer = Answer::new(status, "application/problem+json", body.to_string().into());
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer = answer.with(HeaderName::from_static(request_id::FIELD), id);
    }
    match refusal {
        Refusal::MethodNotAllowed => {
            let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            answer = answer.with(header::ALLOW, allowed);
        }
        // RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
        Refusal::UnknownWebsocketVersion => {
            answer = answer
                .with(header::UPGRADE, HeaderValue::from_static("websocket"))
                .with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        // RFC 9110, section 11.6.1, wants a challenge; no scheme is registered for what TLS does.
        Refusal::CertificateMissing => {
            answer = answer.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("ClientCertificate"));
        }
        Refusal::CertificateTrustLost => {
            answer = answer.with(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        Refusal::RateLimited(exceeding)
        | Refusal::CustomerRateLimited(exceeding)
        | Refusal::TooManyAtOnce(exceeding) => {
            answer = answer.with(header::RETRY_AFTER, HeaderValue::from(exceeding.retry_after));
            for (name, value) in exceeding
                .fields
                .iter()
                .flat_map(|(policy, state)| [(RATELIMIT_POLICY, policy), (RATELIMIT, state)])
            {
                if let Ok(value) = HeaderValue::from_str(value) {
                    answer = answer.with(name, value);
                }
            }
        }
        Refusal::Overloaded | Refusal::Shed | Refusal::LimitStoreAway => {
            answer = answer.with(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Refusal::Rules(Intervention { disposition: Disposition::Redirect(_, location), .. }) => {
            if let Ok(location) = HeaderValue::from_bytes(location) {
                answer = answer.with(header::LOCATION, location);
            }
        }
        _ => {}
    }
    Reply::Answer(answer)
}

/// Sends it, and closes an HTTP/1 connection whose request was not read to its end.
///
/// Failures are not told: a client that is gone needs no answer, and the record says what was meant.
pub(crate) async fn send(session: &mut ServerSession, reply: Reply) {
    let Reply::Answer(answer) = reply else {
        session.set_keepalive(None);
        session.shutdown().await;
        return;
    };
    let Some(header) = answer.header() else { return };
    let unread = !session.is_body_done();
    // A client that waits for 100 sends nothing more once it has its answer (RFC 9110, section 10.1.1).
    let waits = session.get_header(header::EXPECT).is_some() && session.body_bytes_read() == 0;
    if unread {
        session.set_keepalive(None);
    }
    let to_head = session.req_header().method == http::Method::HEAD;
    if session.write_response_header(header).await.is_err() {
        return;
    }
    let written = if to_head || answer.body.is_empty() {
        session.finish_body().await
    } else {
        session.write_response_body(answer.body, true).await
    };
    if written.is_ok() && unread && !waits && session.req_header().version != Version::HTTP_2 {
        linger(session).await;
    }
}

/// Closing with unread bytes in the kernel's buffer resets the connection, and the reset may overtake the answer (RFC 9112, 9.6).
async fn linger(session: &mut ServerSession) {
    let deadline = Instant::now() + LINGER;
    let mut thrown_away = 0;
    while let Ok(Ok(Some(chunk))) = timeout_at(deadline, session.read_request_body()).await {
        thrown_away += chunk.len();
        if thrown_away > LINGER_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_request_and_nothing_of_ours() {
        let Reply::Answer(answer) = over_http(&Refusal::UnknownPath, "an-id-of-it") else {
            panic!("an answer was due")
        };
        assert_eq!(answer.status, 404);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["instance"], "an-id-of-it");
        let text = String::from_utf8_lossy(&answer.to_http1(false)).to_ascii_lowercase();
        assert!(text.contains("connection: close") && text.contains("x-request-id: an-id-of-it"));
        for word in ["server:", "portcullis", "pingora", "strict-transport"] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(!answer.to_http1(true).ends_with(&answer.body));
    }

    #[test]
    fn the_disposition_of_a_rule_is_carried_out() {
        let refusal = |disposition| Refusal::Rules(Intervention { rule: 1, phase: 1, disposition });
        assert!(matches!(over_http(&refusal(Disposition::Drop), "id"), Reply::Drop));
        let Reply::Answer(answer) = over_http(&refusal(Disposition::Redirect(302, b"/x".to_vec())), "id")
        else {
            panic!("an answer was due")
        };
        assert_eq!(answer.status, 302);
        assert!(answer.fields.iter().any(|(name, value)| name == header::LOCATION && value == "/x"));
    }
}
