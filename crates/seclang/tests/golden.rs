//! What authors are told: each `tests/golden/NAME.conf` is loaded, and the drawn diagnostics must be those of `NAME.txt`.
//!
//! `BLESS=1` writes the answers anew; read the difference before you commit it. Files of `include/` are there to be included.

use std::{collections::BTreeSet, fs, path::Path};

use portcullis_diag::{Sources, render};
use portcullis_seclang::{MemoryLoader, codes, load};

#[test]
fn diagnostics_are_drawn_as_agreed() {
    let mut differences = Vec::new();
    let mut spoken = BTreeSet::new();
    let mut loader = MemoryLoader::new();
    let golden = files("tests/golden");
    for (name, text) in files("tests/golden/include") {
        loader.insert(&format!("include/{name}"), text);
    }
    for (name, text) in &golden {
        loader.insert(name, text.as_slice());
    }
    for (name, _) in &golden {
        let mut sources = Sources::new();
        let parsed = load(name, &loader, &mut sources);
        let drawn: String =
            parsed.diagnostics.iter().map(|diagnostic| render(&sources, diagnostic) + "\n").collect();
        spoken.extend(parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.0));
        let path = Path::new("tests/golden").join(name);
        let answer = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&answer, &drawn).expect("the answer can be written");
        }
        let expected = fs::read_to_string(&answer).unwrap_or_default();
        if drawn != expected {
            differences
                .push(format!("=== {} ===\n--- expected\n{expected}--- drawn\n{drawn}", path.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Too large to be kept as files; `limits` speaks of them.
    let elsewhere = ["E0199", "E0203", "E0204", "E0205"];
    for entry in codes::ALL.iter().filter(|entry| !elsewhere.contains(&entry.code.0)) {
        assert!(spoken.contains(entry.code.0), "no golden file shows {}", entry.code.0);
    }
}

/// Rule files of a directory with their names.
fn files(directory: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("golden files")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    paths.iter().map(|path| (name(path), fs::read(path).expect("listed a moment ago"))).collect()
}
