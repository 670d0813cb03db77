//! Random patterns of everything the dialect has, over inputs of bytes that matter to it.

use super::{Dice, Pair};

const PATTERNS: usize = 20_000;
const INPUTS: usize = 20;

const ATOMS: &[&str] = &[
    "a",
    "b",
    "A",
    "ab",
    r"\n",
    r"\x0a",
    r"\x{a0}",
    r"\x85",
    r"\xa",
    ".",
    r"\w",
    r"\W",
    r"\d",
    r"\s",
    r"\S",
    r"\h",
    r"\v",
    r"\H",
    r"\V",
    r"\N",
    r"\R",
    r"\b",
    r"\B",
    "^",
    "$",
    r"\A",
    r"\z",
    r"\Z",
    "[ab]",
    "[^a]",
    "[a-c_]",
    "[[:alpha:]]",
    r"[\s\d]",
    r"[\w-]",
    "[]a]",
    "[^]a]",
    "[a&&b]",
    "[~~_]",
    "[[b]",
    r"[\v<]",
    r"[\x{85}-\xa0]",
    "[[:^word:]b]",
    r"\<",
    r"\_",
    "_",
    "<",
    "{",
    "}",
    "a{,}",
    "]",
    "é",
    "[é]",
    r"\Qa.\E",
    r"\101",
    r"\012",
    "(?#x)a",
    "(?i)",
    "(?-i)",
    "(?s)",
    "(?-s)",
    "(?m)",
    "(?-m)",
    r"\cJ",
    "0",
    "&&",
    "--",
];

const GROUPS: &[&str] = &[
    "(", "(", "(?:", "(?:", "(?i:", "(?m:", "(?s-i:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?<n>", "(?-s:",
    "(?x: ",
];

/// Without `{0}`: PCRE2 takes `(?:x|\A){0}b` for anchored, for the sake of a group that is never entered.
const QUANTIFIERS: &[&str] =
    &["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}?", "{2,}", "*+", "++", "?+", "{2}{2}"];

/// Refusals that are no difference: both sides refuse, this side does not support it, or PCRE2 asks of a look-behind without width that
/// its repeats be bounded.
const EXPECTED: [&str; 3] = ["both refuse", "unsupported", "lookbehind assertion is not limited"];

const BYTES: &[u8] = b"aabbAB\n\n\r _<0.&-{}]\x0b\x85\xa0\xc3\xa9";

#[test]
fn random_patterns_match_as_pcre2_does() {
    let mut dice = Dice(0x5eed_0003);
    let (mut runs, mut matches, mut refused, mut limited, mut others) = (0, 0, 0, 0, 0);
    let mut problems = Vec::new();
    for _ in 0..PATTERNS {
        let mut source = String::new();
        write(&mut source, &mut dice, 0);
        let multiline = dice.roll(2) == 1;
        let pair = match Pair::new(&source, multiline) {
            Ok(pair) => pair,
            Err(error) if EXPECTED.iter().any(|expected| error.contains(expected)) => {
                refused += 1;
                continue;
            }
            Err(error) => {
                problems.push(format!("{source:?}: {error}"));
                continue;
            }
        };
        for _ in 0..INPUTS {
            let mut input: Vec<u8> = (0..dice.roll(10)).map(|_| BYTES[dice.roll(BYTES.len())]).collect();
            if !multiline && input.last() == Some(&b'\n') {
                input.push(b'a');
            }
            let Some((ours, theirs)) = pair.spans(&input) else {
                limited += 1;
                continue;
            };
            runs += 1;
            matches += usize::from(theirs.is_some());
            others += usize::from(ours != theirs);
            if ours.is_some() != theirs.is_some() {
                problems.push(format!(
                    "{source:?} multiline={multiline} on \"{}\": ours {ours:?}, PCRE2 {theirs:?}",
                    input.escape_ascii()
                ));
                break;
            }
        }
    }
    eprintln!(
        "{runs} runs, {matches} matches, {limited} over a limit, {others} with another match or other groups, {refused} patterns refused, {} differ",
        problems.len()
    );
    problems.sort_by_key(String::len);
    assert!(problems.is_empty(), "{}", problems.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
    // Repeats of what can be empty: PCRE2 ends them with an empty round, an automaton goes on. Whether there is a match is the same.
    assert!(others * 10_000 < runs, "{others} of {runs} with another match or other groups");
}

fn write(source: &mut String, dice: &mut Dice, depth: usize) {
    for branch in 0..=usize::from(dice.roll(4) == 0) {
        if branch > 0 {
            source.push('|');
        }
        for _ in 0..=dice.roll(3) {
            if depth < 3 && dice.roll(3) == 0 {
                source.push_str(dice.pick(GROUPS));
                write(source, dice, depth + 1);
                source.push(')');
            } else {
                source.push_str(dice.pick(ATOMS));
            }
            if dice.roll(3) == 0 {
                source.push_str(dice.pick(QUANTIFIERS));
            }
        }
    }
}
