//! From one reading of the input to a verdict: its fingerprint, and the signs that speak for ordinary text all the same.

use memchr::{memchr, memmem};

use super::{
    Fingerprint,
    fold::{Folded, MAX},
    token::{Kind, Reading, Tokens},
    words::is_known_fingerprint,
};

/// What one reading came to.
pub(super) struct Outcome {
    /// The fingerprint, if it is an injection.
    pub(super) verdict: Option<Fingerprint>,
    /// Whether a comment was seen that MySQL reads in another way.
    pub(super) reads_differently_in_mysql: bool,
}

/// Reads `input` as `reading` says and judges the fingerprint.
pub(super) fn is_injection(input: &[u8], reading: Reading) -> Outcome {
    let mut tokens = Tokens::new(input, reading);
    let mut folded = Folded::EMPTY;
    folded.read(&mut tokens);
    let fingerprint = fingerprint_of(&folded);
    let injection = is_known_fingerprint(fingerprint.as_bytes())
        && !is_ordinary(input, fingerprint.as_bytes(), &folded, tokens.seen);
    Outcome {
        verdict: injection.then_some(fingerprint),
        reads_differently_in_mysql: tokens.reads_differently_in_mysql,
    }
}

fn fingerprint_of(folded: &Folded<'_>) -> Fingerprint {
    let tokens = folded.tokens();
    if tokens.iter().any(|token| token.kind == Kind::Evil) {
        return Fingerprint { bytes: [Kind::Evil as u8, 0, 0, 0, 0], len: 1 };
    }
    let mut bytes = [0; MAX];
    for (byte, token) in bytes.iter_mut().zip(tokens) {
        *byte = token.kind as u8;
    }
    // PHP takes a lone back quote at the end for the start of a comment.
    if let (3.., Some(last)) = (tokens.len(), tokens.last())
        && last.kind == Kind::Bareword
        && last.open == b'`'
        && last.close == 0
        && last.text.is_empty()
        && let Some(byte) = bytes.get_mut(tokens.len() - 1)
    {
        *byte = Kind::Comment as u8;
    }
    Fingerprint { bytes, len: tokens.len() as u8 }
}

/// Whether a known fingerprint comes of ordinary text here. `seen` counts the tokens before folding.
fn is_ordinary(input: &[u8], fingerprint: &[u8], folded: &Folded<'_>, seen: usize) -> bool {
    // Microsoft's audit log is said to drop statements that hold this word in a comment.
    if fingerprint.len() > 1
        && fingerprint.last() == Some(&(Kind::Comment as u8))
        && memmem::find(input, b"sp_password").is_some()
    {
        return false;
    }
    match fingerprint.len() {
        2 => is_ordinary_pair(input, fingerprint, folded, seen),
        3 => is_ordinary_triple(fingerprint, folded, seen),
        _ => false,
    }
}

fn is_ordinary_pair(input: &[u8], fingerprint: &[u8], folded: &Folded<'_>, seen: usize) -> bool {
    let [first, second] = [folded.at(0), folded.at(1)];
    if fingerprint.get(1) == Some(&(Kind::Union as u8)) {
        return seen == 2;
    }
    let comment_start = second.text.first().copied().unwrap_or(0);
    if comment_start == b'#' {
        return true;
    }
    // As the fingerprint has it: the lone back quote counts as a comment only from three tokens on.
    if second.kind == Kind::Comment {
        match first.kind {
            Kind::Bareword if comment_start != b'/' => return true,
            Kind::Number if comment_start == b'/' => return false,
            Kind::Number => return seen <= 2 && !is_number_before_comment(input, first.text.len()),
            _ => {}
        }
    }
    second.text.len() > 2 && comment_start == b'-'
}

/// `1234-ABC--` folds to a number and a comment, but only `1234--`, `1234/*` or white space after the digits looks like an attack.
/// The digits are taken to open the input, which is how libinjection looks at it.
fn is_number_before_comment(input: &[u8], digits: usize) -> bool {
    let next = input.get(digits).copied().unwrap_or(0);
    let after = input.get(digits + 1).copied().unwrap_or(0);
    next <= b' ' || next >= 0x80 || (next == b'/' && after == b'*') || (next == b'-' && after == b'-')
}

fn is_ordinary_triple(fingerprint: &[u8], folded: &Folded<'_>, seen: usize) -> bool {
    let [first, second, third] = [folded.at(0), folded.at(1), folded.at(2)];
    match fingerprint {
        // `...foo" + "bar...`: open at both ends.
        b"sos" | b"s&s" => !(first.open == 0 && third.close == 0 && first.close == third.open),
        // `sexy and 17` is a phrase, `sexy and 17<18` is not.
        b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" => seen == 3,
        // Only INTO OUTFILE and INTO DUMPFILE are dangerous between two values.
        _ if second.kind == Kind::Keyword => {
            !second.text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"into"))
                || second.text.len() < 5
        }
        _ => false,
    }
}

/// Whether `text`, as a C string, holds `byte`.
pub(super) fn c_string_has(text: &[u8], byte: u8) -> bool {
    match (memchr(byte, text), memchr(0, text)) {
        (Some(found), Some(end)) => found < end,
        (found, None) => found.is_some(),
        (None, _) => false,
    }
}
