//! The head of a request, taken apart as ModSecurity v3 does, with its evasions closed.
//!
//! Choices: the target is cut at the first raw `?` and `#`, then decoded; v3 decodes first, so that `/a%3f<attack>` hides the attack from
//! `REQUEST_FILENAME`. `REQUEST_URI` is percent-decoded and has no host (trap 27: v3). `REQUEST_FILENAME` is decoded, `REQUEST_BASENAME`
//! is empty, not absent, for a path that ends in a slash (trap 28: CRS 920200 needs it there). A fragment is cut from both, kept in `REQUEST_URI_RAW` and `REQUEST_LINE`
//! (trap 29). Cookies are split on `;` and the first `=`, neither decoded nor unquoted (trap 30).

use base64::{Engine, engine::general_purpose::STANDARD};
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
    pub(crate) fn read(head: &RequestHead<'_>, separator: u8, limits: &Limits) -> Self {
        let mut request = Self {
            method: Value::from(head.method),
            uri_raw: Value::from(head.target),
            protocol: Value::from(head.protocol),
            line: Value::from([head.method, head.target, head.protocol].join(&b' ')),
            headers: head.headers.iter().map(|field| Member::new(field.name, field.value)).collect(),
            ..Self::default()
        };
        request.read_target(head.target, separator, limits);
        for field in head.headers {
            request.read_field(field.name, field.value);
        }
        request
    }

    /// The first value of a header field.
    pub(crate) fn header(&self, name: &[u8]) -> Option<&Value> {
        self.headers.iter().find(|member| member.name.eq_ignore_ascii_case(name)).map(|member| &member.value)
    }

    /// Whether a header field is there several times, with different values.
    pub(crate) fn disagrees_on(&self, name: &[u8]) -> bool {
        let first = self.header(name);
        self.headers
            .iter()
            .filter(|member| member.name.eq_ignore_ascii_case(name))
            .any(|member| first.is_some_and(|first| *first != member.value))
    }

    fn read_target(&mut self, target: &[u8], separator: u8, limits: &Limits) {
        let without_fragment = until(target, b'#');
        let path_and_query = without_authority(without_fragment);
        let path = until(path_and_query, b'?');
        let query = path_and_query.get(path.len() + 1..).unwrap_or(&[]);
        self.uri = Value::from(percent_decoded(path_and_query));
        let filename = percent_decoded(path);
        let last = filename.iter().rposition(|byte| matches!(byte, b'/' | b'\\'));
        self.basename = Value::from(last.and_then(|at| filename.get(at + 1..)).unwrap_or(&[]));
        self.filename = Value::from(filename);
        self.query = Value::from(query);
        let form = urlencoded::parse(query, separator, limits);
        self.args = form.fields.iter().map(|field| Member::new(&field.name, &field.value)).collect();
        self.urlencoded_error = form.invalid_escape;
        self.too_many_args = form.truncated;
    }

    fn read_field(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"cookie") {
            self.cookies.extend(cookies(value));
        } else if name.eq_ignore_ascii_case(b"host") {
            self.server_name = Value::from(without_port(value));
        } else if name.eq_ignore_ascii_case(b"authorization") {
            let scheme = until(value, b' ');
            self.auth_type = Some(Value::from(scheme));
            if scheme.eq_ignore_ascii_case(b"basic") {
                let credentials = STANDARD.decode(value.get(scheme.len()..).unwrap_or(&[]).trim_ascii());
                self.remote_user = credentials.ok().map(|decoded| Value::from(until(&decoded, b':')));
            }
        }
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
pub(crate) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
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
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn cookies(field: &[u8]) -> impl Iterator<Item = Member> + '_ {
    field.trim_ascii_end().split(|byte| *byte == b';').filter_map(|pair| {
        let name = until(pair, b'=');
        let value = pair.get(name.len() + 1..).unwrap_or(&[]);
        let name = name.trim_ascii_start();
        (!name.is_empty()).then(|| Member::new(name, value))
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
