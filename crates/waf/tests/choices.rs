//! `tests/spec/README.md` names a test for every known difference between engines that read SecLang; each of them exists.

use std::{collections::BTreeSet, path::Path};

/// Differences in the list from which choices were made.
const DIFFERENCES: usize = 58;

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The rows of the table: number and tests, each a file and a name in it.
fn rows() -> Vec<(usize, Vec<(String, String)>)> {
    let text = std::fs::read_to_string(workspace().join("tests/spec/README.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let number = cells.next()?.parse().ok()?;
            let tests = cells.nth(1)?.split("<br>").map(|test| {
                let (file, name) = test.split_once("`: ").unwrap_or_else(|| panic!("{number}: {test}"));
                (file.trim_start_matches('`').to_owned(), name.replace("&#124;", "|"))
            });
            Some((number, tests.collect()))
        })
        .collect()
}

#[test]
fn every_difference_is_pinned() {
    let rows = rows();
    assert!(
        rows.iter().map(|(number, _)| *number).eq(1..=DIFFERENCES),
        "numbers 1 to {DIFFERENCES}, in order"
    );
    for (number, tests) in rows {
        assert!(!tests.is_empty(), "{number}");
        for (file, name) in tests {
            let path = if file.contains('/') { file.clone() } else { format!("tests/spec/{file}") };
            let text = std::fs::read_to_string(workspace().join(&path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            let exists = match path.rsplit('.').next() {
                Some("md") => text.lines().any(|line| line.strip_prefix("## ") == Some(&name)),
                Some("rs") => text.contains(&format!("fn {name}()")),
                _ => text.contains(&name),
            };
            assert!(exists, "{number}: {file} has no {name}");
        }
    }
}

#[test]
fn no_specification_of_a_difference_is_left_out() {
    let named: BTreeSet<String> =
        rows().into_iter().flat_map(|(_, tests)| tests).map(|(_, name)| name).collect();
    for entry in std::fs::read_dir(workspace().join("tests/spec")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for heading in text.lines().filter_map(|line| line.strip_prefix("## Trap")) {
            assert!(named.contains(&format!("Trap{heading}")), "Trap{heading}");
        }
    }
}
