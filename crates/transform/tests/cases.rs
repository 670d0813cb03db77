//! Our own cases, `tests/data/<name>.json`: `[[input, output], ..]`. A backslash in them starts `\xHH` or `\\`, all else is UTF-8.

use std::{collections::BTreeSet, fs, path::PathBuf};

use portcullis_transform::{Context, TABLE, UnicodeMap, find};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return out,
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', b'x', high, low, rest @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap();
                out.push(u8::try_from(digit(high) * 16 + digit(low)).unwrap());
                rest
            }
            [b'\\', ..] => panic!("a lone backslash in {text:?}"),
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

#[test]
fn every_case_holds() {
    for line in TABLE {
        let path = directory().join(format!("{}.json", line.name));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cases: Vec<(String, String)> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(cases.len() >= 3, "{}: fewer than three cases", line.name);
        assert!(
            cases.iter().any(|(input, _)| input.is_empty()),
            "{}: no case with an empty input",
            line.name
        );
        for (input, output) in &cases {
            let (input, expected) = (bytes(input), bytes(output));
            let mut out = Vec::new();
            let changed = (line.apply)(&input, &mut out, &Context::default());
            let result = if changed { &out } else { &input };
            assert_eq!(
                result.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{} of {}",
                line.name,
                input.escape_ascii()
            );
            assert_eq!(changed, input != expected, "{} of {}", line.name, input.escape_ascii());
        }
    }
}

#[test]
fn every_data_file_belongs_to_a_line_of_the_table() {
    let files: BTreeSet<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let names: BTreeSet<String> = TABLE.iter().map(|line| line.name.to_owned()).collect();
    assert_eq!(files, names);
}

#[test]
fn best_fit_comes_before_the_low_byte() {
    let map = UnicodeMap::parse(b"20127 (US-ASCII)\n2039:3c 203a:3e\n", 20127).unwrap();
    let context = Context { unicode_map: Some(&map) };
    let mut out = Vec::new();
    let input = b"%u2039script%U203A%uff1c%u3002%u0141+%uzzzz%3C";
    assert!((find("urlDecodeUni").unwrap().apply)(input, &mut out, &context));
    assert_eq!(out.escape_ascii().to_string(), b"<script><.A %uzzzz<".escape_ascii().to_string());
}

/// Debian installs the file with ModSecurity; where it is not, there is nothing to test.
#[test]
fn the_file_of_modsecurity_parses() {
    let Some(text) = ["/etc/modsecurity/unicode.mapping", "/usr/share/modsecurity-crs/unicode.mapping"]
        .iter()
        .find_map(|path| fs::read(path).ok())
    else {
        eprintln!("NOT RUN: unicode.mapping is not installed (package libapache2-mod-security2)");
        return;
    };
    let map = UnicodeMap::parse(&text, 20127).unwrap();
    for (code_point, byte) in [(0x00a0, b' '), (0x2039, b'<'), (0x203a, b'>'), (0xff1c, b'<'), (0x3002, b'.')]
    {
        assert_eq!(map.lookup(code_point), Some(byte), "{code_point:04x}");
    }
    for code_page in [1250, 1252, 20261, 28592] {
        UnicodeMap::parse(&text, code_page).unwrap();
    }
}
