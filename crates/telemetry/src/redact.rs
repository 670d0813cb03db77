//! The only functions that turn bytes of a client into text that may stand in a record.
//!
//! Control bytes and everything beyond ASCII are escaped as `\xHH` (a log reader must not be steered by a request), lengths are cut,
//! and what may carry a secret is left out before it can be written: the query but for names, user names and passwords of a URL, and
//! values of path parameters (`;jsessionid=..`). There is no function for header values or bodies: they have no place in a record.

use std::fmt::Write;

use serde::Serialize;

/// Bytes of a path that are kept.
pub const PATH_BYTES: usize = 512;

/// Bytes of a host name or SNI that are kept; a DNS name has 253 at most.
pub const HOST_BYTES: usize = 255;

/// Bytes of a method or protocol name that are kept.
pub const WORD_BYTES: usize = 32;

/// Parameter names that are kept of one query.
pub const NAMES: usize = 32;

/// Bytes of one parameter name that are kept.
pub const NAME_BYTES: usize = 64;

/// Text that is safe to write: printable ASCII, bounded, free of what the maker had to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A method, protocol name or other short word: escaped and cut after [`WORD_BYTES`].
#[must_use]
pub fn word(bytes: &[u8]) -> Text {
    escaped(bytes, WORD_BYTES)
}

/// A host name, `host:port` or SNI. User information (`user:password@host`) is left out.
#[must_use]
pub fn host(bytes: &[u8]) -> Text {
    escaped(without_userinfo(bytes), HOST_BYTES)
}

/// The path of a request target, origin form or absolute form (RFC 9112, section 3.2).
///
/// Scheme and authority are left out, and so is everything from the first `?`, `#` or their percent-encoded forms on (a client that
/// encodes twice still sends a query), and the value of every path parameter: `/a;v=1/b` becomes `/a;v/b`.
#[must_use]
pub fn path(target: &[u8]) -> Text {
    let path = without_authority(target);
    let path = path.get(..query_start(path)).unwrap_or(path);
    if !path.contains(&b';') {
        return escaped(path, PATH_BYTES);
    }
    let mut kept = Vec::with_capacity(path.len().min(PATH_BYTES + 1));
    let mut parameter = Parameter::None;
    for byte in path {
        parameter = match (parameter, *byte) {
            (_, b'/') => Parameter::None,
            (Parameter::None, b';') => Parameter::Name,
            (Parameter::Name, b'=') => Parameter::Value,
            (Parameter::Value, b';') => Parameter::Name,
            (state, _) => state,
        };
        if parameter != Parameter::Value {
            kept.push(*byte);
        }
        if kept.len() > PATH_BYTES {
            break;
        }
    }
    escaped(&kept, PATH_BYTES)
}

/// Names of the parameters of a request target's query or of a bare query (`after ?`), sorted, each once, at most [`NAMES`].
///
/// A part without `=` may be a value rather than a name (`/reset?e5b0..`): it is shown as `-`.
#[must_use]
pub fn parameter_names(query: &[u8]) -> Vec<Text> {
    let mut names: Vec<Text> = Vec::new();
    for part in query.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).take(NAMES * 8) {
        let name = match part.iter().position(|byte| *byte == b'=') {
            Some(end) => escaped(part.get(..end).unwrap_or(part), NAME_BYTES),
            None => Text(String::from("-")),
        };
        if let Err(place) = names.binary_search(&name) {
            names.insert(place, name);
        }
    }
    names.truncate(NAMES);
    names
}

/// The query of a request target: what follows the first `?`, empty when there is none.
#[must_use]
pub fn query(target: &[u8]) -> &[u8] {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => target.get(at + 1..).unwrap_or(&[]),
        None => &[],
    }
}

/// Escapes and cuts. `~` at the end says that there was more.
#[must_use]
pub fn escaped(bytes: &[u8], limit: usize) -> Text {
    let kept = bytes.get(..limit).unwrap_or(bytes);
    let mut text = String::with_capacity(kept.len() + 1);
    // Nearly always all of it stands for itself, which is cheap to see for many bytes at once.
    let is_plain =
        kept.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & (*byte != b'\\'));
    match std::str::from_utf8(kept) {
        Ok(plain) if is_plain => text.push_str(plain),
        _ => kept.iter().for_each(|byte| escape(&mut text, *byte)),
    }
    if bytes.len() > limit {
        text.push('~');
    }
    Text(text)
}

fn escape(text: &mut String, byte: u8) {
    match byte {
        b'\\' => text.push_str("\\\\"),
        0x20..=0x7e => text.push(char::from(byte)),
        _ => {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Parameter {
    None,
    Name,
    Value,
}

fn without_userinfo(authority: &[u8]) -> &[u8] {
    match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => authority.get(at + 1..).unwrap_or(&[]),
        None => authority,
    }
}

/// `https://user:password@host/path` is a target as good as `/path`; so is `//user@host/path` to many a parser.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") && !target.starts_with(b"//") {
        return target;
    }
    let scheme = target.windows(3).take(32).position(|window| window == b"://").map(|at| at + 3);
    let start = match scheme {
        Some(start) if target.first() != Some(&b'/') => start,
        _ if target.starts_with(b"//") => 2,
        // Authority form (`CONNECT user:password@host:443`), asterisk form, or garbage.
        _ => return without_userinfo(target),
    };
    let rest = target.get(start..).unwrap_or(&[]);
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')) {
        Some(at) => rest.get(at..).unwrap_or(&[]),
        None => &[],
    }
}

fn query_start(path: &[u8]) -> usize {
    let encoded = |at: usize| {
        let rest = path.get(at..).unwrap_or(&[]);
        ["%3f", "%23", "%253f"].iter().any(|code| {
            rest.get(..code.len()).is_some_and(|start| start.eq_ignore_ascii_case(code.as_bytes()))
        })
    };
    path.iter()
        .enumerate()
        .position(|(at, byte)| match byte {
            b'?' | b'#' => true,
            b'%' => encoded(at),
            _ => false,
        })
        .unwrap_or(path.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_loses_what_may_be_secret() {
        let cases: &[(&[u8], &str)] = &[
            (b"/", "/"),
            (b"/a/b?password=x", "/a/b"),
            (b"/a/b%3Fpassword=x", "/a/b"),
            (b"/a%253fpassword=x", "/a"),
            (b"/a#frag", "/a"),
            (b"/a;jsessionid=SECRET/b;v=1;w=2", "/a;jsessionid/b;v;w"),
            (b"https://user:secret@host/a?b=c", "/a"),
            (b"https://user:secret@host", ""),
            (b"https://user:secret@host?x=1", ""),
            (b"//user:secret@host/a", "/a"),
            (b"user:secret@host:443", "host:443"),
            (b"*", "*"),
            (b"/\x00\n\xff\\", "/\\x00\\x0a\\xff\\\\"),
            (b"", ""),
        ];
        for (target, expected) in cases {
            assert_eq!(path(target).as_str(), *expected, "{}", String::from_utf8_lossy(target));
        }
    }

    #[test]
    fn names_are_sorted_without_values() {
        let names = parameter_names(b"z=1&a=secret&a=2&&token&b[c]=3&%20=4");
        let names: Vec<&str> = names.iter().map(Text::as_str).collect();
        assert_eq!(names, ["%20", "-", "a", "b[c]", "z"]);
        let many: Vec<u8> = (0..500).flat_map(|n| format!("n{n}=v&").into_bytes()).collect();
        assert_eq!(parameter_names(&many).len(), NAMES);
        assert_eq!(query(b"/a?b=c?d"), b"b=c?d");
        assert_eq!(query(b"/a"), b"");
    }

    #[test]
    fn a_host_loses_its_user() {
        assert_eq!(host(b"user:secret@example.com:443").as_str(), "example.com:443");
        assert_eq!(host(&[b'a'; 300]).as_str().len(), HOST_BYTES + 1);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_printable_and_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let texts = [word(&bytes), host(&bytes), path(&bytes)];
            for text in texts.iter().chain(&parameter_names(&bytes)) {
                prop_assert!(text.as_str().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
                prop_assert!(text.as_str().len() <= PATH_BYTES * 4 + 1);
            }
            prop_assert!(!path(&bytes).as_str().contains('?'));
        }
    }
}
