//! Every `@rx` of CRS 4.28.0 and of Debian's CRS 3.3.4.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use portcullis_diag::Sources;
use portcullis_seclang::{ast::DirectiveKind, vocabulary::Operator};
use portcullis_vectors::data;
use portcullis_waf::pattern::{Dialect, Pattern};

use super::{Dice, Pair};

/// Inputs for each pattern in each dialect: test values, and as many altered ones.
const VALUES: usize = 300;

/// Patterns of CRS 3.3.4 that need the backtracking engine, by a part that only they have. CRS 4.28.0 has none.
const BACKTRACKING: [&str; 5] =
    ["(?<!&(?:[aAoOuUyY]uml)", r"(?:\s*+;\s*+", r"(?!\b\1\b)", r"[^?\w\s=.,;)(]++", r"<\?(?!xml)"];

#[test]
fn every_pattern_compiles_and_few_backtrack() {
    for (name, directory) in rule_sets() {
        let patterns = patterns(&directory);
        let mut backtracking = BTreeSet::new();
        let mut multiline_backtracking = 0;
        for source in &patterns {
            for multiline in [false, true] {
                let pattern = Pattern::compile(source.as_bytes(), Dialect { multiline, ignore_case: false });
                let pattern = pattern.unwrap_or_else(|error| panic!("{name}: {error}: {source}"));
                match (pattern.is_backtracking(), multiline) {
                    (true, false) => {
                        backtracking.insert(source.as_str());
                    }
                    (true, true) => multiline_backtracking += 1,
                    (false, _) => {}
                }
            }
        }
        eprintln!(
            "{name}: {} patterns, {} backtrack, {multiline_backtracking} in the multiline dialect",
            patterns.len(),
            backtracking.len()
        );
        let known = |source: &str| BACKTRACKING.iter().any(|part| source.contains(part));
        let new: Vec<_> = backtracking.iter().filter(|source| !known(source)).collect();
        assert!(new.is_empty(), "{name}: {new:?}");
        assert!(patterns.len() > 200 && (name.starts_with('3') || backtracking.is_empty()));
    }
}

#[test]
fn patterns_match_as_pcre2_does() {
    let Some(crs) = data("crs/4.28.0") else { return };
    let values = values(&crs.join("tests/regression/tests"));
    assert!(values.len() > 5_000, "{} values", values.len());
    let (mut runs, mut matches, mut limited) = (0, 0, 0);
    let mut differences = Vec::new();
    let mut dice = Dice(0x5eed_0001);
    for (name, directory) in rule_sets() {
        for source in patterns(&directory) {
            for multiline in [false, true] {
                let pair =
                    Pair::new(&source, multiline).unwrap_or_else(|error| panic!("{name}: {error}: {source}"));
                for round in 0..VALUES * 2 {
                    let mut input = values[dice.roll(values.len())].clone();
                    if round % 2 == 1 {
                        alter(&mut input, &mut dice);
                    }
                    if !multiline && input.ends_with(b"\n") {
                        input.push(b'x');
                    }
                    let Some((ours, theirs)) = pair.spans(&input) else {
                        limited += 1;
                        continue;
                    };
                    runs += 1;
                    matches += usize::from(theirs.is_some());
                    if ours != theirs {
                        let short: String = source.chars().take(200).collect();
                        differences.push(format!(
                            "{name} multiline={multiline} {short}\n  on {}\n  ours {ours:?}\n  PCRE2 {theirs:?}",
                            input.escape_ascii()
                        ));
                    }
                }
            }
        }
    }
    eprintln!("{runs} runs, {matches} matches, {limited} over a limit, {} differences", differences.len());
    assert!(
        differences.is_empty(),
        "{}",
        differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(limited * 1000 < runs);
}

fn rule_sets() -> Vec<(&'static str, PathBuf)> {
    let mut sets = Vec::new();
    if let Some(crs) = data("crs/4.28.0") {
        sets.push(("4.28.0", crs.join("rules")));
    }
    let debian = Path::new("/usr/share/modsecurity-crs/rules");
    if debian.exists() {
        sets.push(("3.3.4", debian.to_owned()));
    } else {
        eprintln!("NOT RUN: Debian's modsecurity-crs is not installed");
    }
    sets
}

/// Arguments of `@rx` without macros, each once.
fn patterns(directory: &Path) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    for path in files(directory, "conf") {
        let text = fs::read(&path).expect("readable");
        let parsed = portcullis_seclang::parse_alone(&path.to_string_lossy(), &text, &mut Sources::new());
        for directive in parsed.document.directives {
            let DirectiveKind::Rule(rule) = directive.kind else { continue };
            if rule.operator.name == Operator::Rx {
                let argument = String::from_utf8(rule.operator.argument.value).expect("UTF-8");
                if !argument.contains("%{") {
                    patterns.insert(argument);
                }
            }
        }
    }
    patterns
}

/// What the regression tests send: targets, header values and bodies, their parameters too, as written and percent-decoded.
fn values(directory: &Path) -> Vec<Vec<u8>> {
    let mut values = BTreeSet::new();
    for path in files(directory, "yaml") {
        let text = fs::read(&path).expect("readable");
        for line in text.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let value = match line.windows(2).position(|pair| pair == b": ") {
                Some(colon) => &line[colon + 2..],
                None => line,
            };
            let value =
                value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
            let value = value.strip_prefix(b"'").and_then(|value| value.strip_suffix(b"'")).unwrap_or(value);
            for part in value.split(|byte| *byte == b'&' || *byte == b'=').chain([value]) {
                values.insert(part.to_vec());
                values.insert(percent_decoded(part));
            }
        }
    }
    values.into_iter().collect()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *byte == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(if *byte == b'+' { b' ' } else { *byte });
                rest = after;
            }
        }
    }
    decoded
}

/// Puts bytes in that divide the dialects: line ends, NUL, bytes that are blanks in some of them.
fn alter(input: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(3) {
        let place = dice.roll(input.len() + 1);
        let byte =
            *dice.pick(&[&b'\n', &b'\r', &0, &0x0b, &0x85, &0xa0, &0xc2, &0xff, &b' ', &b'"', &b'_', &b'\\']);
        match dice.roll(3) {
            0 if place < input.len() => input[place] = byte,
            1 => input.truncate(place),
            _ => input.insert(place, byte),
        }
    }
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("directory") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
