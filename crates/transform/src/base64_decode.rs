//! `t:base64Decode`: decodes Base64, all or nothing.
//!
//! Differences: ModSecurity v3, followed here, yields the empty value for invalid input, reads up to the first NUL byte only, allows
//! line ends, and drops a last group that lacks padding; v2 and Coraza decode the valid prefix. Use `base64DecodeExt` for dirty input.
//!
//! Example: `SecRule ARGS "@contains <script" "id:1,phase:2,deny,t:base64Decode"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    if input.is_empty() {
        return false;
    }
    if decode(input, out).is_none() {
        out.clear();
    }
    true
}

/// `None` for anything but groups of four digits, blanks at the ends of lines, and padding at the very end. A NUL ends the input.
fn decode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (groups, _) = input.as_chunks::<4>();
    out.resize(3 * groups.len(), 0);
    let mut plain = 0;
    for ([a, b, c, d], place) in groups.iter().zip(out.as_chunks_mut::<3>().0) {
        let of = |table: &[u32; 256], byte: &u8| table[usize::from(*byte)];
        let bits = of(&DIGITS[0], a) | of(&DIGITS[1], b) | of(&DIGITS[2], c) | of(&DIGITS[3], d);
        if bits >= NO_DIGIT {
            break;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        *place = bytes;
        plain += 1;
    }
    out.truncate(3 * plain);
    decode_slowly(&input[4 * plain..], out)
}

fn decode_slowly(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut group = 0_u32;
    let mut digits = 0;
    let mut padding = 0;
    let mut blank = false;
    let end = memchr::memchr(0, input).unwrap_or(input.len());
    let input = &input[..end];
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b' ' => {
                blank = true;
                continue;
            }
            b'\n' => {
                blank = false;
                continue;
            }
            b'\r' if input.get(at + 1) == Some(&b'\n') => continue,
            _ if blank => return None,
            b'=' if padding < 2 => padding += 1,
            _ if padding > 0 => return None,
            _ => group |= u32::from(digit(byte)?) << (18 - 6 * digits),
        }
        digits += 1;
        if digits == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            out.extend_from_slice(&bytes[..3 - padding]);
            group = 0;
            digits = 0;
        }
    }
    Some(())
}

/// In place of the bits of a byte that is no digit; above all of these.
const NO_DIGIT: u32 = 1 << 24;

/// The bits of a digit by its place in a group of four.
static DIGITS: [[u32; 256]; 4] = {
    let mut tables = [[NO_DIGIT; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        if let Some(bits) = digit(byte as u8) {
            let mut place = 0;
            while place < 4 {
                tables[place][byte] = (bits as u32) << (18 - 6 * place);
                place += 1;
            }
        }
        byte += 1;
    }
    tables
};

/// The six bits of a digit of the standard alphabet.
pub(crate) const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
