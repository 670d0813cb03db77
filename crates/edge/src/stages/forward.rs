//! To the backend: which server, by which connection, with which fields; and what it means when that fails.

use std::sync::atomic::Ordering;

use http::{HeaderName, HeaderValue, Version, header};
use pingora_core::{Error, ErrorSource, ErrorType, Result, upstreams::peer::HttpPeer};
use pingora_http::RequestHeader;
use portcullis_config::WafMode;
use portcullis_telemetry::address;

use crate::{answer::Refusal, context::Context, request_id, snapshot::Snapshot, upstream::Attempt};

/// Fields by which we tell a backend who the client is. What a client sends under these names, or under names that a CGI-like
/// backend folds into them (`_` for `-`), is an attempt to speak in our voice. So is everything that begins with [`FORWARDED`].
///
/// `x-original-url` and `x-rewrite-url` name a path other than the one that was routed and inspected; `proxy` becomes `HTTP_PROXY`.
const OURS: [&str; 15] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "front-end-https",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "proxy",
    "client-cert",
    "client-cert-chain",
    "x-customer-id",
    request_id::FIELD,
];

const FORWARDED: &str = "x-forwarded-";

/// The server to ask. Called again for a retry, when it names the next one.
pub(crate) async fn peer(snapshot: &Snapshot, ctx: &mut Context) -> Result<HttpPeer, Refusal> {
    if ctx.attempt.is_none() {
        let route = ctx.route().ok_or(Refusal::Internal)?;
        let upstream = snapshot.upstream(&route.upstream).ok_or(Refusal::Internal)?;
        ctx.attempt = Some(Attempt::begin(upstream).await.ok_or(Refusal::UpstreamUnresolved)?);
    }
    let attempt = ctx.attempt.as_ref().ok_or(Refusal::Internal)?;
    Ok(attempt.peer())
}

/// A connection stands, new or from the pool.
pub(crate) fn connected(ctx: &mut Context) {
    if let Some(attempt) = ctx.attempt.as_mut() {
        attempt.connected = true;
        if attempt.upstream.is_plaintext() {
            ctx.edge.metrics.upstream_plaintext(attempt.upstream.id());
        }
    }
}

/// No byte of the request was sent, so the next server may be asked, whatever the method.
pub(crate) fn connect_failed(ctx: &mut Context, mut error: Box<Error>) -> Box<Error> {
    let next = ctx.attempt.as_mut().is_some_and(Attempt::next);
    error.set_retry(next);
    error
}

/// The request's head as the backend gets it.
pub(crate) fn request(snapshot: &Snapshot, ctx: &Context, request: &mut RequestHeader) -> Result<()> {
    let customer_field = snapshot.config.pki.customer_field.as_str();
    let foreign: Vec<HeaderName> =
        request.headers.keys().filter(|name| is_ours(name, customer_field)).cloned().collect();
    for name in foreign {
        request.remove_header(&name);
    }
    request.remove_header(&header::EXPECT);
    if let Some(length) = ctx.body_length {
        // The body is here in full, so its length is known, whatever it was sent as.
        let framed = request.remove_header(&header::TRANSFER_ENCODING).is_some();
        if framed || length > 0 || request.headers.contains_key(header::CONTENT_LENGTH) {
            request.insert_header(header::CONTENT_LENGTH, length)?;
        }
    }
    join_cookies(request)?;
    if snapshot.config.waf.inspect_responses && ctx.mode() != WafMode::Off {
        // Rules read what the client will see; a compressed answer would pass them unread.
        request.remove_header(&header::ACCEPT_ENCODING);
    }
    if let Some(arrival) = &ctx.arrival {
        let client = address::ip(arrival.connection.client.ip().to_canonical());
        request.insert_header("x-forwarded-for", client)?;
        request.insert_header("x-forwarded-proto", "https")?;
    }
    if let Some(identity) = &ctx.identity {
        request.insert_header("client-cert", identity.certificate_field())?;
        request.insert_header("client-cert-chain", identity.chain_field())?;
        if let Ok(name) = HeaderName::from_bytes(customer_field.as_bytes()) {
            request.insert_header(name, identity.id.as_str())?;
        }
    }
    let field = |name| ctx.head.as_ref().and_then(|head| head.field(name));
    if let Some(Ok(host)) = field("host").map(HeaderValue::from_bytes) {
        request.insert_header("x-forwarded-host", host)?;
    }
    if request.version == Version::HTTP_2
        && field("te").is_some_and(|te| te.eq_ignore_ascii_case(b"trailers"))
    {
        // The one hop-by-hop field that HTTP/2 keeps (RFC 9113, section 8.2.2); gRPC needs it, pingora takes it off a held request.
        request.insert_header(header::TE, "trailers")?;
    }
    request.insert_header(request_id::FIELD, ctx.request_id.as_str())
}

/// What an error of pingora's means.
pub(crate) fn blame(ctx: &Context, error: &Error) -> Refusal {
    let slow = |ctx: &Context| {
        ctx.arrival.as_ref().is_some_and(|arrival| arrival.notes.slow_reader.load(Ordering::Relaxed))
    };
    match error.esource() {
        ErrorSource::Upstream => match error.etype() {
            ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout => Refusal::UpstreamTimeout,
            ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
                Refusal::UpstreamTls
            }
            ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::BindError
            | ErrorType::SocketError => Refusal::UpstreamConnect,
            ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::InvalidH2 => {
                Refusal::UpstreamAnswer
            }
            _ => Refusal::UpstreamReset,
        },
        ErrorSource::Downstream => match error.etype() {
            // A `Connection` field that names fields which are not its to name, or is no list of names.
            ErrorType::InvalidHTTPHeader => Refusal::BadField,
            ErrorType::WriteTimedout => Refusal::SlowReader,
            _ if slow(ctx) => Refusal::SlowReader,
            _ => Refusal::ClientGone,
        },
        ErrorSource::Internal | ErrorSource::Unset => Refusal::Internal,
    }
}

fn is_ours(name: &HeaderName, customer_field: &str) -> bool {
    let name = name.as_str().as_bytes();
    let begins = |ours: &str| {
        let folded = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte });
        name.len() >= ours.len() && ours.bytes().zip(folded).all(|(wanted, byte)| wanted == byte)
    };
    let is = |ours: &str| ours.len() == name.len() && begins(ours);
    begins(FORWARDED) || is(customer_field) || OURS.iter().any(|ours| is(ours))
}

/// Crumbs of an HTTP/2 cookie become one field again (RFC 9113, section 8.2.3).
fn join_cookies(request: &mut RequestHeader) -> Result<()> {
    let crumbs: Vec<&[u8]> =
        request.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return Ok(());
    }
    let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) else { return Ok(()) };
    request.insert_header(header::COOKIE, cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_in_our_voice() {
        for name in [
            "x-customer-id",
            "x_customer_id",
            "x-customer_id",
            "Client-Cert",
            "X_Forwarded_For",
            "x-forwarded_ssl",
            "X-Original-URL",
            "X_Partner",
            "proxy",
        ] {
            assert!(
                is_ours(&HeaderName::from_bytes(name.as_bytes()).expect("a name"), "x-partner"),
                "{name}"
            );
        }
        for name in ["x-customer", "client-certificate", "accept", "x-forwarded", "proxy-status"] {
            assert!(
                !is_ours(&HeaderName::from_bytes(name.as_bytes()).expect("a name"), "x-partner"),
                "{name}"
            );
        }
    }

    #[test]
    fn crumbs_are_joined() {
        let mut request = RequestHeader::build("GET", b"/", None).expect("a request");
        request.append_header("cookie", "a=1").expect("appended");
        request.append_header("cookie", "b=2").expect("appended");
        join_cookies(&mut request).expect("joined");
        assert_eq!(request.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
