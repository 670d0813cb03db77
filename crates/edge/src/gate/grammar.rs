//! The strict grammar of a request head (RFC 9112, sections 2 to 6), and the copy of it that is handed on.
//!
//! Stricter than the RFC wherever leniency has been used to smuggle: lines end with CRLF only, no folding, one `Host`, one
//! `Content-Length` or one `Transfer-Encoding: chunked`, never both. Bytes that a target may not hold but that clients send, and
//! rules want to see, are percent-encoded in the copy.

use std::{fmt::Write as _, ops::Range};

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::{Bounds, chunks::is_token, head, head::Head};
use crate::{answer::Refusal, host};

/// Fields that no `Connection` may name.
const OF_THE_MESSAGE: [&[u8]; 3] = [b"host", b"content-length", b"transfer-encoding"];

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `Content-Length`, or none at all: this many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// A WebSocket handshake: what follows is for the other protocol.
    Upgrade,
}

/// A head that is what it says.
#[derive(Debug)]
pub(crate) struct Vetted {
    /// As it came.
    pub(crate) head: Head,
    /// As it is handed on.
    pub(crate) wire: BytesMut,
    pub(crate) framing: Framing,
}

impl Vetted {
    /// The target as it is handed on: origin form, everything doubtful percent-encoded.
    pub(crate) fn target(&self) -> &[u8] {
        self.wire[..].split(|byte| *byte == b' ').nth(1).unwrap_or(b"/")
    }
}

/// Offset behind the empty line that ends a head, if it is there. Bytes before `scanned` were looked at before.
///
/// An LF followed by an LF ends a head too, so that a head with bare LFs is refused at once and not by its deadline.
pub(super) fn end_of_head(buffer: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(3);
    let rest = buffer.get(from..)?;
    memchr_iter(b'\n', rest).find_map(|at| {
        let after = rest.get(at + 1..)?;
        match (after.first(), after.get(1)) {
            (Some(b'\n'), _) => Some(from + at + 2),
            (Some(b'\r'), Some(b'\n')) => Some(from + at + 3),
            _ => None,
        }
    })
}

/// What is wrong already with a head that is not complete.
pub(super) fn hopeless(buffer: &[u8], bounds: &Bounds) -> Option<Refusal> {
    // Method and protocol have room beside the target.
    let first_line = bounds.target_bytes.saturating_add(64);
    if buffer.len() > first_line && !buffer.iter().take(first_line).any(|byte| *byte == b'\n') {
        return Some(Refusal::TargetTooLong);
    }
    if buffer.len() > bounds.head_bytes {
        return Some(Refusal::HeadTooLarge);
    }
    // A TLS record or other binary in place of a request line is told from HTTP by its first bytes.
    let garbage = buffer.iter().take(16).any(|byte| *byte < b'\t' || *byte >= 0x7f);
    garbage.then_some(Refusal::BadRequestLine)
}

/// Checks a complete head and makes the copy that is handed on.
pub(super) fn vet(bytes: &Bytes, bounds: &Bounds) -> Result<Vetted, Refusal> {
    let mut lines = Lines { bytes, at: 0 };
    let first = lines.next_line()?.ok_or(Refusal::BadRequestLine)?;
    let line = RequestLine::parse(bytes, first, bounds)?;
    let mut fields = Vec::with_capacity(24);
    let mut facts = Facts::default();
    while let Some(range) = lines.next_line()? {
        if fields.len() == bounds.fields {
            return Err(Refusal::TooManyFields);
        }
        if range.len() > bounds.line_bytes {
            return Err(Refusal::FieldTooLarge);
        }
        let (name, value) = field(bytes, range)?;
        facts.note(part(bytes, &name), part(bytes, &value))?;
        fields.push((name, value));
    }
    let old = part(bytes, &line.protocol) == b"HTTP/1.0";
    let framing = facts.framing(old, part(bytes, &line.method))?;
    facts.check_host(old, line.authority.as_ref().map(|authority| part(bytes, authority)))?;
    let wire = rewrite(bytes, &line, &fields, framing, bounds)?;
    let head = Head::new(bytes.clone(), line.method, line.target, line.protocol, fields);
    Ok(Vetted { head, wire, framing })
}

/// Where the parts of a request line lie.
struct RequestLine {
    method: Range<usize>,
    target: Range<usize>,
    protocol: Range<usize>,
    /// Of an absolute-form target.
    authority: Option<Range<usize>>,
    /// The target without scheme and authority.
    origin: Range<usize>,
}

impl RequestLine {
    fn parse(bytes: &[u8], line: Range<usize>, bounds: &Bounds) -> Result<Self, Refusal> {
        let text = part(bytes, &line);
        let first = memchr(b' ', text).ok_or(Refusal::BadRequestLine)?;
        let last = memrchr(b' ', text).ok_or(Refusal::BadRequestLine)?;
        let method = line.start..line.start + first;
        if method.is_empty() || !part(bytes, &method).iter().all(|byte| is_token(*byte)) || last == first {
            return Err(Refusal::BadRequestLine);
        }
        let target = line.start + first + 1..line.start + last;
        let protocol = line.start + last + 1..line.end;
        if target.len() > bounds.target_bytes {
            return Err(Refusal::TargetTooLong);
        }
        match part(bytes, &protocol) {
            b"HTTP/1.1" | b"HTTP/1.0" => {}
            version if is_http_version(version) => return Err(Refusal::UnknownVersion),
            _ => return Err(Refusal::BadRequestLine),
        }
        // `#` would be cut off by the next parser without a word; spaces and control bytes are how request lines get split.
        let text = part(bytes, &target);
        if text.is_empty() || holds(text, |byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
            return Err(Refusal::BadTarget);
        }
        let (authority, origin) = Self::form(bytes, &method, &target)?;
        Ok(Self { method, target, protocol, authority, origin })
    }

    /// The four forms of RFC 9112, section 3.2. Authority form belongs to CONNECT, which is refused.
    fn form(
        bytes: &[u8],
        method: &Range<usize>,
        target: &Range<usize>,
    ) -> Result<(Option<Range<usize>>, Range<usize>), Refusal> {
        let text = part(bytes, target);
        if part(bytes, method) == b"CONNECT" {
            return Err(Refusal::MethodNotAllowed);
        }
        if text.starts_with(b"/") || (text == b"*" && part(bytes, method) == b"OPTIONS") {
            return Ok((None, target.clone()));
        }
        let scheme = [&b"https://"[..], b"http://"]
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
            .ok_or(Refusal::BadTarget)?;
        let start = target.start + scheme.len();
        let rest = part(bytes, &(start..target.end));
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        Ok((Some(start..start + end), start + end..target.end))
    }
}

/// What header fields say about the message as a whole.
#[derive(Default)]
struct Facts {
    host: Option<String>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    websocket: Websocket,
}

/// A WebSocket handshake (RFC 6455, section 4.1), as far as it is one.
#[derive(Default)]
struct Websocket {
    wanted: bool,
    key: Option<bool>,
    version: Option<bool>,
}

impl Facts {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case(b"host") {
            if self.host.is_some() {
                return Err(Refusal::BadHost);
            }
            self.host = Some(host::parse(value).ok_or(Refusal::BadHost)?);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
            let length =
                std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            if self.length.replace(length.ok_or(Refusal::BadFraming)?).is_some() {
                return Err(Refusal::BadFraming);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked {
                return Err(Refusal::BadFraming);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::UnknownTransferCoding);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.websocket.wanted |= has_token(value, b"websocket");
        } else if name.eq_ignore_ascii_case(b"sec-websocket-key") {
            // A second one makes both worthless.
            self.websocket.key = Some(self.websocket.key.is_none() && is_websocket_key(value));
        } else if name.eq_ignore_ascii_case(b"sec-websocket-version") {
            self.websocket.version = Some(self.websocket.version.is_none() && value == b"13");
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.upgrade |= has_token(value, b"upgrade");
            // What `Connection` names is taken off before the backend (RFC 9110, section 7.6.1): never what a message stands on.
            if OF_THE_MESSAGE.iter().any(|name| has_token(value, name)) {
                return Err(Refusal::BadField);
            }
        } else if super::is_framing_in_disguise(name) {
            return Err(Refusal::BadFraming);
        }
        Ok(())
    }

    fn framing(&self, old: bool, method: &[u8]) -> Result<Framing, Refusal> {
        if self.chunked && (old || self.length.is_some()) {
            return Err(Refusal::BadFraming);
        }
        if self.upgrade && self.websocket.wanted && !old {
            let body = self.chunked || self.length.is_some_and(|length| length > 0);
            // Half a handshake that a backend takes for a whole one, or the other way round, is a tunnel past every rule.
            if body || method != b"GET" || self.websocket.key != Some(true) {
                return Err(Refusal::BadUpgrade);
            }
            return match self.websocket.version {
                Some(true) => Ok(Framing::Upgrade),
                _ => Err(Refusal::UnknownWebsocketVersion),
            };
        }
        Ok(if self.chunked { Framing::Chunked } else { Framing::Length(self.length.unwrap_or(0)) })
    }

    /// HTTP/1.1 must have a host, and an absolute-form target must name the same.
    fn check_host(&self, old: bool, authority: Option<&[u8]>) -> Result<(), Refusal> {
        if self.host.is_none() && !old {
            return Err(Refusal::BadHost);
        }
        match authority {
            Some(authority) if host::parse(authority) != self.host || authority.is_empty() => {
                Err(Refusal::BadHost)
            }
            _ => Ok(()),
        }
    }
}

/// The copy: origin-form target, encoded where the next parser would stumble, white space around values gone, no `Upgrade` but to
/// WebSocket.
fn rewrite(
    bytes: &[u8],
    line: &RequestLine,
    fields: &[(Range<usize>, Range<usize>)],
    framing: Framing,
    bounds: &Bounds,
) -> Result<BytesMut, Refusal> {
    let mut wire = BytesMut::with_capacity(bytes.len() + 64);
    wire.extend_from_slice(part(bytes, &line.method));
    wire.extend_from_slice(b" ");
    let start = wire.len();
    let origin = part(bytes, &line.origin);
    if !origin.starts_with(b"/") && origin != b"*" {
        wire.extend_from_slice(b"/");
    }
    let doubtful = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'<' | b'>' | b'"' | b'`');
    let mut rest = origin;
    while let Some(at) = rest.iter().position(doubtful) {
        let (plain, coded) = rest.split_at(at);
        wire.extend_from_slice(plain);
        if let Some((byte, tail)) = coded.split_first() {
            let _ = write!(wire, "%{byte:02X}");
            rest = tail;
        }
    }
    wire.extend_from_slice(rest);
    if wire.len() - start > super::LONGEST_TARGET.max(bounds.target_bytes) {
        return Err(Refusal::TargetTooLong);
    }
    wire.extend_from_slice(b" ");
    wire.extend_from_slice(part(bytes, &line.protocol));
    wire.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        let name = part(bytes, name);
        if name.eq_ignore_ascii_case(b"upgrade") {
            continue;
        }
        wire.extend_from_slice(name);
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(part(bytes, value));
        wire.extend_from_slice(b"\r\n");
    }
    if framing == Framing::Upgrade {
        wire.extend_from_slice(b"Upgrade: websocket\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    Ok(wire)
}

/// `name: value`. White space before the colon, and a line that begins with it (folding), are refused: each has been read two ways.
fn field(bytes: &[u8], line: Range<usize>) -> Result<(Range<usize>, Range<usize>), Refusal> {
    let text = part(bytes, &line);
    // A colon is no byte of a name.
    let colon = text.iter().position(|byte| !is_token(*byte)).filter(|at| text.get(*at) == Some(&b':'));
    let colon = colon.filter(|at| *at > 0).ok_or(Refusal::BadField)?;
    let name = line.start..line.start + colon;
    let value = head::trimmed(bytes, line.start + colon + 1..line.end);
    if holds(part(bytes, &value), |byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return Err(Refusal::BadField);
    }
    Ok((name, value))
}

/// Lines that end with CRLF, as nothing else is a line end here.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    /// The next line; `None` at the empty one.
    fn next_line(&mut self) -> Result<Option<Range<usize>>, Refusal> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let length = memchr2(b'\r', b'\n', rest).ok_or(Refusal::BadLineEnd)?;
        if !rest.get(length..).is_some_and(|end| end.starts_with(b"\r\n")) {
            return Err(Refusal::BadLineEnd);
        }
        let start = self.at;
        self.at += length + 2;
        Ok((length > 0).then_some(start..start + length))
    }
}

/// Whether one of the bytes is such a one. All of them are looked at: they hardly ever are, and many at once cost less than one by one.
fn holds(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(false, |found, byte| found | is(*byte))
}

fn part<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or(&[])
}

fn is_http_version(text: &[u8]) -> bool {
    text.strip_prefix(b"HTTP/").is_some_and(
        |rest| matches!(rest, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit()),
    )
}

/// Sixteen bytes in base64 (RFC 6455, section 4.1).
fn is_websocket_key(value: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    value.len() == 24 && value.strip_suffix(b"==").is_some_and(|digits| digits.iter().all(base64))
}

fn has_token(list: &[u8], wanted: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn bounds() -> Bounds {
        Bounds {
            idle: Duration::from_secs(1),
            total: Duration::from_secs(1),
            head_bytes: 4096,
            fields: 8,
            line_bytes: 512,
            target_bytes: 256,
        }
    }

    fn outcome(head: &[u8]) -> Result<(String, Framing), Refusal> {
        let bytes = Bytes::copy_from_slice(head);
        let vetted = vet(&bytes, &bounds())?;
        Ok((String::from_utf8_lossy(&vetted.wire).into_owned(), vetted.framing))
    }

    #[test]
    fn what_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(300));
        let wide = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(600));
        let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(20));
        let cases: &[(&[u8], Refusal)] = &[
            (b"GET / HTTP/1.1\nHost: h\n\n", Refusal::BadLineEnd),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", Refusal::BadLineEnd),
            (b"GET / HTTP/1.1\r\n\r\n", Refusal::BadHost),
            (b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Refusal::BadHost),
            (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::BadHost),
            (b"GET http://x/ HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadHost),
            (b"GET http:/// HTTP/1.1\r\nHost:\r\n\r\n", Refusal::BadHost),
            (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"GET foo HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadTarget),
            (b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::MethodNotAllowed),
            (b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::BadRequestLine),
            (b"GET /\r\nHost: h\r\n\r\n", Refusal::BadRequestLine),
            (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", Refusal::UnknownVersion),
            (b"GET / http/1.1\r\nHost: h\r\n\r\n", Refusal::BadRequestLine),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", Refusal::BadField),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", Refusal::BadField),
            (b"GET / HTTP/1.1\r\nHost: h\r\nnone\r\n\r\n", Refusal::BadField),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", Refusal::BadField),
            (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n", Refusal::BadFraming),
            (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\n", Refusal::BadFraming),
            (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", Refusal::BadFraming),
            (
                b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::BadFraming,
            ),
            (b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::BadFraming),
            (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Refusal::UnknownTransferCoding),
            (b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n", Refusal::BadUpgrade),
            (long.as_bytes(), Refusal::TargetTooLong),
            (wide.as_bytes(), Refusal::FieldTooLarge),
            (many.as_bytes(), Refusal::TooManyFields),
        ];
        for (head, refusal) in cases {
            assert_eq!(outcome(head).err().as_ref(), Some(refusal), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn half_a_websocket_handshake_is_none() {
        const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
        let bounds = Bounds { fields: 16, ..bounds() };
        let handshake = |method: &str, fields: &str| {
            let head = format!(
                "{method} / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{fields}\r\n"
            );
            vet(&Bytes::from(head), &bounds).map(|vetted| vetted.framing)
        };
        assert_eq!(handshake("GET", &format!("{KEY}{VERSION}")), Ok(Framing::Upgrade));
        for (method, fields, refusal) in [
            ("GET", format!("{KEY}{VERSION}Content-Length: 1\r\n"), Refusal::BadUpgrade),
            ("GET", format!("{KEY}{VERSION}Transfer-Encoding: chunked\r\n"), Refusal::BadUpgrade),
            ("POST", format!("{KEY}{VERSION}"), Refusal::BadUpgrade),
            ("GET", VERSION.to_owned(), Refusal::BadUpgrade),
            ("GET", format!("{KEY}{KEY}{VERSION}"), Refusal::BadUpgrade),
            ("GET", format!("Sec-WebSocket-Key: AAAA\r\n{VERSION}"), Refusal::BadUpgrade),
            ("GET", KEY.to_owned(), Refusal::UnknownWebsocketVersion),
            ("GET", format!("{KEY}Sec-WebSocket-Version: 8\r\n"), Refusal::UnknownWebsocketVersion),
            ("GET", format!("{KEY}{VERSION}{VERSION}"), Refusal::UnknownWebsocketVersion),
        ] {
            assert_eq!(handshake(method, &fields), Err(refusal), "{method} {fields}");
        }
    }

    #[test]
    fn what_is_handed_on() {
        let (wire, framing) =
            outcome(b"GET /p?q=<s>\"`\xff HTTP/1.1\r\nHost:  h \r\nUpgrade: h2c\r\n\r\n").expect("vetted");
        assert_eq!(wire, "GET /p?q=%3Cs%3E%22%60%FF HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(framing, Framing::Length(0));
        let (wire, _) = outcome(b"GET http://h?a HTTP/1.1\r\nhost: H:80\r\n\r\n").expect("vetted");
        assert_eq!(wire, "GET /?a HTTP/1.1\r\nhost: H:80\r\n\r\n");
        let (_, framing) =
            outcome(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n").expect("vetted");
        assert_eq!(framing, Framing::Chunked);
        let (wire, framing) =
            outcome(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                .expect("vetted");
        assert_eq!(framing, Framing::Upgrade);
        assert!(wire.contains("Upgrade: websocket"));
        assert!(outcome(b"GET / HTTP/1.0\r\n\r\n").is_ok());
        assert!(outcome(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").is_ok());
    }

    #[test]
    fn every_byte_of_a_target_that_passes_suits_the_next_parser() {
        for byte in 0..=255u8 {
            let head = [b"GET /a?b=", &[byte][..], b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
            if let Ok((wire, _)) = outcome(&head) {
                let target = wire.split(' ').nth(1).expect("a target");
                let uri: http::Uri = target.parse().unwrap_or_else(|_| panic!("{byte:#x} gives {target}"));
                assert_eq!(uri.to_string(), target, "{byte:#x}");
            }
        }
    }

    #[test]
    fn heads_end_where_they_end() {
        assert_eq!(end_of_head(b"a\r\n\r\nb", 0), Some(5));
        assert_eq!(end_of_head(b"a\n\nb", 0), Some(3));
        assert_eq!(end_of_head(b"a\n\r\nb", 0), Some(4));
        assert_eq!(end_of_head(b"a\r\nb", 0), None);
        assert_eq!(end_of_head(b"aaaa\r\n\r\n", 7), Some(8));
        assert_eq!(end_of_head(b"", 0), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_refused_or_understood_by_all(
            pieces in proptest::collection::vec(
                prop_oneof![
                    any::<u8>().prop_map(|byte| vec![byte]),
                    prop_oneof![
                        Just("GET "), Just("/"), Just(" HTTP/1.1"), Just("\r\n"), Just("\n"), Just("Host: h"), Just(": "),
                        Just("Content-Length: 3"), Just("Transfer-Encoding: chunked"), Just("http://h"), Just("%41"), Just("X"),
                    ]
                    .prop_map(|text| text.as_bytes().to_vec()),
                ],
                0..40,
            ),
            whole in any::<bool>(),
        ) {
            let mut head = pieces.concat();
            if whole {
                head = [b"GET /", &head[..], b" HTTP/1.1\r\nHost: h\r\nX: ", &head[..], b"\r\n\r\n"].concat();
            }
            let _ = Head::lenient(head.clone().into());
            let end = end_of_head(&head, 0).unwrap_or(head.len());
            let bytes = Bytes::copy_from_slice(&head[..end]);
            if let Ok(vetted) = vet(&bytes, &bounds()) {
                let target = std::str::from_utf8(vetted.target()).expect("ASCII");
                prop_assert!(target.parse::<http::Uri>().is_ok(), "{target}");
                for field in vetted.head.fields() {
                    prop_assert!(http::HeaderName::from_bytes(field.name).is_ok());
                    prop_assert!(http::HeaderValue::from_bytes(field.value).is_ok());
                }
                prop_assert!(vetted.wire.ends_with(b"\r\n\r\n"));
                let text = String::from_utf8_lossy(&vetted.wire).into_owned();
                prop_assert_eq!(text.matches("\r\n\r\n").count(), 1);
            }
        }
    }
}
