//! Names, references and characters of XML 1.0.

/// Whether a name is one (section 2.3), everything beyond ASCII allowed.
pub(super) fn is_name(name: &str) -> bool {
    let start = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80;
    let inside = |byte: u8| start(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    name.bytes().next().is_some_and(start) && name.bytes().all(inside)
}

/// Whether white space stands before every attribute (section 3.1), given all of a tag after its name.
pub(super) fn separated(attributes: &str) -> bool {
    let mut rest = attributes.as_bytes();
    while let Some(open) = memchr::memchr2(b'"', b'\'', rest) {
        let quote = rest[open];
        let Some(close) = memchr::memchr(quote, &rest[open + 1..]) else { return true };
        rest = &rest[open + close + 2..];
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return false;
        }
    }
    true
}

/// What the reference `&name;` stands for, if it is predefined or a number.
pub(super) fn resolve(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
            // A sign is no digit, though Rust reads it.
            let code = u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))?;
            char::from_u32(code).filter(|&character| is_legal(character))
        }
    }
}

/// `Char` of section 2.2.
fn is_legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{1_0000}'..)
}

/// An attribute's value: references resolved, white space made spaces (section 3.3.3).
pub(super) fn references(value: &str, wide: bool) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        match character {
            '<' => return Err("`<` in an attribute"),
            '&' => {
                let (name, after) = rest.as_str().split_once(';').ok_or("`&` that starts no reference")?;
                let character = resolve(name).ok_or("reference to an entity that is not predefined")?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.chars();
            }
            '\r' if rest.as_str().starts_with('\n') => {}
            '\t' | '\r' | '\n' => out.push(b' '),
            _ => push(character, wide, &mut out),
        }
    }
    Ok(out)
}

/// Writes a character of the text as it stood in the input.
pub(super) fn push(character: char, wide: bool, out: &mut Vec<u8>) {
    match u8::try_from(u32::from(character)) {
        Ok(byte) if wide => out.push(byte),
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
