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
    let end = end_of_word(input, 0)?;
    let is_ordinary = match (input.get(end), input.first()) {
        (Some(b'.'), Some(b'0'..=b'9')) => is_one_number(input, end),
        (Some(b'-'), Some(b'0'..=b'9')) => are_numbers(input),
        (Some(b'.' | b' '), Some(_)) => are_names(input),
        _ => false,
    };
    if is_ordinary {
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

/// Whether the tokeniser reads the input as one number: digits, the point at `point`, and maybe digits. No fingerprint of one token is that
/// of an injection.
fn is_one_number(input: &[u8], point: usize) -> bool {
    input.iter().enumerate().all(|(at, byte)| byte.is_ascii_digit() || at == point)
}

/// Whether the tokeniser reads the input as numbers with a minus between each two, as in a date or a phone number: digits alone, as two
/// minuses would be a comment. All of it folds to one number.
fn are_numbers(input: &[u8]) -> bool {
    input
        .split(|byte| *byte == b'-')
        .all(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// Whether the tokeniser reads the input as names alone: words that mean nothing to SQL, neither one by one nor with the next, with spaces
/// between them. Dots may stand in a name, as in `order.items.id`, if none ends a keyword that begins it. No fingerprint of names alone is
/// that of an injection.
fn are_names(input: &[u8]) -> bool {
    let mut at = 0;
    let mut last: &[u8] = &[];
    while let Some(first) = input.get(at) {
        if *first == b' ' {
            at += 1;
            continue;
        }
        // A digit would begin a number, and a dot alone is a token.
        if first.is_ascii_digit() || *first == b'.' {
            return false;
        }
        let rest = input.get(at..).unwrap_or(&[]);
        let mut end = end_of_word(rest, 0);
        let mut is_first_dot = true;
        while let Some(dot) = end.filter(|end| rest.get(*end) == Some(&b'.')) {
            // Few keywords have a dot themselves.
            let may_be_keyword = is_first_dot || words::may_have_dot(*first);
            if may_be_keyword && token::is_keyword(rest.get(..dot).unwrap_or(rest)) {
                return false;
            }
            is_first_dot = false;
            end = end_of_word(rest, dot + 1);
        }
        if end.is_some_and(|end| rest.get(end) != Some(&b' ')) {
            return false;
        }
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let is_whole = name.len() == input.len();
        if !is_whole && (words::kind_of(name).is_some() || words::phrase(last, name).is_some()) {
            return false;
        }
        last = name;
        at += name.len();
    }
    true
}

/// Where the word at `from` ends; nothing if the input ends with it.
fn end_of_word(input: &[u8], from: usize) -> Option<usize> {
    let rest = input.get(from..)?;
    rest.iter().position(|byte| !IN_WORDS[usize::from(*byte)]).map(|length| from + length)
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
            if are_names(name.as_bytes()) {
                let mut tokens = token::Tokens::new(name.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(tokens.next().is_some() && tokens.next().is_none());
                let read = is_injection(name.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(read.verdict.is_none() && !read.reads_differently_in_mysql);
            }
        }

        #[test]
        fn names_alone_are_no_injection(text in "(([a-zA-Z_]{1,5}|group|by|order|union|all|select|natural|left|waitfor|delay|is|not|null|in|own3d|like|[a-c]{30,33})([.][a-z_]{0,4}){0,2}[ ]{0,2}){1,7}") {
            if are_names(text.as_bytes()) {
                let mut tokens = token::Tokens::new(text.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                while let Some(token) = tokens.next() {
                    prop_assert!(token.kind == token::Kind::Bareword || text.trim_end() == text && !text.contains(' '));
                }
                let read = is_injection(text.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(read.verdict.is_none() && !read.reads_differently_in_mysql, "{text}");
            }
        }

        #[test]
        fn one_number_is_one_token(text in "[0-9]{1,4}[.][0-9.a-fx]{0,5}") {
            if is_one_number(text.as_bytes(), text.find('.').unwrap()) {
                let mut tokens = token::Tokens::new(text.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                prop_assert!(tokens.next().is_some() && tokens.next().is_none());
            }
        }

        #[test]
        fn numbers_alone_fold_to_one(text in "[0-9]{1,40}(-[0-9]{1,40}){0,12}(--[0-9]|-|-0x[0-9a-f]|-1e[0-9]|- )?") {
            if are_numbers(text.as_bytes()) {
                let mut tokens = token::Tokens::new(text.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
                let mut folded = fold::Folded::EMPTY;
                folded.read(&mut tokens);
                let kinds: Vec<token::Kind> = folded.tokens().iter().map(|token| token.kind).collect();
                prop_assert_eq!(kinds, [token::Kind::Number]);
                prop_assert!(!tokens.reads_differently_in_mysql);
            }
        }

        #[test]
        fn words_and_numbers_alone_are_no_injection(words in "[a-z0-9_]{0,4}(union|select|limit|0x|0b1|1e|or)?[A-Z0-9_]{0,12}") {
            let plain = is_injection(words.as_bytes(), Reading { quote: Quote::None, dialect: Dialect::Ansi });
            prop_assert!(plain.verdict.is_none());
        }
    }
}
