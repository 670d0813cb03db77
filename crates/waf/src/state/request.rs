//! The head of a request, taken apart as ModSecurity v3 does, with its evasions closed.
//!
//! Choices: the target is cut at the first raw `?` and `#`, then decoded; v3 decodes first, so that `/a%3f<attack>` hides the attack from
//! `REQUEST_FILENAME`. `REQUEST_URI` is percent-decoded and has no host (trap 27: v3). `REQUEST_FILENAME` is decoded, `REQUEST_BASENAME`
//! is empty, not absent, for a path that ends in a slash (trap 28: CRS 920200 needs it there). A fragment is cut from both, kept in `REQUEST_URI_RAW` and `REQUEST_LINE`
//! (trap 29). Cookies are split on `;` and the first `=`, neither decoded nor unquoted (trap 30).

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use portcullis_body::{Limits, urlencoded};

use super::{Member, Value};
use crate::transaction::RequestHead;

#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: Value,
    pub(crate) uri_raw: Value,
    pub(crate) uri: Value,
    pub(crate) filename: Value,
    pub(crate) basename: Value,
    pub(crate) query: Value,
    pub(crate) protocol: Value,
    pub(crate) line: Value,
    pub(crate) headers: Vec<Member>,
    /// Lengths of their names, a bit each, the last one for all that are longer.
    name_lengths: u64,
    /// Position of the first `Content-Type`.
    content_type: Option<usize>,
    /// There are several, with different values.
    pub(crate) content_types_differ: bool,
    pub(crate) cookies: Vec<Member>,
    pub(crate) args: Vec<Member>,
    pub(crate) server_name: Value,
    pub(crate) auth_type: Option<Value>,
    pub(crate) remote_user: Option<Value>,
    pub(crate) urlencoded_error: bool,
    /// More arguments than `SecArgumentsLimit`.
    pub(crate) too_many_args: bool,
}

impl Request {
    /// Takes a head apart. It is copied once, and what needs no decoding shares the copy.
    pub(crate) fn read(head: &RequestHead<'_>, separator: u8, limits: &Limits) -> Self {
        let fields: usize = head.headers.iter().map(|field| field.name.len() + field.value.len()).sum();
        let mut copy =
            Vec::with_capacity(head.method.len() + head.target.len() + head.protocol.len() + 2 + fields);
        copy.extend_from_slice(head.method);
        copy.push(b' ');
        copy.extend_from_slice(head.target);
        copy.push(b' ');
        copy.extend_from_slice(head.protocol);
        for field in head.headers {
            copy.extend_from_slice(field.name);
            copy.extend_from_slice(field.value);
        }
        let copy = Bytes::from(copy);
        let mut rest = Rest(&copy);
        let line = rest.take(head.method.len() + head.target.len() + head.protocol.len() + 2);
        let mut words = Rest(line);
        let method = words.take(head.method.len());
        words.take(1);
        let target = words.take(head.target.len());
        words.take(1);
        let mut request = Self {
            method: Value::part(&copy, method),
            uri_raw: Value::part(&copy, target),
            protocol: Value::part(&copy, words.0),
            line: Value::part(&copy, line),
            headers: Vec::with_capacity(head.headers.len()),
            ..Self::default()
        };
        request.read_target(&copy, target, separator, limits);
        for field in head.headers {
            let (name, value) = (rest.take(field.name.len()), rest.take(field.value.len()));
            request.name_lengths |= length_bit(name);
            request.read_field(&copy, name, value);
            request.headers.push(Member { name: Value::part(&copy, name), value: Value::part(&copy, value) });
        }
        request
    }

    /// The first `Content-Type`.
    pub(crate) fn content_type(&self) -> Option<&Value> {
        self.content_type.and_then(|at| self.headers.get(at)).map(|member| &member.value)
    }

    /// Whether a header field may be there: none is whose name has this length, if not.
    pub(crate) fn may_have(&self, name: &[u8]) -> bool {
        self.name_lengths & length_bit(name) != 0
    }

    /// Whether the body has a content coding (RFC 9110, section 8.4.1). A backend may unpack it, and then reads what no rule has seen.
    pub(crate) fn is_packed(&self) -> bool {
        let codings =
            self.headers.iter().filter(|member| member.name.eq_ignore_ascii_case(b"content-encoding"));
        codings
            .flat_map(|member| member.value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
    }

    fn read_target(&mut self, copy: &Bytes, target: &[u8], separator: u8, limits: &Limits) {
        let without_fragment = until(target, b'#');
        let path_and_query = without_authority(without_fragment);
        let path = until(path_and_query, b'?');
        let query = path_and_query.get(path.len() + 1..).unwrap_or(&[]);
        self.uri = Value::of(copy, percent_decoded(path_and_query));
        let filename = percent_decoded(path);
        let last = memchr::memrchr2(b'/', b'\\', &filename);
        let basename = last.and_then(|at| filename.get(at + 1..)).unwrap_or(&[]);
        self.basename = Value::part(copy, basename);
        self.filename = Value::of(copy, filename);
        self.query = Value::part(copy, query);
        let form = urlencoded::walk(query, separator, limits, |name, value| {
            self.args.push(Member { name: Value::of(copy, name), value: Value::of(copy, value) });
        });
        self.urlencoded_error = form.invalid_escape;
        self.too_many_args = form.truncated;
    }

    fn read_field(&mut self, copy: &Bytes, name: &[u8], value: &[u8]) {
        // Few names have the length of one of these.
        if !matches!(name.len(), 4 | 6 | 12 | 13) {
            return;
        }
        if name.eq_ignore_ascii_case(b"cookie") {
            self.cookies.extend(cookies(value).map(|(name, value)| Member {
                name: Value::part(copy, name),
                value: Value::part(copy, value),
            }));
        } else if name.eq_ignore_ascii_case(b"content-type") {
            self.content_types_differ |= self.content_type().is_some_and(|first| **first != *value);
            // This one is the next to be kept.
            self.content_type.get_or_insert(self.headers.len());
        } else if name.eq_ignore_ascii_case(b"host") {
            self.server_name = Value::part(copy, without_port(value));
        } else if name.eq_ignore_ascii_case(b"authorization") {
            let scheme = until(value, b' ');
            self.auth_type = Some(Value::part(copy, scheme));
            if scheme.eq_ignore_ascii_case(b"basic") {
                let credentials = STANDARD.decode(value.get(scheme.len()..).unwrap_or(&[]).trim_ascii());
                self.remote_user = credentials.ok().map(|decoded| Value::from(until(&decoded, b':')));
            }
        }
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

/// What is left of a buffer.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }
}

fn until(bytes: &[u8], stop: u8) -> &[u8] {
    let end = memchr::memchr(stop, bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

/// The part of a target behind `scheme://authority`; the target itself in any other form.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let scheme = until(target, b':');
    let plausible = !scheme.is_empty()
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let Some(rest) =
        target.get(scheme.len()..).and_then(|rest| rest.strip_prefix(b"://")).filter(|_| plausible)
    else {
        return target;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.get(end..).unwrap_or(&[])
}

fn without_port(host: &[u8]) -> &[u8] {
    if host.starts_with(b"[") {
        let end = memchr::memchr(b']', host).map_or(host.len(), |at| at + 1);
        return host.get(..end).unwrap_or(host);
    }
    until(host, b':')
}

/// Decodes `%XX`; anything else, a lone `%` too, stands for itself.
pub(crate) fn percent_decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', bytes) else { return Cow::Borrowed(bytes) };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(bytes.get(..first).unwrap_or_default());
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        let pair =
            (byte == b'%').then(|| Some((hex(*bytes.get(at + 1)?)?, hex(*bytes.get(at + 2)?)?))).flatten();
        match pair {
            Some((high, low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn cookies(field: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    field.trim_ascii_end().split(|byte| *byte == b';').filter_map(|pair| {
        let name = until(pair, b'=');
        let value = pair.get(name.len() + 1..).unwrap_or(&[]);
        let name = name.trim_ascii_start();
        (!name.is_empty()).then_some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Header;

    fn request(target: &str) -> Request {
        let head =
            RequestHead { method: b"GET", target: target.as_bytes(), protocol: b"HTTP/1.1", headers: &[] };
        Request::read(&head, b'&', &Limits::default())
    }

    fn text(value: &Value) -> String {
        String::from_utf8_lossy(value).into_owned()
    }

    #[test]
    fn a_target_is_cut_before_it_is_decoded() {
        let request = request("/a%3fb%23c/d.php?x=%31#f");
        assert_eq!(text(&request.filename), "/a?b#c/d.php");
        assert_eq!(text(&request.basename), "d.php");
        assert_eq!(text(&request.query), "x=%31");
        assert_eq!(text(&request.uri), "/a?b#c/d.php?x=1");
        assert_eq!(text(&request.line), "GET /a%3fb%23c/d.php?x=%31#f HTTP/1.1");
    }

    #[test]
    fn what_needs_no_decoding_is_not_copied() {
        let request = request(
            "/a/quite/long/path/to/some/directory/and/a/file/with/a/long/name.php?and=a+query+of+some+length",
        );
        let stands_in_line =
            |value: &Value| request.line.as_ptr_range().contains(&value.as_ptr()) && value.len() > 23;
        for value in [&request.uri_raw, &request.uri, &request.filename, &request.query] {
            assert!(stands_in_line(value), "{value:?}");
        }
    }

    #[test]
    fn a_directory_has_an_empty_basename() {
        assert_eq!(text(&request("/a/").basename), "");
        assert_eq!(text(&request("/a\\b").basename), "b");
    }

    #[test]
    fn scheme_and_authority_are_no_part_of_the_path() {
        assert_eq!(text(&request("http://h:80/a?b").uri), "/a?b");
        assert_eq!(text(&request("http://h").uri), "");
        assert_eq!(text(&request("*").uri), "*");
        assert_eq!(text(&request("h:443").uri), "h:443");
        assert_eq!(text(&request("javascript://a/b").filename), "/b");
    }

    #[test]
    fn cookies_keep_their_bytes() {
        let headers = [
            Header { name: b"Cookie", value: b"a=1; b=x=y ;;  =z; c ;d=\"q\"  " },
            Header { name: b"cookie", value: b"a=2" },
        ];
        let head = RequestHead { method: b"GET", target: b"/", protocol: b"HTTP/1.1", headers: &headers };
        let request = Request::read(&head, b'&', &Limits::default());
        let found: Vec<_> = request
            .cookies
            .iter()
            .map(|cookie| format!("{}={}", text(&cookie.name), text(&cookie.value)))
            .collect();
        assert_eq!(found, ["a=1", "b=x=y ", "c =", "d=\"q\"", "a=2"]);
    }

    #[test]
    fn the_first_content_type_counts_and_another_is_noticed() {
        let read = |values: &[&'static [u8]]| {
            let fields = values.iter().map(|value| Header { name: b"content-Type", value });
            let headers: Vec<_> =
                [Header { name: b"x-content-ty", value: b"a" }].into_iter().chain(fields).collect();
            let head =
                RequestHead { method: b"POST", target: b"/", protocol: b"HTTP/1.1", headers: &headers };
            let request = Request::read(&head, b'&', &Limits::default());
            (request.content_type().map(text), request.content_types_differ)
        };
        assert_eq!(read(&[]), (None, false));
        assert_eq!(read(&[b"text/xml"]), (Some("text/xml".to_owned()), false));
        assert_eq!(read(&[b"text/xml", b"text/xml"]), (Some("text/xml".to_owned()), false));
        assert_eq!(read(&[b"text/xml", b"text/xml", b"text/html"]), (Some("text/xml".to_owned()), true));
    }

    #[test]
    fn a_field_is_looked_for_by_the_length_of_its_name() {
        let headers = [Header { name: b"Host", value: b"a" }, Header { name: &[b'x'; 90], value: b"a" }];
        let head = RequestHead { method: b"GET", target: b"/", protocol: b"HTTP/1.1", headers: &headers };
        let request = Request::read(&head, b'&', &Limits::default());
        assert!(request.may_have(b"HOST") && request.may_have(&[b'x'; 90]) && request.may_have(&[b'x'; 63]));
        assert!(!request.may_have(b"") && !request.may_have(b"Cookie") && !request.may_have(&[b'x'; 62]));
    }

    #[test]
    fn basic_credentials_give_the_user() {
        let headers = [
            Header { name: b"Authorization", value: b"Basic YWxpY2U6c2VjcmV0" },
            Header { name: b"Host", value: b"[::1]:443" },
        ];
        let head = RequestHead { method: b"GET", target: b"/", protocol: b"HTTP/1.1", headers: &headers };
        let request = Request::read(&head, b'&', &Limits::default());
        assert_eq!(request.remote_user.as_ref().map(text).as_deref(), Some("alice"));
        assert_eq!(text(&request.server_name), "[::1]");
    }
}
