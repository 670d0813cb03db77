//! An HTTP message as a fuzzer writes it: a first line, header lines, an empty line, a body. Lines end with a line feed alone, so that any
//! other byte, a carriage return too, can stand in a value.

use portcullis_waf::Header;

/// A message cut into its parts; any bytes are one.
pub(crate) struct Message<'a> {
    /// Words of the first line, at most three.
    pub(crate) words: [&'a [u8]; 3],
    pub(crate) headers: Vec<Header<'a>>,
    pub(crate) body: &'a [u8],
}

/// Header lines that are read; more are left out.
const MOST_HEADERS: usize = 100;

/// Cuts a message.
pub(crate) fn message(input: &[u8]) -> Message<'_> {
    let (first, mut rest) = cut(input, b'\n');
    let (a, after) = cut(first, b' ');
    let (b, c) = cut(after, b' ');
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let (line, after) = cut(rest, b'\n');
        rest = after;
        if line.is_empty() || headers.len() == MOST_HEADERS {
            break;
        }
        let (name, value) = cut(line, b':');
        headers.push(Header { name, value: value.trim_ascii() });
    }
    Message { words: [a, b, c], headers, body: rest }
}

/// Both sides of the first `sign`; the right one is empty without one.
pub(crate) fn cut(input: &[u8], sign: u8) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == sign) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}

/// Both sides of the first occurrence of a text.
pub(crate) fn cut_at<'a>(input: &'a [u8], text: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    match input.windows(text.len()).position(|window| window == text) {
        Some(at) => (&input[..at], Some(&input[at + text.len()..])),
        None => (input, None),
    }
}
