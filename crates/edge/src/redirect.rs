//! Plain HTTP is answered with where HTTPS is, and nothing else. No HSTS here: RFC 6797, section 7.2, forbids it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::{
    answer::{Answer, Refusal},
    gate::Vetted,
    host, request_id,
    snapshot::Snapshot,
};

/// 308, so that a method and its body survive (RFC 9110, section 15.4.9). Only to hosts that a route names: a redirect to whatever
/// `Host` says would be an open one.
pub(crate) fn answer(snapshot: &Snapshot, vetted: &Vetted, id: &str) -> Result<Answer, Refusal> {
    let host = vetted.head.field("host").and_then(host::parse).filter(|host| !host.is_empty());
    let host = host.ok_or(Refusal::BadHost)?;
    if !snapshot.knows_host(&host) {
        return Err(Refusal::UnknownHost);
    }
    let port = match snapshot.config.listen.public_https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let target = match vetted.target() {
        b"*" => &b"/"[..],
        target => target,
    };
    let location = [format!("https://{host}{port}").as_bytes(), target].concat();
    let location = HeaderValue::from_bytes(&location).map_err(|_| Refusal::BadTarget)?;
    let id = HeaderValue::from_str(id).map_err(|_| Refusal::Internal)?;
    let fields = vec![
        (header::LOCATION, location),
        (header::CONTENT_LENGTH, HeaderValue::from_static("0")),
        (HeaderName::from_static(request_id::FIELD), id),
    ];
    Ok(Answer { status: 308, fields, body: Bytes::new() })
}
