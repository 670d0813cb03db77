//! Meanings that PCRE has and the engine's own syntax has not.

use proptest::prelude::*;

use super::{Dialect, MAX_STEPS, Pattern, StepsExceeded, backtrack, linear, parse};

const SINGLE: Dialect = Dialect { multiline: false, ignore_case: false };
const MULTI: Dialect = Dialect { multiline: true, ignore_case: false };

fn span(dialect: Dialect, pattern: &str, input: &[u8]) -> Option<(usize, usize)> {
    let pattern = Pattern::compile(pattern.as_bytes(), dialect).expect(pattern);
    pattern.find_at(input, 0).expect("within its steps").map(|range| (range.start, range.end))
}

#[test]
fn escapes_are_pcres() {
    for (pattern, input, expected) in [
        (r"\x{c2}\x{b4}", &b"\xc2\xb4"[..], Some((0, 2))),
        (r"\v", b"a\x85", Some((1, 2))),
        (r"\h+", b"a\t \xa0", Some((1, 4))),
        (r"\<a\>", b"<a>", Some((0, 3))),
        (r"\x4", b"\x04", Some((0, 1))),
        (r"\012", b"\n", Some((0, 1))),
        (r"\cA", b"\x01", Some((0, 1))),
        (r"\o{101}", b"A", Some((0, 1))),
        (r"\N+", b"a\nb", Some((0, 1))),
        (r"\Qa.b\E+", b"a.bb", Some((0, 4))),
        (r"\w\b", b"a\xc3", Some((0, 1))),
        (r"a(?#b)*", b"aa", Some((0, 2))),
        (r"(?x) a b # c", b"ab", Some((0, 2))),
        (r"a{", b"a{", Some((0, 2))),
        (r"a{,}", b"a{,}", Some((0, 4))),
        (r"(?:a{2}){3}", b"aaaaaaa", Some((0, 6))),
        (r"(?:$)?a", b"a", Some((0, 1))),
        ("\u{b4}", "\u{b4}".as_bytes(), Some((0, 2))),
    ] {
        assert_eq!(span(SINGLE, pattern, input), expected, "{pattern}");
    }
}

#[test]
fn brackets_are_pcres() {
    for (pattern, inside, outside) in [
        ("[a&&b]", &b"ab&"[..], &b"c"[..]),
        ("[a--b]", b"", b""),
        ("[~~]", b"~", b"a"),
        ("[[a]", b"[a", b"]"),
        ("[]a]", b"]a", b"["),
        ("[^]a]", b"[b", b"]a"),
        ("[a-]", b"a-", b"b"),
        (r"[\d-z]", b"5-z", b"a"),
        ("[[:alpha:][:^space:]]", b"a.", b" "),
        ("[\u{b4}]", b"\xc2\xb4", b"\xc3"),
        (r"[\b\x{ff}\101]", b"\x08\xffA", b"b"),
        (r"[\v]", b"\n\x0b\x85", b" "),
        ("(?i)[^k]", b"a", b"kK"),
    ] {
        if pattern == "[a--b]" {
            assert!(Pattern::compile(pattern.as_bytes(), SINGLE).is_err(), "a range from a to - is reversed");
            continue;
        }
        for byte in inside {
            assert_eq!(span(SINGLE, pattern, &[*byte]), Some((0, 1)), "{pattern} {byte:#x}");
        }
        for byte in outside {
            assert_eq!(span(SINGLE, pattern, &[*byte]), None, "{pattern} {byte:#x}");
        }
    }
}

#[test]
fn anchors_of_both_dialects() {
    for (pattern, input, single, multi) in [
        ("^a$", &b"a\n"[..], None, Some((0, 1))),
        ("^b", b"a\nb", None, Some((2, 3))),
        ("^$", b"a\n", None, None),
        ("^$", b"a\n\n", None, Some((2, 2))),
        ("(?m)^$", b"a\n\n", Some((2, 2)), Some((2, 2))),
        (r"a\Z", b"a\n", Some((0, 1)), Some((0, 1))),
        (r"a\z", b"a\n", None, None),
        ("(?-m)a$", b"a\n", None, Some((0, 1))),
        ("a.b", b"a\nb", Some((0, 3)), Some((0, 3))),
        ("(?-s)a.b", b"a\nb", None, None),
    ] {
        assert_eq!(span(SINGLE, pattern, input), single, "{pattern} single");
        assert_eq!(span(MULTI, pattern, input), multi, "{pattern} multi");
    }
}

#[test]
fn flags_end_with_their_group() {
    assert_eq!(span(SINGLE, "(?i:a)b", b"AB"), None);
    assert_eq!(span(SINGLE, "(a(?i)b|c)d", b"Cd"), Some((0, 2)));
    assert_eq!(span(SINGLE, "(a(?i)b|c)d", b"CD"), None);
}

#[test]
fn backtracking_is_kept_to_what_needs_it() {
    for (pattern, input, expected) in [
        (r"<\?(?!xml)", &b"<?xml <?php"[..], Some((6, 8))),
        (r"(?<!&amp);", b"&amp; x;", Some((7, 8))),
        (r"(\w+)=\1\b", b"ab=abc ab=ab", Some((7, 12))),
        (r"(?i)(a)\1", b"aA", Some((0, 2))),
        ("a++a", b"aaa", None),
        ("([a-z]+?)*+|-", b"ab a", Some((0, 2))),
        ("(?>a|ab)c", b"abc", None),
        (r"\R\n", b"\r\n", None),
        ("(?<=\\xff)b", b"\xffb", Some((1, 2))),
    ] {
        let compiled = Pattern::compile(pattern.as_bytes(), SINGLE).expect(pattern);
        assert!(compiled.is_backtracking(), "{pattern}");
        assert_eq!(span(SINGLE, pattern, input), expected, "{pattern}");
    }
    for pattern in ["a+?b", "(?:a|b)*c", r"\bfoo\b", "^a$"] {
        assert!(!Pattern::compile(pattern.as_bytes(), SINGLE).expect(pattern).is_backtracking(), "{pattern}");
    }
}

#[test]
fn a_shared_prefix_keeps_the_order_of_branches() {
    assert_eq!(span(MULTI, r"(?:x[ab\n]+$|x[ab\n]+c)", b"xa\nabc"), Some((0, 2)));
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    for (pattern, word) in [
        (r"a\Kb", "\\K"),
        (r"\Ga", "\\G"),
        (r"(?R)", "recursion"),
        (r"(?(1)a|b)", "conditional"),
        (r"(*FAIL)", "verbs"),
        (r"\p{L}", "\\p"),
        (r"\x{100}", "byte"),
        (r"\y", "\\y"),
        ("(a", "closing"),
        ("a)", "opening"),
        ("[a", "closing"),
        ("*a", "nothing"),
        ("a|{2}", "nothing"),
        ("a{2}{3}", "nothing"),
        ("^*", "anchor"),
        ("(?<=a+)b", "look-behind"),
        ("(?<=(?:a|bc))d", "look-behind"),
        ("(?:a*|b)*+c", "empty"),
        ("(?<n>a)(?<n>b)", "two groups"),
        ("a{3,2}", "order"),
        ("a{70000}", "65535"),
        ("a{,3}", "differently"),
        ("a{1, 3}", "differently"),
        ("[z-a]", "order"),
        (r"(a)\2", "group 2"),
        (r"(?:(?:[\x00-\xff]{1000}){1000}){1000}", "exceeds"),
        ("[[:nonsense:]]", "nonsense"),
        ("\\", "backslash"),
    ] {
        let error = Pattern::compile(pattern.as_bytes(), SINGLE).expect_err(pattern);
        assert!(error.message.contains(word), "{pattern}: {}", error.message);
    }
    assert!(Pattern::compile("(".repeat(300).as_bytes(), SINGLE).is_err());
    assert!(Pattern::compile("a".repeat(70_000).as_bytes(), SINGLE).is_err());
}

#[test]
fn runaway_patterns_stop() {
    let pattern = Pattern::compile(br"(?:a|b|ab)*(?=c)d", SINGLE).expect("compiles");
    let input = [b"ab".repeat(40), b"d".to_vec()].concat();
    assert_eq!(pattern.is_match(&input), Err(StepsExceeded));
}

#[test]
fn the_filter_keeps_long_clean_input_cheap() {
    let pattern = Pattern::compile(br"<\?(?!xml)", SINGLE).expect("compiles");
    assert_eq!(pattern.is_match(&b"a".repeat(4 * MAX_STEPS)), Ok(false));
}

#[test]
fn groups_that_took_no_part_are_absent() {
    let pattern = Pattern::compile(b"(a)|(b)", SINGLE).expect("compiles");
    let groups = pattern.groups_at(b"b", 0).expect("linear").expect("matches");
    assert_eq!(groups, vec![Some(0..1), None, Some(0..1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_pattern_panics(
        source in proptest::collection::vec(prop_oneof![
            proptest::sample::select(br"\()[]{}*+?|^$.-:=!<>#QEabx0129,iPkg'&".to_vec()),
            any::<u8>(),
        ], 0..40),
        input in proptest::collection::vec(any::<u8>(), 0..20),
        multiline: bool,
    ) {
        if let Ok(pattern) = Pattern::compile(&source, Dialect { multiline, ignore_case: false }) {
            let found = pattern.find_at(&input, 0);
            prop_assert_eq!(pattern.is_match(&input).is_ok_and(|matches| matches), matches!(found, Ok(Some(_))));
            prop_assert_eq!(pattern.find_at(&input, input.len() + 1), Ok(None));
        }
    }

    /// What is built later than it is accepted must not turn out to be too large then.
    #[test]
    fn no_automaton_takes_more_than_was_reckoned(
        source in "(?:(?:[ab^]|\\$|\\(a\\|bc\\|d\\)|\\(\\?:\\|x\\|yy\\)|\\(a\\+b\\|a\\+c\\)|\\[ac-eg\\]|\\[\\^b\\]|\\(\\(a\\?\\)\\*\\)|\\\\b)[*+?]?(?:\\{[0-3],[4-9]\\})?(?:\\{2,\\})?){1,8}",
        multiline: bool,
    ) {
        if let Ok(node) = parse::parse(source.as_bytes(), Dialect { multiline, ignore_case: false })
            && !backtrack::needed(&node)
        {
            let reckoned = linear::at_most(&node);
            prop_assert!(linear::build(&node, reckoned).is_ok(), "{} {}", source, reckoned);
        }
    }
}

#[test]
fn a_pattern_is_refused_before_it_is_asked() {
    let refused = |pattern: &str, largest| {
        Pattern::compile_within(pattern.as_bytes(), SINGLE, 100, largest).expect_err(pattern).message
    };
    assert_eq!(refused("(?:a{100}){100}", 1 << 16), "pattern whose automaton exceeds 65536 bytes");
    assert_eq!(
        refused("(?:[ac]{1000}){1000}", super::MAX_AUTOMATON),
        "pattern whose automaton exceeds 16777216 bytes"
    );
    let pattern = Pattern::compile_within(b"(?:a{100}){10}", SINGLE, 100, 1 << 18).expect("fits");
    assert!(
        pattern.is_match(&[b'a'; 1000]).expect("linear") && !pattern.is_match(&[b'a'; 999]).expect("linear")
    );
}

#[test]
fn what_is_told_quickly_is_what_a_search_says() {
    for (source, inputs) in [
        ("^.*$", &["", "a", "a\nb\n"][..]),
        ("^(?:.*)$", &["", "a", "a\nb\n"]),
        ("^.*", &["", "a\nb"]),
        ("^(?:GET|HEAD)$", &["GET", "GE", "HEADS", "\nGET", "GET\n", "HEAD"]),
        ("^0?$", &["", "0", "00", "x"]),
        (r"(?i)\bab+c", &["xabc", "x ABBc", "abb"]),
    ] {
        let pattern = Pattern::compile(source.as_bytes(), SINGLE).expect("compiles");
        for input in inputs.iter().map(|input| input.as_bytes()) {
            let found = pattern.find_at(input, 0).expect("linear");
            assert_eq!(pattern.is_match_quick(input), Some(found.is_some()), "{source} {input:?}");
            let groups = pattern.groups_at(input, 0).expect("linear");
            assert_eq!(groups.map(|groups| groups[0].clone()), found.map(Some), "{source} {input:?}");
        }
    }
    let whole = Pattern::compile(b"^.*$", SINGLE).expect("compiles");
    assert_eq!(whole.find_at(b"a\nb", 0), Ok(Some(0..3)));
    assert_eq!((whole.find_at(b"ab", 1), whole.groups_at(b"ab", 2)), (Ok(None), Ok(None)));
    let lines = Pattern::compile(b"^.*$", MULTI).expect("compiles");
    assert_eq!(lines.find_at(b"a\nb", 2), Ok(Some(2..3)));
}

/// Small automata skip bytes that cannot change their state; a byte that leads into such a state must be read once, not twice.
#[test]
fn a_byte_is_read_once_wherever_a_search_begins() {
    for (pattern, input, expected) in [
        (r"\d\([^(]*\)", &b"5(5)"[..], Some((0, 4))),
        (r"[a-z]+=[^=]*;", b"aa=bb;", Some((0, 6))),
        (r"..ab[^b]*c", b"xxabzzzzc", Some((0, 9))),
        (r".0.*0", b"....0", None),
        (r"..0.*0", b"0*,3\xff\x03(\0\x00", None),
    ] {
        assert_eq!(span(SINGLE, pattern, input), expected, "{pattern}");
        let pattern = Pattern::compile_within(pattern.as_bytes(), SINGLE, 100, 1 << 20).expect(pattern);
        assert_eq!(pattern.is_match(input), Ok(expected.is_some()), "{pattern:?}");
    }
}
