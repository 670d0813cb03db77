//! Printed and parsed again, a document is equal to itself: real rules, arbitrary bytes, and trees made at random.

mod shared;

use std::time::{Duration, Instant};

use portcullis_diag::{Sources, Span, Spanned, render};
use portcullis_seclang::{
    ast::{
        Action, Directive, DirectiveKind, Document, Operator, Rule, RuleSelector, Selector, Target,
        TargetMode, Text,
    },
    parse_alone, print,
    vocabulary::{self, ActionArgument, Parameter, Setting, Shape, Transformation, Variable},
};
use proptest::{collection::vec, prelude::*, sample::select};
use shared::corpus;

#[test]
fn every_real_file() {
    for name in corpus() {
        let text = std::fs::read(&name).expect("listed a moment ago");
        let document = parse_alone(&name, &text, &mut Sources::new()).document;
        let printed = print(&document);
        assert_eq!(read(&printed), document, "{name}");
        assert_eq!(print(&read(&printed)), printed, "{name}: printing is not stable");
    }
}

/// Pieces that make the quoting rules meet each other.
fn awkward() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"\\",
        b"\\\\",
        b"\"",
        b"'",
        b"\\\"",
        b"\\'",
        b",",
        b"|",
        b":",
        b"/",
        b" ",
        b"\t",
        b"\n",
        b"\r\n",
        b"\\\n",
        b"\\\r\n",
        b"#",
        b"!",
        b"&",
        b"@",
        b"@rx",
        b"@streq ",
        b"SecRule",
        b"SecAction ",
        b"SecMarker ",
        b"SecRuleEngine ",
        b"ARGS",
        b"TX",
        b"XML:/*",
        b"id:1",
        b"msg:",
        b"t:none",
        b"setvar:",
        b"a",
        b"1",
        b"-",
        b"%{tx.a}",
        b"\xff",
        b"\0",
        b"\r",
        b"SecRule ARGS ",
        b"SecRuleUpdateTargetById 1 ",
        b"SecRuleRemoveById ",
        b"ARGS:/a/",
        b"Include ",
    ];
    vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(text in vec(any::<u8>(), 0..400)) {
        check(&text)?;
    }

    #[test]
    fn awkward_text_never_panics(text in awkward()) {
        check(&text)?;
    }

    #[test]
    fn awkward_rules(targets in awkward(), operator in awkward(), actions in awkward()) {
        check(&[b"SecRule ", &targets[..], b" ", &operator, b" ", &actions].concat())?;
        check(&[b"SecRule ARGS:", &targets[..], b" \"", &operator, b"\" id:1,msg:", &actions, b"\n"].concat())?;
        check(&[b"SecRule \"ARGS:'", &targets[..], b"'\" '", &operator, b"' \"id:1,msg:'", &actions, b"'\"\n"].concat())?;
        check(&[b"SecRule ARGS @streq ", &operator[..], b" id:1,logdata:", &actions, b"\n"].concat())?;
    }

    #[test]
    fn random_trees(document in document()) {
        let printed = print(&document);
        let mut sources = Sources::new();
        let again = parse_alone("printed", &printed, &mut sources);
        let drawn: String = again.diagnostics.iter().map(|diagnostic| render(&sources, diagnostic)).collect();
        prop_assert!(again.diagnostics.is_empty(), "{drawn}");
        prop_assert_eq!(again.document, document);
    }
}

#[test]
fn time_is_linear_in_length() {
    // Each would take minutes if a byte were looked at once for every byte before it.
    let hostile: Vec<Vec<u8>> = vec![
        b"#SecRule a \\\n".repeat(200_000),
        [&b"SecRule ARGS "[..], &b"\\\n".repeat(1_000_000)].concat(),
        [&b"SecRule ARGS:/"[..], &b"a/".repeat(1_000_000), b" @rx"].concat(),
        [&b"SecRule "[..], &b"ARGS:/a/|".repeat(200_000), b"ARGS @rx"].concat(),
        [&b"SecAction \"id:1,"[..], &b"nolog,".repeat(300_000), b"\""].concat(),
        [&b"SecAction \"id:1,msg:'"[..], &b"\\'".repeat(1_000_000), b"\""].concat(),
        b"SecRule ARGS \"unclosed\n".repeat(100_000),
        [&b"SecRule ARGS \""[..], &b"\\\"".repeat(1_000_000)].concat(),
        vec![b'x'; 4_000_000],
        b"\"\n".repeat(1_000_000),
    ];
    for text in hostile {
        let start = Instant::now();
        let parsed = parse_alone("hostile.conf", &text, &mut Sources::new());
        assert!(parsed.diagnostics.len() <= 300);
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(20), "{taken:?} for {:?}..", text.get(..40));
    }
}

/// Neither panics nor changes a document by printing it.
fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let mut sources = Sources::new();
    let parsed = parse_alone("bytes", text, &mut sources);
    for diagnostic in &parsed.diagnostics {
        prop_assert!(!render(&sources, diagnostic).is_empty());
    }
    let printed = print(&parsed.document);
    prop_assert_eq!(
        read(&printed),
        parsed.document,
        "{:?} printed as {:?}",
        text.escape_ascii().to_string(),
        printed.escape_ascii().to_string()
    );
    Ok(())
}

fn read(text: &[u8]) -> Document {
    parse_alone("again", text, &mut Sources::new()).document
}

fn document() -> impl Strategy<Value = Document> {
    vec(kind(), 0..5).prop_map(|kinds| Document {
        directives: kinds.into_iter().map(|kind| Directive { span: nowhere(), kind }).collect(),
    })
}

fn kind() -> impl Strategy<Value = DirectiveKind> {
    let rule = (vec(target(), 1..4), operator(), vec(action(), 0..5));
    prop_oneof![
        4 => rule.prop_map(|(targets, operator, actions)| DirectiveKind::Rule(Rule { targets, operator, actions })),
        1 => vec(action(), 1..5).prop_map(DirectiveKind::Action),
        1 => vec(action(), 1..5).prop_map(DirectiveKind::DefaultAction),
        1 => text().prop_map(DirectiveKind::Marker),
        1 => text().prop_map(DirectiveKind::Include),
        1 => (rules(), vec(target(), 1..4))
            .prop_map(|(rules, targets)| DirectiveKind::RuleUpdateTarget { rules, targets }),
        1 => rules().prop_map(DirectiveKind::RuleRemove),
        1 => (ids(), vec(action(), 1..4))
            .prop_map(|(rules, actions)| DirectiveKind::RuleUpdateAction { rules, actions }),
        1 => (select(Setting::ALL), text(), text(), text()).prop_map(|(name, a, b, c)| {
            let count = usize::from(name.arity().most.min(3));
            DirectiveKind::Setting { name, arguments: [a, b, c].into_iter().take(count).collect() }
        }),
    ]
}

fn rules() -> impl Strategy<Value = RuleSelector> {
    prop_oneof![ids(), text().prop_map(RuleSelector::Tag), text().prop_map(RuleSelector::Message)]
}

fn ids() -> impl Strategy<Value = RuleSelector> {
    let range = (0..u64::MAX / 2, 0..u64::MAX / 2).prop_map(|(first, more)| {
        let last = if more % 3 == 0 { first } else { first + more };
        Spanned::new((first, last), nowhere())
    });
    vec(range, 1..4).prop_map(RuleSelector::Ids)
}

fn target() -> impl Strategy<Value = Target> {
    let mode = select(vec![TargetMode::Include, TargetMode::Exclude, TargetMode::Count]);
    let selector = prop_oneof![
        Just(None),
        text().prop_map(|name| Some(Selector::Name(name))),
        text().prop_map(|regex| Some(Selector::Regex(regex))),
    ];
    (mode, select(Variable::ALL), selector).prop_map(|(mode, variable, selector)| {
        let selector = selector.filter(|selector| match selector {
            _ if variable.shape() == Shape::Scalar => false,
            // Neither an empty name nor one that reads as a regular expression can be written.
            Selector::Name(name) => !name.value.is_empty() && !name.value.starts_with(b"/"),
            Selector::Regex(_) => variable != Variable::Xml,
        });
        Target { span: nowhere(), mode, variable, selector }
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    (any::<bool>(), select(vocabulary::Operator::ALL), text()).prop_map(|(negated, name, argument)| {
        let argument = if name.parameter() == Parameter::Absent { of(b"") } else { argument };
        Operator { span: nowhere(), negated, name, argument }
    })
}

fn action() -> impl Strategy<Value = Action> {
    (select(vocabulary::Action::ALL), text(), any::<prop::sample::Index>()).prop_map(
        |(name, value, index)| {
            use vocabulary::Action as Name;
            let argument = match name {
                Name::T => of(index.get(Transformation::ALL).name().as_bytes()),
                Name::Ctl => of(b"ruleRemoveById=1-3"),
                Name::Id | Name::Skip => of(b"12"),
                Name::Phase | Name::Severity => of(b"2"),
                Name::Status => of(b"403"),
                Name::Allow => of(b"phase"),
                Name::Initcol => of(b"ip=%{REMOTE_ADDR}"),
                Name::Setvar | Name::SkipAfter | Name::Redirect if value.value.is_empty() => of(b"a"),
                _ => value,
            };
            let argument = (name.argument() != ActionArgument::Absent).then_some(argument);
            Action { span: nowhere(), name, argument }
        },
    )
}

/// Text that every way of quoting can hold: no line feed, and backslashes in pairs only.
fn text() -> impl Strategy<Value = Text> {
    let pieces: Vec<&[u8]> = vec![
        b"a", b"Z", b"0", b" ", b"\"", b"'", b",", b"|", b"/", b"\\\\", b"\\x5c", b"%{tx.a}", b"#", b"\xe9",
        b"!", b"@rx",
    ];
    vec(select(pieces), 0..6).prop_map(|pieces| of(&pieces.concat()))
}

fn of(text: &[u8]) -> Text {
    Text::new(text.to_vec(), nowhere())
}

/// Spans do not count when trees are compared.
fn nowhere() -> Span {
    Span { source: Sources::new().add("nowhere", Vec::new()), start: 0, end: 0 }
}
