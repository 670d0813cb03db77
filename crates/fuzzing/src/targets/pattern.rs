//! Patterns: whatever is written is compiled within limits or refused with a place inside it, and all ways to search tell of the same
//! match. Input: a byte of options (1: multiline, 2: letters without case), the pattern up to a line feed, the text to search.

use portcullis_waf::pattern::{Dialect, Pattern};

use crate::{Target, message::cut};

/// Small enough that a fuzzer does not spend its time on building automata.
const LONGEST: usize = 2048;
const LARGEST: usize = 1 << 20;

pub(super) const TARGET: Target = Target {
    name: "pattern",
    run,
    seeds: &[
        b"\x00^(?:a|b)+[^\\x00-\\x1f\\x{c2}]*?$\nababc",
        b"\x02(?i)\\b(select|union)\\s+(?:all\\s)?(\\w{2,8})\nx UNION all users",
        b"\x01^\\d{1,3}(?:\\.\\d{1,3}){3}$\n10.0.0.1",
        b"\x00(?<!a)b(?=c)(?!d)\\1?\nabc bc",
        b"\x00(a)(?P<n>b)\\k<n>(?>c+)d*+\nabbccd",
        b"\x00[[:alpha:]\\]a-f\\d&&-]\\Q.*\\E\\h\\v\\N\\R\\z\na.*",
        b"\x03(?x) a # comment\nA",
        b"\x00(?s-m:.)(?|(a)|(b))\\x3c\\074\\cA\\e\na",
    ],
    pieces: &[
        b"(",
        b")",
        b"(?:",
        b"(?=",
        b"(?!",
        b"(?<=",
        b"(?<!",
        b"(?>",
        b"(?P<n>",
        b"(?<n>",
        b"(?i)",
        b"(?s-m:",
        b"(?x)",
        b"(?#",
        b"(?|",
        b"(*",
        b"[",
        b"]",
        b"[^",
        b"[]",
        b"[[:alpha:]]",
        b"[[:^space:]]",
        b"-",
        b"^",
        b"$",
        b"|",
        b"*",
        b"+",
        b"?",
        b"*+",
        b"+?",
        b"{2}",
        b"{2,}",
        b"{1,3}",
        b"{,3}",
        b"{1000}",
        b"\\",
        b"\\d",
        b"\\W",
        b"\\s",
        b"\\h",
        b"\\v",
        b"\\R",
        b"\\N",
        b"\\b",
        b"\\B",
        b"\\A",
        b"\\z",
        b"\\Z",
        b"\\x",
        b"\\x3c",
        b"\\x{c2}",
        b"\\x{",
        b"\\074",
        b"\\o{",
        b"\\cA",
        b"\\Q",
        b"\\E",
        b"\\1",
        b"\\g{",
        b"\\g{-1}",
        b"\\k<n>",
        b"\\pL",
        b"\\p{",
        b"\\<",
        b"&&",
        b".",
        b"a",
        b"b",
        b"\xc3\xa9",
        b"\xff",
        b"\0",
        b"\n",
    ],
};

fn run(input: &[u8]) {
    let Some((options, rest)) = input.split_first() else { return };
    let (source, text) = cut(rest, b'\n');
    let dialect = Dialect { multiline: options & 1 != 0, ignore_case: options & 2 != 0 };
    let pattern = match Pattern::compile_within(source, dialect, LONGEST, LARGEST) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.offset <= source.len(), "{error:?} in {}", source.len());
            return;
        }
    };
    assert_eq!(pattern.source(), source);
    // A search without a bound on steps cannot run out of them.
    let (Ok(is_match), Ok(found), Ok(groups)) =
        (pattern.is_match(text), pattern.find_at(text, 0), pattern.groups_at(text, 0))
    else {
        assert!(pattern.is_backtracking());
        return;
    };
    assert_eq!(is_match, found.is_some());
    assert_eq!(groups.as_ref().and_then(|groups| groups.first().cloned().flatten()), found);
    for range in groups.iter().flatten().flatten() {
        assert!(range.start <= range.end && range.end <= text.len(), "{range:?} of {}", text.len());
    }
    if let Some(found) = found
        && let Ok(later) = pattern.find_at(text, found.start)
    {
        assert_eq!(later, Some(found));
    }
}
