//! `@detectSQLi`
//!
//! The input is read as SQL in up to five ways: as it stands, and as the rest of a string that a single or a double quote opened, each as
//! ANSI and (where a comment reads differently there) as MySQL. In each reading the tokens are folded to at most five, whose types are the
//! fingerprint; it is an injection when the fingerprint is a known one and nothing speaks for ordinary text.

mod fingerprint;
pub(crate) mod fold;
pub(crate) mod token;
mod words;

use self::{
    fingerprint::is_injection,
    token::{Dialect, Quote, Reading},
};

/// Token types of an injection, such as `s&1c`; at most five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    bytes: [u8; 5],
    len: u8,
}

impl Fingerprint {
    /// The fingerprint as text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// The fingerprint of `input` if it is an injection.
///
/// libinjection, ModSecurity and Coraza agree on the order of readings, hence on the fingerprint that ends up in `TX.0`.
#[must_use]
pub fn detect(input: &[u8]) -> Option<Fingerprint> {
    // At most a number and a word can come of these bytes, and that pair is no injection. No larger alphabet is safe:
    // `12limit.74` and `update-42current_user` are injections.
    let words = input.iter().position(|byte| !IN_WORDS[usize::from(*byte)]);
    if words.is_none_or(|words| is_one_name(input, words)) {
        return None;
    }
    as_ansi_then_mysql(input, Quote::None).or_else(|| within_quotes(input))
}

fn within_quotes(input: &[u8]) -> Option<Fingerprint> {
    let first = memchr::memchr2(b'\'', b'"', input)?;
    let rest = input.get(first..)?;
    memchr::memchr(b'\'', rest).and_then(|_| as_ansi_then_mysql(input, Quote::Single)).or_else(|| {
        memchr::memchr(b'"', rest)?;
        is_injection(input, Reading { quote: Quote::Double, dialect: Dialect::MySql }).verdict
    })
}

/// Whether the tokeniser reads the whole input as one word: words with dots between them, as `order.items.id`, none of which ends a keyword
/// that begins the input. No fingerprint of one token is that of an injection. `dot` is where the first word ends.
fn is_one_name(input: &[u8], dot: usize) -> bool {
    // A digit would begin a number.
    if input.first().is_none_or(|first| !IN_WORDS[usize::from(*first)] || first.is_ascii_digit()) {
        return false;
    }
    input.iter().enumerate().skip(dot).all(|(at, byte)| match byte {
        b'.' => !token::is_keyword(input.get(..at).unwrap_or(input)),
        _ => IN_WORDS[usize::from(*byte)],
    })
}

/// Letters, digits and the underscore.
static IN_WORDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

fn as_ansi_then_mysql(input: &[u8], quote: Quote) -> Option<Fingerprint> {
    let ansi = is_injection(input, Reading { quote, dialect: Dialect::Ansi });
    if ansi.verdict.is_none() && ansi.reads_differently_in_mysql {
        return is_injection(input, Reading { quote, dialect: Dialect::MySql }).verdict;
    }
    ansi.verdict
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fingerprint(input: &[u8]) -> Option<String> {
        detect(input).map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
    }

    #[test]
    fn injections_have_the_fingerprints_libinjection_gives_them() {
        for (input, expected) in [
            (&b"1' OR '1'='1"[..], "s&sos"),
            (b"1 union select 1,2,3", "1UE1"),
            (b"-1' and 1=1 union/* foo */select load_file('/etc/passwd')--", "s&1UE"),
            (b"1;drop table users", "1;Tnn"),
            (b"1 /*!00000or*/ 1=1", "X"),
            // The case a port loses easily: a keyword in the middle is harmless unless it is INTO OUTFILE or INTO DUMPFILE.
            (b"' into outfile '/tmp/x", "sks"),
            (b"1 INTO DUMPFILE '/tmp/x'", "1ks"),
        ] {
            assert_eq!(fingerprint(input).as_deref(), Some(expected), "{}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn ordinary_text_is_no_injection() {
        for input in [
            &b""[..],
            b"0",
            b"O'Brien",
            b"John Smith",
            b"1 and 2",
            b"select",
            b"1union",
            b"2026-01-31",
            b"a@b.example",
            b"it's a test",
            b"word -- word",
            b"100% sure",
            b"\x00",
            b"\xff\xfe",
        ] {
            assert_eq!(fingerprint(input), None, "{}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn punctuation_between_words_is_never_skipped() {
        for input in [&b"12limit.74"[..], b"update-42current_user"] {
            assert!(detect(input).is_some(), "{}", String::from_utf8_lossy(input));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_legal(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(found) = detect(&input) {
                prop_assert!((1..=5).contains(&found.as_bytes().len()));
            }
        }

        #[test]
        fn one_name_is_one_token_at_most(name in "([a-zA-Z_]{1,5}|select|or|NOT|int|utl_inaddr)([.][a-z0-9_.]{0,9}|[.](get_host_address|1|union)){1,3}") {
            if is_one_name(name.as_bytes(), name.find('.').unwrap()) {
                let mut tokens = token::Tokens::new(name.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(tokens.next().is_some() && tokens.next().is_none());
                let read = is_injection(name.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(read.verdict.is_none() && !read.reads_differently_in_mysql);
            }
        }

        #[test]
        fn words_and_numbers_alone_are_no_injection(words in "[a-z0-9_]{0,4}(union|select|limit|0x|0b1|1e|or)?[A-Z0-9_]{0,12}") {
            let plain = is_injection(words.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
            prop_assert!(plain.verdict.is_none());
        }
    }
}
