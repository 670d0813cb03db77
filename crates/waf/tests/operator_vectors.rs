//! The operator cases of the ModSecurity project's language tests, with a ledger of those that cannot hold here.

use std::{fs, path::Path};

use portcullis_seclang::{Loader, vocabulary::Operator};
use portcullis_vectors::{Ledger, data};
use portcullis_waf::operators::{Found, Resources, build};
use serde_json::Value;

/// Reads data files of the set, which its cases name by a path of their own checkout.
struct DataFiles<'a>(&'a Path);

impl Loader for DataFiles<'_> {
    fn resolve(&self, _: &str, reference: &str) -> String {
        reference.rsplit_once("operators/").map_or(reference, |(_, name)| name).to_owned()
    }

    fn glob(&self, _: &str) -> Result<Vec<String>, String> {
        Err("no globs here".to_owned())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(name)).map_err(|error| error.to_string())
    }
}

#[test]
fn language_tests() {
    let Some(directory) = data("vectors/secrules-language-tests/operators") else { return };
    let ledger = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger.toml");
    let mut ledger = Ledger::read(&ledger).expect("ledger");
    let mut files: Vec<_> = fs::read_dir(&directory)
        .expect("directory")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    for file in files {
        let stem = file.file_stem().expect("stem").to_string_lossy().into_owned();
        let text = fs::read(&file).expect("readable");
        let cases: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
        for (number, case) in cases.iter().enumerate() {
            ledger.book(&format!("{stem}#{}", number + 1), run(case, &directory));
        }
    }
    let (problems, line) = ledger.close();
    eprintln!("operators: {line}");
    assert!(problems.is_empty(), "{line}\n{}", problems.join("\n"));
}

fn run(case: &Value, directory: &Path) -> Result<(), String> {
    let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = Operator::find(text("name").as_bytes()).ok_or("unknown operator")?;
    let resources =
        Resources { loader: &DataFiles(directory), file: "operators/case.conf", multiline: true, geo: None };
    let built = build(name, &bytes(text("param")), false, &resources)
        .map_err(|refusal| format!("refused: {}", refusal.message))?;
    let mut found = Found::default();
    let input = bytes_with_escapes(text("input"));
    let matched = built.operate.evaluate(&input, None, true, &mut found);
    let expected = case.get("ret").and_then(Value::as_u64) == Some(1);
    if matched != expected {
        return Err(format!("@{} {:?} on {:?}: {matched}", name.name(), text("param"), text("input")));
    }
    if let Some(groups) = case.get("re_groups").and_then(Value::as_array) {
        let expected: Vec<Vec<u8>> =
            groups.iter().map(|group| bytes(group.as_str().unwrap_or_default())).collect();
        let captured: Vec<Vec<u8>> =
            found.captures.iter().flatten().map(|capture| capture.of(&input).to_vec()).collect();
        if captured != expected {
            return Err(format!("captured {captured:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

/// Characters up to U+00FF stand for bytes.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("a byte")).collect()
}

/// The set's own escapes in inputs: `\0` and `\xHH`.
fn bytes_with_escapes(text: &str) -> Vec<u8> {
    let text = bytes(text);
    let mut decoded = Vec::new();
    let mut rest = text.as_slice();
    while let Some((byte, after)) = rest.split_first() {
        let escape = match after {
            [b'0', ..] => Some((0, 1)),
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).ok().map(|byte| (byte, 3))
            }
            _ => None,
        };
        match escape.filter(|_| *byte == b'\\') {
            Some((byte, length)) => {
                decoded.push(byte);
                rest = &after[length..];
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}
