//! A request head as it was on the wire, for the rules and the records: bytes and where its parts lie in them.

use std::ops::Range;

use bytes::Bytes;
use pingora_http::RequestHeader;
use portcullis_waf::{Header, RequestHead};

/// Fields that are read of a head that was refused; what is beyond is not shown to the rules.
const MOST_FIELDS: usize = 512;

/// One head. A head that came over HTTP/2 is written down as if it had come over HTTP/1, `:authority` as `Host`, first.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    bytes: Bytes,
    method: Range<usize>,
    target: Range<usize>,
    protocol: Range<usize>,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Head {
    /// Reads whatever has at least a method and a target. Used for heads that were refused, so that the rules can still log what
    /// was wrong with them; nothing that decides how a request is understood may come from here.
    pub(crate) fn lenient(bytes: Bytes) -> Option<Self> {
        let mut lines = Lines { bytes: &bytes, at: 0 };
        let first = lines.next()?;
        let line = bytes.get(first.clone())?;
        let space = line.iter().position(|byte| *byte == b' ')?;
        let method = first.start..first.start + space;
        let rest = first.start + space + 1..first.end;
        // The protocol is what stands after the last space, so that a target with spaces in it stays whole.
        let last = bytes.get(rest.clone())?.iter().rposition(|byte| *byte == b' ');
        let (target, protocol) = match last {
            Some(last) => (rest.start..rest.start + last, rest.start + last + 1..rest.end),
            None => (rest.clone(), rest.end..rest.end),
        };
        let fields: Vec<_> = lines
            .take(MOST_FIELDS)
            .filter_map(|line| {
                let text = bytes.get(line.clone())?;
                let colon = text.iter().position(|byte| *byte == b':')?;
                Some((line.start..line.start + colon, trimmed(&bytes, line.start + colon + 1..line.end)))
            })
            .collect();
        (!method.is_empty() && !target.is_empty()).then_some(Self { bytes, method, target, protocol, fields })
    }

    /// A head whose lines were already measured.
    pub(super) fn new(
        bytes: Bytes,
        method: Range<usize>,
        target: Range<usize>,
        protocol: Range<usize>,
        fields: Vec<(Range<usize>, Range<usize>)>,
    ) -> Self {
        Self { bytes, method, target, protocol, fields }
    }

    /// What an HTTP/2 stream began with. Cookie crumbs are joined (RFC 9113, section 8.2.3), or a rule would see them one by one and
    /// the backend as one.
    pub(crate) fn from_http2(request: &RequestHeader) -> Self {
        let mut writer = Writer::default();
        let method = writer.part(request.method.as_str().as_bytes(), b" ");
        let target = writer.part(request.raw_path(), b" ");
        let protocol = writer.part(b"HTTP/2.0", b"\r\n");
        let mut fields = Vec::with_capacity(request.headers.len() + 1);
        if let Some(authority) = request.uri.authority() {
            fields.push((writer.part(b"Host", b": "), writer.part(authority.as_str().as_bytes(), b"\r\n")));
        }
        let mut cookies = Vec::new();
        for (name, value) in &request.headers {
            if name == http::header::COOKIE {
                cookies.push(value.as_bytes());
            } else if name != http::header::HOST || request.uri.authority().is_none() {
                fields.push((
                    writer.part(name.as_str().as_bytes(), b": "),
                    writer.part(value.as_bytes(), b"\r\n"),
                ));
            }
        }
        if !cookies.is_empty() {
            fields.push((writer.part(b"cookie", b": "), writer.part(&cookies.join(&b"; "[..]), b"\r\n")));
        }
        Self { bytes: writer.bytes.into(), method, target, protocol, fields }
    }

    pub(crate) fn method(&self) -> &[u8] {
        self.slice(&self.method)
    }

    pub(crate) fn target(&self) -> &[u8] {
        self.slice(&self.target)
    }

    pub(crate) fn protocol(&self) -> &[u8] {
        self.slice(&self.protocol)
    }

    /// Bytes it took on the wire; over HTTP/2, what it would have taken over HTTP/1.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Fields in wire order.
    pub(crate) fn fields(&self) -> Vec<Header<'_>> {
        self.iter().collect()
    }

    /// The same, one by one.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Header<'_>> {
        self.fields.iter().map(|(name, value)| Header { name: self.slice(name), value: self.slice(value) })
    }

    /// The first field of this name.
    pub(crate) fn field(&self, wanted: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(name, _)| self.slice(name).eq_ignore_ascii_case(wanted.as_bytes()))
            .map(|(_, value)| self.slice(value))
    }

    /// The engine's view. `fields` is what [`Self::fields`] gave.
    pub(crate) fn for_rules<'a>(&'a self, fields: &'a [Header<'a>]) -> RequestHead<'a> {
        RequestHead {
            method: self.method(),
            target: self.target(),
            protocol: self.protocol(),
            headers: fields,
        }
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or(&[])
    }
}

/// A value without the white space around it (RFC 9112, section 5.1).
pub(super) fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let white = |byte: &u8| matches!(byte, b' ' | b'\t');
    let value = bytes.get(range.clone()).unwrap_or(&[]);
    let start = value.iter().take_while(|byte| white(byte)).count();
    let end = value.iter().rev().take_while(|byte| white(byte)).count();
    if start == value.len() { range.end..range.end } else { range.start + start..range.end - end }
}

/// Lines that end with LF, a CR before it left out; the empty line ends them.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let start = self.at;
        self.at += length + 1;
        let cut = usize::from(rest.get(..length)?.last() == Some(&b'\r'));
        (length > cut).then_some(start..start + length - cut)
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn part(&mut self, part: &[u8], after: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(part);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(after);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_head_is_read_as_far_as_it_goes() {
        let head = Head::lenient(Bytes::from_static(
            b"GET /a b?c=<d> HTTP/1.1\nHost: h\r\nno colon\r\nX:  y \r\n\r\nbody: no\r\n",
        ))
        .expect("a head");
        assert_eq!(head.method(), b"GET");
        assert_eq!(head.target(), b"/a b?c=<d>");
        assert_eq!(head.protocol(), b"HTTP/1.1");
        assert_eq!(head.fields().len(), 2);
        assert_eq!(head.field("x"), Some(&b"y"[..]));
        assert!(Head::lenient(Bytes::from_static(b"garbage\r\n\r\n")).is_none());
        assert!(Head::lenient(Bytes::from_static(b"")).is_none());
    }

    #[test]
    fn cookie_crumbs_are_one_cookie() {
        let mut request = RequestHeader::build("GET", b"/p?q", None).expect("a request");
        request.set_uri("https://h.test/p?q".parse().expect("a URI"));
        request.append_header("cookie", "a=1").expect("appended");
        request.append_header("accept", "*/*").expect("appended");
        request.append_header("cookie", "b=2").expect("appended");
        let head = Head::from_http2(&request);
        assert_eq!(head.field("host"), Some(&b"h.test"[..]));
        assert_eq!(head.field("cookie"), Some(&b"a=1; b=2"[..]));
        assert_eq!(head.target(), b"/p?q");
        assert_eq!(head.fields().len(), 3);
    }
}
