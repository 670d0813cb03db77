//! `application/x-www-form-urlencoded`, for bodies and query strings.
//!
//! Fields are split first and decoded afterwards, so that an encoded separator stays data. As in ModSecurity v3 an empty piece between two
//! separators is a field with an empty name; only what follows a last separator is none.

use std::borrow::Cow;

use crate::{Field, Limits};

/// What a form held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// In wire order; a pair without `=` has an empty value.
    pub fields: Vec<Field>,
    /// `URLENCODED_ERROR`: an invalid percent escape was seen (decoding leaves it as it stands).
    ///
    /// In names too, as in ModSecurity v2: v3 counts the escapes of a name and then overwrites the count with that of the value.
    pub invalid_escape: bool,
    /// More fields than [`Limits::fields`]; the rest was not read.
    pub truncated: bool,
}

/// How a form was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// See [`Form::invalid_escape`].
    pub invalid_escape: bool,
    /// See [`Form::truncated`].
    pub truncated: bool,
}

/// Reads a form. `separator` is `&` unless `SecArgumentSeparator` says otherwise.
#[must_use]
pub fn parse(input: &[u8], separator: u8, limits: &Limits) -> Form {
    let mut fields = Vec::new();
    let Facts { invalid_escape, truncated } = walk(input, separator, limits, |name, value| {
        fields.push(Field { name: name.into_owned(), value: value.into_owned() });
    });
    Form { fields, invalid_escape, truncated }
}

/// Reads a form field by field: `visit` is given name and value in wire order. What needs no decoding is not copied.
pub fn walk<'a>(
    input: &'a [u8],
    separator: u8,
    limits: &Limits,
    mut visit: impl FnMut(Cow<'a, [u8]>, Cow<'a, [u8]>),
) -> Facts {
    let mut facts = Facts::default();
    let mut rest = input;
    let mut count = 0;
    while !rest.is_empty() {
        if count == limits.fields {
            facts.truncated = true;
            break;
        }
        count += 1;
        let (pair, after) = split(rest, separator);
        let (name, value) = split(pair, b'=');
        visit(decode(name, &mut facts.invalid_escape), decode(value, &mut facts.invalid_escape));
        rest = after;
    }
    facts
}

/// Both sides of the first `separator`; the right one is empty without one.
fn split(input: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, input) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}

/// `%HH` and `+`. Sets `invalid` for a percent sign without two hexadecimal digits, and copies it.
fn decode<'a>(input: &'a [u8], invalid: &mut bool) -> Cow<'a, [u8]> {
    let Some(first) = memchr::memchr2(b'%', b'+', input) else { return Cow::Borrowed(input) };
    let mut out = Vec::with_capacity(input.len());
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            (b'%', _) => {
                *invalid = true;
                out.push(b'%');
            }
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// The value of a byte known to be a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static [u8], &'static [(&'static str, &'static str)], bool);

    fn form(input: &[u8]) -> (Vec<(String, String)>, bool) {
        let form = parse(input, b'&', &Limits::default());
        assert!(!form.truncated);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        (
            form.fields.iter().map(|field| (text(&field.name), text(&field.value))).collect(),
            form.invalid_escape,
        )
    }

    #[test]
    fn pairs() {
        let table: &[Case] = &[
            (b"", &[], false),
            (b"a=1&b=2", &[("a", "1"), ("b", "2")], false),
            (b"a=1&a=2", &[("a", "1"), ("a", "2")], false),
            (b"a", &[("a", "")], false),
            (b"=v", &[("", "v")], false),
            (b"=", &[("", "")], false),
            (b"&", &[("", "")], false),
            (b"a=1&&b", &[("a", "1"), ("", ""), ("b", "")], false),
            (b"a=1&", &[("a", "1")], false),
            (b"a=b=c", &[("a", "b=c")], false),
            (b"a+b=c+d", &[("a b", "c d")], false),
            (b"a%26b=%3d%2B", &[("a&b", "=+")], false),
            (b"a=%00%ff", &[("a", "\\x00\\xff")], false),
            (b"a=%", &[("a", "%")], true),
            (b"a=%4", &[("a", "%4")], true),
            (b"a=%zz%41", &[("a", "%zzA")], true),
            (b"%u0041=x", &[("%u0041", "x")], true),
            (b"%=x", &[("%", "x")], true),
            (b"a=%%41", &[("a", "%A")], true),
            (b"a;b=1", &[("a;b", "1")], false),
        ];
        for (input, fields, invalid) in table {
            let expected: Vec<_> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(form(input), (expected, *invalid), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn another_separator() {
        let form = parse(b"a=1;b=2&c", b';', &Limits::default());
        assert_eq!(form.fields.len(), 2);
        assert_eq!(form.fields[1].value, b"2&c");
    }

    #[test]
    fn no_more_fields_than_allowed() {
        let limits = Limits { fields: 2, ..Limits::default() };
        let form = parse(b"a&b&", b'&', &limits);
        assert_eq!((form.fields.len(), form.truncated), (2, false));
        let form = parse(b"a&b&c", b'&', &limits);
        assert_eq!((form.fields.len(), form.truncated), (2, true));
    }
}
