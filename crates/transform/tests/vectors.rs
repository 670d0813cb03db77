//! Every transformation case of secrules-language-tests, the suite ModSecurity v2 and v3 share. What cannot hold stands in `ledger.toml`.

use std::{fs, path::Path};

use portcullis_transform::{Context, find};
use portcullis_vectors::{Ledger, data};
use serde_json::Value;

#[test]
fn secrules_language_tests() {
    let Some(root) = data("vectors/secrules-language-tests") else { return };
    let mut ledger = Ledger::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger.toml")).unwrap();
    let mut files: Vec<_> =
        fs::read_dir(root.join("transformations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for (index, case) in cases.iter().enumerate() {
            ledger.book(&format!("{stem} {index}"), run(&stem, case));
        }
    }
    let (problems, line) = ledger.close();
    println!("secrules-language-tests, transformations: {line}");
    assert!(problems.is_empty(), "{line}\n{}", problems.join("\n"));
}

fn run(name: &str, case: &Value) -> Result<(), String> {
    let line = find(name).ok_or("no such transformation")?;
    let text = |key: &str| bytes(case[key].as_str().unwrap());
    let (input, expected) = (text("input"), text("output"));
    let mut out = Vec::new();
    let changed = (line.apply)(&input, &mut out, &Context::default());
    let result = if changed { &out } else { &input };
    if *result != expected {
        return Err(format!(
            "{:?} gave {:?}",
            input.escape_ascii().to_string(),
            result.escape_ascii().to_string()
        ));
    }
    // `ret` of a case is not looked at, as in ModSecurity's own runner.
    if changed == (input == expected) { Err(format!("said changed = {changed}")) } else { Ok(()) }
}

/// The notation of the suite: `\xHH` and `\uHHHH` (low byte) inside JSON strings. Its runner takes any two letters or digits for a byte,
/// of which the leading hexadecimal ones count; `escapeSeqDecode` has a case that relies on it.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        let digits = match rest {
            [] => return out,
            [b'\\', b'x', digits @ ..] => digits.get(..2),
            [b'\\', b'u', digits @ ..] => digits.get(..4),
            _ => None,
        };
        match digits.filter(|digits| digits.iter().all(u8::is_ascii_alphanumeric)) {
            Some(digits) => {
                let hex = digits.iter().map_while(|digit| char::from(*digit).to_digit(16));
                out.push(hex.fold(0_u32, |value, digit| value * 16 + digit).to_le_bytes()[0]);
                rest = &rest[2 + digits.len()..];
            }
            None => {
                out.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
}
