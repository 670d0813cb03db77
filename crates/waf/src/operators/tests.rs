//! The table is complete, and what operators say about a match.

use std::collections::HashMap;

use portcullis_seclang::{Loader, vocabulary::Operator};

use super::{Capture, Found, Operate, Resources, Status, TABLE, Undecided, build};

struct Files(HashMap<&'static str, &'static [u8]>);

impl Loader for Files {
    fn resolve(&self, from: &str, reference: &str) -> String {
        format!("{}/{reference}", from.rsplit_once('/').map_or("", |(directory, _)| directory))
    }

    fn glob(&self, _: &str) -> Result<Vec<String>, String> {
        Err("no globs here".to_owned())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.0.get(name).map(|bytes| bytes.to_vec()).ok_or_else(|| "no such file".to_owned())
    }
}

fn files() -> Files {
    Files(HashMap::from([
        ("rules/a.data", &b"# comment\n\nalpha beta\r\n  gamma\n"[..]),
        ("rules/b.data", b"delta|41|\n"),
        ("rules/nets", b"10.0.0.0/8 # private\n\n2001:db8::/32, 192.0.2.1\n"),
        ("rules/wrong", b"10.0.0.0/8\nnonsense\n"),
    ]))
}

fn with<T>(run: impl FnOnce(&Resources<'_>) -> T) -> T {
    run(&Resources { loader: &files(), file: "rules/x.conf", multiline: false, geo: None })
}

fn built(name: Operator, argument: &str) -> Box<dyn Operate> {
    with(|resources| build(name, argument.as_bytes(), false, resources)).expect(argument).operate
}

fn refusal(name: Operator, argument: &str) -> String {
    with(|resources| build(name, argument.as_bytes(), false, resources)).expect_err(argument).message
}

fn find(operator: &dyn Operate, input: &[u8]) -> Option<Found> {
    let mut found = Found::default();
    operator.evaluate(input, None, true, &mut found).then_some(found)
}

fn span(name: Operator, argument: &str, input: &str) -> Option<(usize, usize)> {
    find(&*built(name, argument), input.as_bytes()).map(|found| (found.offset, found.length))
}

#[test]
fn every_operator_has_one_line_in_order() {
    let names: Vec<Operator> = TABLE.iter().map(|line| line.name).collect();
    assert_eq!(names, Operator::ALL);
}

#[test]
fn what_does_not_match_or_load_says_so() {
    for line in TABLE {
        let result = with(|resources| build(line.name, b"1", false, resources));
        match line.status {
            Status::Implemented(_) => {}
            Status::NeverMatches { code, .. } => {
                let built = result.expect("loads");
                assert_eq!(built.warning.expect("warns").code, code);
                assert!(find(&*built.operate, b"127.0.0.1").is_none());
            }
            Status::Refused { .. } => {
                let refusal = result.expect_err("refused");
                assert!(refusal.message.contains(line.name.name()) && refusal.help.is_some());
            }
        }
    }
}

#[test]
fn places_of_matches() {
    for (name, argument, input, expected) in [
        (Operator::BeginsWith, "ab", "abc", Some((0, 2))),
        (Operator::EndsWith, "bc", "abc", Some((1, 2))),
        (Operator::Contains, "b", "abc", Some((1, 1))),
        (Operator::ContainsWord, "b", "ab b1", Some((3, 1))),
        (Operator::Pm, "cd BC", "abcd", Some((1, 2))),
        (Operator::Pm, "|62 63|", "abcd", Some((1, 2))),
        (Operator::Rx, "b+", "abbc", Some((1, 2))),
        (Operator::Within, "GET POST", "POST", Some((0, 4))),
        (Operator::ValidateByteRange, "97-99", "abzc", Some((2, 1))),
        (Operator::ValidateUrlEncoding, "", "a%2", Some((1, 2))),
        (Operator::VerifyCC, "\\d{13,16}", "x 4111111111111111", Some((2, 16))),
        (Operator::VerifyCC, "\\d{16}", "04111111111111111", Some((1, 16))),
        (Operator::Restpath, "/user/{id}/{what}", "/user/7/orders?x", Some((0, 14))),
        (Operator::Restpath, "/user/{id}$", "/user/7/orders", None),
    ] {
        assert_eq!(span(name, argument, input), expected, "@{} {argument}", name.name());
    }
}

#[test]
fn captures_are_parts_of_the_input() {
    let captures = |name, argument: &str, input: &str| -> Vec<Option<String>> {
        let text = |capture: &Capture| String::from_utf8_lossy(capture.of(input.as_bytes())).into_owned();
        let found = find(&*built(name, argument), input.as_bytes()).unwrap_or_default();
        found.captures.iter().map(|capture| capture.as_ref().map(text)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(captures(Operator::Rx, "(a)|(b)", "b"), [some("b"), None, some("b")]);
    assert_eq!(captures(Operator::RxGlobal, "(b)c?", "bcb"), [some("bc"), some("b"), some("b"), some("b")]);
    assert_eq!(captures(Operator::Pm, "BC", "abcd"), [some("bc")]);
    assert_eq!(captures(Operator::Restpath, "/u/{id}", "/u/7"), [some("/u/7"), some("7")]);
    let mut found = Found::default();
    assert!(built(Operator::Rx, "(a)").evaluate(b"a", None, false, &mut found));
    assert!(found.captures.is_empty());
}

#[test]
fn data_files_are_relative_to_the_rule_file() {
    let phrases = built(Operator::PmFromFile, "a.data b.data");
    for (input, expected) in [
        ("an ALPHA BETA", true),
        ("  gamma", true),
        ("gamma", false),
        ("delta|41|", true),
        ("# comment", false),
    ] {
        assert_eq!(find(&*phrases, input.as_bytes()).is_some(), expected, "{input}");
    }
    let networks = built(Operator::IpMatchFromFile, "nets");
    for (input, expected) in
        [("10.1.2.3", true), ("2001:db8::1", true), ("192.0.2.1", true), ("192.0.2.2", false), ("x", false)]
    {
        assert_eq!(find(&*networks, input.as_bytes()).is_some(), expected, "{input}");
    }
    assert!(refusal(Operator::PmFromFile, "none.data").contains("rules/none.data: no such file"));
    assert!(refusal(Operator::IpMatchFromFile, "wrong").contains("rules/wrong:2: \"nonsense\""));
    assert!(refusal(Operator::PmFromFile, "https://example.com/list").contains("address"));
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    for (name, argument, word) in [
        (Operator::ValidateByteRange, "", "no byte"),
        (Operator::ValidateByteRange, "1-256", "1-256"),
        (Operator::ValidateByteRange, "9-1", "9-1"),
        (Operator::IpMatch, "10.0.0.0/33", "10.0.0.0/33"),
        (Operator::IpMatch, "", "without an address"),
        (Operator::Pm, " ", "no phrase"),
        (Operator::Rx, "(", "parenthesis"),
        (Operator::VerifyCC, "", "pattern"),
    ] {
        assert!(refusal(name, argument).contains(word), "@{} {argument}", name.name());
    }
}

#[test]
fn mapped_addresses_are_ipv4() {
    let networks = built(Operator::IpMatch, "192.0.2.0/24, ::1");
    assert!(find(&*networks, b"::ffff:192.0.2.7").is_some());
    assert!(find(&*networks, b"::ffff:198.51.100.7").is_none());
}

#[test]
fn expanded_arguments_are_used() {
    let evaluate = |name, expanded: &[u8], input: &[u8]| {
        let built = with(|resources| build(name, b"%{tx.a}", true, resources)).expect("loads");
        assert_eq!(built.warning, None);
        let mut found = Found::default();
        (built.operate.evaluate(input, Some(expanded), false, &mut found), found.undecided)
    };
    assert_eq!(evaluate(Operator::Rx, b"^a$", b"a"), (true, None));
    assert_eq!(evaluate(Operator::Rx, b"(", b"("), (false, Some(Undecided::InvalidPattern)));
    assert_eq!(evaluate(Operator::Rx, &[b'a'; 5000], b"a"), (false, Some(Undecided::InvalidPattern)));
    assert_eq!(evaluate(Operator::Gt, b"5", b"6"), (true, None));
    assert_eq!(evaluate(Operator::Streq, b"x", b"x"), (true, None));
    assert_eq!(evaluate(Operator::Within, b"GET POST", b"POST"), (true, None));
    let kept = with(|resources| build(Operator::Pm, b"%{tx.a}", true, resources)).expect("loads");
    assert!(kept.warning.is_some() && find(&*kept.operate, b"a %{tx.a}").is_some());
}

#[test]
fn compiled_patterns_of_macros_are_bounded() {
    let built = with(|resources| build(Operator::Rx, b"%{tx.a}", true, resources)).expect("loads").operate;
    for round in 0..200 {
        let expanded = format!("^{round}$");
        let mut found = Found::default();
        let input = round.to_string();
        assert!(built.evaluate(input.as_bytes(), Some(expanded.as_bytes()), false, &mut found));
    }
    assert!(format!("{built:?}").matches("Pattern(").count() <= 16);
}

#[test]
fn reaching_the_step_limit_is_a_match() {
    let pattern = br"(?:a|b|ab)*(?=c)d";
    let built = with(|resources| build(Operator::Rx, pattern, false, resources)).expect("loads");
    assert_eq!(built.warning.expect("warns").code, super::PATTERN_BACKTRACKS);
    assert_eq!(built.operate.backtracking_pattern(), Some(&pattern[..]));
    let input = [b"ab".repeat(40), b"d".to_vec()].concat();
    let mut found = Found::default();
    assert!(built.operate.evaluate(&input, None, true, &mut found));
    assert_eq!(found.undecided, Some(Undecided::LimitExceeded));
    assert_eq!((found.offset, found.length), (0, input.len()));
    let mut found = Found::default();
    assert!(!built.operate.evaluate(b"abab", None, true, &mut found) && found.undecided.is_none());
}
