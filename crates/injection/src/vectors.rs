//! libinjection's own tests: 480 files that show tokens, foldings, fingerprints and HTML pieces, and the lines of its corpora.
//!
//! What the C library misses too is excused in `tests/ledger.toml`, each with the reason.

use std::{fmt::Write, path::Path};

use portcullis_vectors::{Ledger, data};

use crate::{
    sqli::{
        self,
        fold::Folded,
        token::{Dialect, Quote, Reading, Token, Tokens},
    },
    xss::{
        self,
        html5::{Html5, Piece, Start},
    },
};

const AS_IT_STANDS: Reading = Reading { quote: Quote::None, dialect: Dialect::Ansi };

#[test]
fn libinjection_test_files_hold() {
    let Some(root) = data("vectors/libinjection/tests") else { return };
    let mut ledger = ledger();
    let mut files = 0;
    for (name, text) in files_in(&root, "test-", ".txt") {
        let (input, expected) =
            parts(&text).unwrap_or_else(|| panic!("{name}: no --INPUT-- and --EXPECTED--"));
        let actual = match name.strip_prefix("test-").and_then(|rest| rest.split('-').next()) {
            Some("tokens") => tokens(input),
            Some("folding") => folding(input),
            Some("sqli") => sqli::detect(input)
                .map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
                .unwrap_or_default(),
            Some("html5") => html5(input),
            _ => panic!("{name}: unknown kind of test"),
        };
        files += 1;
        // Merged phrases are kept as the word table spells them, in upper case; their case bears no meaning.
        let holds = actual.trim_end().eq_ignore_ascii_case(expected);
        ledger.book(&name, if holds { Ok(()) } else { Err(format!("expected {expected:?}, is {actual:?}")) });
    }
    assert_eq!(files, 480);
    close(ledger, |case| case.starts_with("test-"));
}

#[test]
fn corpora_are_told_apart() {
    let Some(root) = data("vectors/libinjection/data") else { return };
    let mut ledger = ledger();
    for (prefix, wanted, detect) in [
        ("sqli-", true, (|input| sqli::detect(input).is_some()) as fn(&[u8]) -> bool),
        ("false_positives", false, |input| sqli::detect(input).is_some()),
        ("xss-", true, xss::detect),
    ] {
        for (name, text) in files_in(&root, prefix, ".txt") {
            for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
                let line = line.trim_ascii_end();
                if line.is_empty() || line.starts_with(b"#") {
                    continue;
                }
                let found = detect(&url_decoded(line));
                let result = if found == wanted { Ok(()) } else { Err(format!("detected: {found}")) };
                ledger.book(&format!("{name}:{}", number + 1), result);
            }
        }
    }
    close(ledger, |case| !case.starts_with("test-"));
}

fn ledger() -> Ledger {
    Ledger::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger.toml")).expect("the ledger reads")
}

/// One ledger serves both tests, so an excuse for the other's cases is none of this one's problems.
fn close(ledger: Ledger, mine: impl Fn(&str) -> bool) {
    let (problems, line) = ledger.close();
    let problems: Vec<_> = problems.into_iter().filter(|problem| mine(problem)).collect();
    println!("{line}");
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn files_in(root: &Path, prefix: &str, suffix: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(root)
        .expect("the directory reads")
        .map(|entry| entry.expect("the entry reads"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| name.starts_with(prefix) && name.ends_with(suffix))
        .map(|(name, path)| (name, std::fs::read(path).expect("the file reads")))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no {prefix}*{suffix}", root.display());
    files
}

/// The input and what is expected of it, white space at their ends taken off as libinjection's own runner does.
fn parts(text: &[u8]) -> Option<(&[u8], &str)> {
    let input = memchr::memmem::find(text, b"--INPUT--\n")? + b"--INPUT--\n".len();
    let expected = memchr::memmem::find(text, b"--EXPECTED--\n")?;
    let trimmed =
        |part: &'_ [u8]| part.len() - part.iter().rev().take_while(|b| b" \n\t\r".contains(b)).count();
    let (input, expected) = (&text[input..expected], &text[expected + b"--EXPECTED--\n".len()..]);
    Some((&input[..trimmed(input)], std::str::from_utf8(&expected[..trimmed(expected)]).ok()?))
}

fn tokens(input: &[u8]) -> String {
    let mut tokens = Tokens::new(input, AS_IT_STANDS);
    let mut shown = String::new();
    while let Some(token) = tokens.next() {
        show(&mut shown, &token);
    }
    shown
}

fn folding(input: &[u8]) -> String {
    let mut shown = String::new();
    let mut folded = Folded::EMPTY;
    folded.read(&mut Tokens::new(input, AS_IT_STANDS));
    for token in folded.tokens() {
        show(&mut shown, token);
    }
    shown
}

fn show(shown: &mut String, token: &Token<'_>) {
    let quote = |byte: u8| if byte == 0 { String::new() } else { char::from(byte).to_string() };
    let quotes = matches!(token.kind as u8, b's' | b'v');
    let (open, close) = if quotes { (quote(token.open), quote(token.close)) } else { Default::default() };
    let ats = "@".repeat(usize::from(token.ats));
    let text = String::from_utf8_lossy(token.text);
    writeln!(shown, "{} {ats}{open}{text}{close}", char::from(token.kind as u8)).expect("a string takes all");
}

fn html5(input: &[u8]) -> String {
    let mut shown = String::new();
    for (kind, text) in Html5::new(input, Start::Text) {
        let name = match kind {
            Piece::Text => "DATA_TEXT",
            Piece::TagNameOpen => "TAG_NAME_OPEN",
            Piece::TagNameClose => "TAG_NAME_CLOSE",
            Piece::TagSelfClose => "TAG_NAME_SELFCLOSE",
            Piece::TagClose => "TAG_CLOSE",
            Piece::AttributeName => "ATTR_NAME",
            Piece::AttributeValue => "ATTR_VALUE",
            Piece::Comment => "TAG_COMMENT",
            Piece::Doctype => "DOCTYPE",
        };
        writeln!(shown, "{name},{},{}", text.len(), String::from_utf8_lossy(text))
            .expect("a string takes all");
    }
    shown
}

/// As a query string is decoded; an incomplete escape stands for itself.
fn url_decoded(line: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::new();
    let mut rest = line;
    while let [first, after @ ..] = rest {
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => decoded.push((high * 16 + low) as u8),
            None => decoded.push(if *first == b'+' { b' ' } else { *first }),
        }
        rest = &rest[if escape.is_some() { 3 } else { 1 }..];
    }
    decoded
}
