//! Admission: is this a request that the edge serves at all, and by which route.

use std::{borrow::Cow, sync::Arc};

use portcullis_config::ClientCert;

use crate::{
    answer::Refusal,
    client, clock,
    context::{Arrival, Context},
    gate::Head,
    host, request_id,
    snapshot::Snapshot,
};

/// Notes how the request came. Nothing is decided yet, so that a refusal can be recorded with all of it.
pub(crate) fn arrive(ctx: &mut Context, mut arrival: Arrival) {
    let head = Arc::clone(&arrival.head);
    ctx.request_id = request_id::choose(head.field(request_id::FIELD));
    ctx.began = arrival.began;
    if let Cow::Owned(connection) = client::of_request(&ctx.snapshot, &arrival.connection, &head) {
        arrival.connection = Arc::new(connection);
    }
    ctx.head = Some(head);
    ctx.arrival = Some(arrival);
}

/// Sizes (which the gate has checked over HTTP/1, and nobody yet over HTTP/2), method, host, route.
pub(crate) fn request(snapshot: &Snapshot, ctx: &mut Context) -> Result<(), Refusal> {
    let head = ctx.head.clone().ok_or(Refusal::Internal)?;
    sizes(snapshot, &head)?;
    let host = match head.field("host") {
        Some(value) => host::parse(value).ok_or(Refusal::BadHost)?,
        None => String::new(),
    };
    // The route first: a refused method is then counted where it was tried.
    let route = snapshot.route(&host, &routing_path(head.target()));
    if route != Err(Refusal::UnknownHost) {
        directed(snapshot, ctx, &host)?;
    }
    ctx.route = Some(route?);
    if matches!(head.method(), b"TRACE" | b"CONNECT") {
        return Err(Refusal::MethodNotAllowed);
    }
    match head.field("expect") {
        Some(value) if !value.eq_ignore_ascii_case(b"100-continue") => return Err(Refusal::UnmetExpectation),
        _ => {}
    }
    identity(snapshot, ctx, &host)
}

/// A request belongs to the host that the handshake was for: another one may ask for certificates, and did not get to (RFC 9110,
/// section 15.5.20). Who named none at the handshake is served where nothing is asked.
fn directed(snapshot: &Snapshot, ctx: &Context, host: &str) -> Result<(), Refusal> {
    let Some(connection) = ctx.arrival.as_ref().map(|arrival| &arrival.connection) else { return Ok(()) };
    let agrees = match &connection.server_name {
        Some(name) => name == host || host.is_empty(),
        None => snapshot.asked_of(Some(host)) == ClientCert::Off,
    };
    if agrees { Ok(()) } else { Err(Refusal::Misdirected) }
}

/// Whose certificate the client has shown, as things are now; and whether the route serves this customer.
fn identity(snapshot: &Snapshot, ctx: &mut Context, host: &str) -> Result<(), Refusal> {
    let Some(route) = ctx.route() else { return Ok(()) };
    let asked = snapshot.asked_by(route, host);
    let presented = ctx.arrival.as_ref().and_then(|arrival| arrival.connection.certificate.clone());
    let (Some(identities), Some(presented)) = (&snapshot.identities, presented) else {
        return match asked {
            ClientCert::Required => Err(Refusal::CertificateMissing),
            ClientCert::Optional | ClientCert::Off => anonymous(snapshot, &route.customers),
        };
    };
    // Also where none is asked for: what was revoked is not served on a connection that it opened.
    let identity = identities.judge(&presented, clock::unix_time())?;
    let served = route.customers.is_empty() || route.customers.iter().any(|id| id == identity.id.as_str());
    let overlay = identity.overlay();
    ctx.identity = Some(identity);
    if !served {
        return Err(Refusal::CustomerNotAllowed);
    }
    ctx.overlay = overlay?;
    Ok(())
}

/// Without a certificate nobody can be told from a customer of the route; one that is to be served by its certificate alone keeps the
/// route closed to them.
fn anonymous(snapshot: &Snapshot, customers: &[String]) -> Result<(), Refusal> {
    let identities = snapshot.identities.as_ref();
    match identities
        .is_some_and(|identities| customers.iter().any(|customer| identities.is_mtls_only(customer)))
    {
        true => Err(Refusal::CertificateMissing),
        false => Ok(()),
    }
}

fn sizes(snapshot: &Snapshot, head: &Head) -> Result<(), Refusal> {
    let limits = &snapshot.config.limits;
    let mut fields = head.iter();
    if head.target().len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    if fields.len() > limits.header_fields {
        return Err(Refusal::TooManyFields);
    }
    if fields.any(|field| field.name.len() + field.value.len() + 2 > limits.header_line_bytes) {
        return Err(Refusal::FieldTooLarge);
    }
    Ok(())
}

/// The path that a route's prefix is compared with: no query, encoded bytes decoded that a prefix may hold, dot segments resolved
/// (RFC 3986, section 5.2.4), also behind an encoded slash or with a path parameter (`..;`). Backends do all this, so a prefix that
/// looked at `/public/../admin` or `/%61dmin` as written could be walked around.
fn routing_path(target: &[u8]) -> Vec<u8> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or(&[]);
    let path = match path.iter().position(|byte| *byte == b'/') {
        // Absolute form: the path begins with the third slash.
        Some(at) if at > 0 => path
            .get(at + 2..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'/').and_then(|slash| rest.get(slash..))),
        _ => Some(path),
    };
    let mut segments: Vec<&[u8]> = Vec::new();
    let path = path.and_then(|path| path.strip_prefix(b"/")).unwrap_or(&[]);
    let decoded = decode_printable(path);
    let mut trailing = false;
    for segment in decoded.split(|byte| *byte == b'/') {
        let segment = match segment {
            [b'.', b'.', b';', ..] => segment.get(..2).unwrap_or(segment),
            [b'.', b';', ..] => segment.get(..1).unwrap_or(segment),
            segment => segment,
        };
        trailing = matches!(segment, b"" | b"." | b"..");
        match segment {
            b".." => {
                segments.pop();
            }
            b"" | b"." => {}
            segment => segments.push(segment),
        }
    }
    let mut resolved = Vec::with_capacity(path.len() + 1);
    for segment in segments {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    if trailing || resolved.is_empty() {
        resolved.push(b'/');
    }
    resolved
}

/// What is percent-encoded of all that a configured prefix may hold, as what it stands for.
fn decode_printable(path: &[u8]) -> Vec<u8> {
    let hex = |digit: &u8| char::from(*digit).to_digit(16);
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let encoded = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                hex(high).zip(hex(low)).map(|(high, low)| (high * 16 + low, tail))
            }
            _ => None,
        };
        let printable = encoded.and_then(|(value, tail)| {
            let value = u8::try_from(value).ok()?;
            let plain = value.is_ascii_graphic() && !b"?#%;".contains(&value);
            plain.then_some((value, tail))
        });
        let byte = match printable {
            Some((value, tail)) => {
                rest = tail;
                value
            }
            None => *byte,
        };
        // A separator to some backends (WHATWG URL, section 4.4); no prefix can hold one.
        decoded.push(if byte == b'\\' { b'/' } else { byte });
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_cannot_be_walked_around() {
        for (target, path) in [
            ("/", "/"),
            ("*", "/"),
            ("/a/b?c=/../d", "/a/b"),
            ("/a/", "/a/"),
            ("/public/../admin", "/admin"),
            ("/public/%2e%2E/admin", "/admin"),
            ("/public/..%2fadmin", "/admin"),
            ("//admin", "/admin"),
            ("/./admin/.", "/admin/"),
            ("/public\\..\\admin", "/admin"),
            ("/public%5C..%5cadmin", "/admin"),
            ("/\\admin", "/admin"),
            ("/../../x", "/x"),
            ("/public/..;a=b/admin", "/admin"),
            ("/public/.;/%2e%2e;/admin", "/admin"),
            ("/a;b/c", "/a;b/c"),
            ("/%61dmin/%41%7E%40", "/admin/A~@"),
            ("/a%20b%3f%2561%", "/a%20b%3f%2561%"),
            ("https://h.test/a/b", "/a/b"),
            ("http://h.test", "/"),
        ] {
            assert_eq!(String::from_utf8_lossy(&routing_path(target.as_bytes())), path, "{target}");
        }
    }
}
