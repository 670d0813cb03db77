//! The byte classes that several transformations share: C's `isspace` in the C locale, hexadecimal and octal digits.
//!
//! Nothing here depends on a locale: bytes from 0x80 up belong to no class.

/// Space, `\t`, `\n`, `\v`, `\f`, `\r`.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits at the start of `input` stand for.
pub(crate) fn hex_pair(input: &[u8]) -> Option<u8> {
    match input {
        [high, low, ..] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    }
}

/// The number that four hexadecimal digits at the start of `input` stand for.
pub(crate) fn hex_quad(input: &[u8]) -> Option<u16> {
    let high = hex_pair(input)?;
    let low = hex_pair(input.get(2..)?)?;
    Some(u16::from_be_bytes([high, low]))
}

/// The low byte of a code unit, full-width ASCII (U+FF01 to U+FF5E) folded onto ASCII. ModSecurity looks at the high byte for these alone.
pub(crate) fn low_byte(unit: u16) -> u8 {
    let [high, low] = unit.to_be_bytes();
    if high == 0xff && (0x01..=0x5e).contains(&low) { low + 0x20 } else { low }
}

/// Up to three octal digits at the start of `input`: their value and how many they are.
pub(crate) fn octal(input: &[u8]) -> (u16, usize) {
    let mut value = 0;
    let mut digits = 0;
    for byte in input.iter().take(3) {
        if !matches!(byte, b'0'..=b'7') {
            break;
        }
        value = value * 8 + u16::from(byte - b'0');
        digits += 1;
    }
    (value, digits)
}

/// What `\a`, `\b`, `\f`, `\n`, `\r`, `\t` and `\v` stand for, given the letter.
pub(crate) fn control_escape(letter: u8) -> Option<u8> {
    match letter {
        b'a' => Some(0x07),
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(0x0b),
        _ => None,
    }
}
