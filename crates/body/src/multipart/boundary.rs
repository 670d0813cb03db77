//! The boundary out of a `Content-Type` header, with ModSecurity's checks.
//!
//! Stricter than RFC 2046: `boundary` in lowercase, as the first parameter, once. Whoever writes it otherwise wants somebody not to see it.
//! Stricter than ModSecurity where a boundary without quotes holds what ends it for many a backend.

use super::Flags;

const TYPE: &[u8] = b"multipart/form-data";
const PARAMETER: &[u8] = b"boundary";
const LONGEST_HEADER: usize = 1024;

/// The boundary, without quotes and dashes. Never empty.
///
/// # Errors
/// Why the header has none that can be trusted.
pub(super) fn read(header: &[u8], flags: &mut Flags) -> Result<Vec<u8>, &'static str> {
    if header.is_empty() {
        return Err("Content-Type header not available");
    }
    if header.len() > LONGEST_HEADER {
        return Err("invalid boundary in Content-Type (length)");
    }
    if !header.get(..TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TYPE)) {
        return Err("invalid MIME type");
    }
    if mentions(header) > 1 {
        return Err("multiple boundary parameters in Content-Type");
    }
    let Some(at) = memchr::memmem::find(header, PARAMETER) else {
        return Err(match mentions(header) {
            0 => "boundary not found in Content-Type",
            _ => "invalid boundary in Content-Type (case sensitivity)",
        });
    };
    separator(header.get(TYPE.len()..at).unwrap_or_default(), flags)?;
    let parameter = &header[at + PARAMETER.len()..];
    let equals = memchr::memchr(b'=', parameter).ok_or("invalid boundary in Content-Type (malformed)")?;
    let (between, value) = (&parameter[..equals], &parameter[equals + 1..]);
    if !between.iter().all(|&byte| is_space(byte)) {
        return Err("invalid boundary in Content-Type (parameter name)");
    }
    flags.boundary_whitespace |= !between.is_empty() || value.first().is_some_and(|&byte| is_space(byte));
    let unquoted = unquoted(value, flags)?;
    let quoted = unquoted.len() < value.len();
    validated(unquoted, quoted)
}

/// How often the word `boundary`, in any case, is followed by an equals sign somewhere.
fn mentions(header: &[u8]) -> usize {
    let lower = header.to_ascii_lowercase();
    let last_equals = memchr::memrchr(b'=', &lower).unwrap_or(0);
    memchr::memmem::find_iter(&lower, PARAMETER).filter(|at| at + PARAMETER.len() <= last_equals).count()
}

/// What stands between the type and the parameter: white space and one semicolon.
fn separator(between: &[u8], flags: &mut Flags) -> Result<(), &'static str> {
    let mut semicolons = between.iter().filter(|&&byte| !is_space(byte));
    match (semicolons.next(), semicolons.next()) {
        (None, _) => {
            flags.missing_semicolon = true;
            Ok(())
        }
        (Some(b';'), None) => Ok(()),
        _ => Err("invalid boundary in Content-Type (malformed)"),
    }
}

fn unquoted<'a>(value: &'a [u8], flags: &mut Flags) -> Result<&'a [u8], &'static str> {
    match value {
        [b'"', inner @ .., b'"'] => {
            flags.boundary_quoted = true;
            Ok(inner)
        }
        [b'"', ..] | [.., b'"'] => Err("invalid boundary in Content-Type (quote)"),
        _ => Ok(value),
    }
}

/// Without quotes a boundary ends at a comma for PHP and Tomcat, at white space for others: there it can have neither. Blanks in front of it
/// have a flag of their own.
fn validated(value: &[u8], quoted: bool) -> Result<Vec<u8>, &'static str> {
    if mentions(value) > 0 {
        return Err("invalid boundary in Content-Type (content)");
    }
    // Some frameworks put a charset parameter after the boundary. ModSecurity tolerates that, and so do we.
    let value = match memchr::memchr(b';', value) {
        Some(semicolon) => &value[..semicolon],
        None => value,
    };
    if value.is_empty() {
        return Err("invalid boundary in Content-Type (empty)");
    }
    let ends_for_others = |byte: &u8| !quoted && matches!(byte, b',' | b' ');
    if value.last() == Some(&b' ')
        || !value.iter().all(|&byte| is_boundary(byte))
        || value.trim_ascii_start().iter().any(ends_for_others)
    {
        return Err("invalid boundary in Content-Type (characters)");
    }
    Ok(value.to_vec())
}

/// `bchars` of RFC 2046 section 5.1.1.
fn is_boundary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+_,-./:=?".contains(&byte)
}

/// C's `isspace`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}
