//! Variants of a program and removals from it: what they change, what they refuse, and that they cost nearly nothing.

mod support;

use std::{sync::Arc, time::Duration};

use portcullis_waf::{
    Collections, Header, Mode, Options, Program, Removal, RequestHead, Setting, Transaction, Variant,
    Verdict,
    removal::{Named, NoRemoval, Part},
};
use support::{Disk, Standing, compile_with, connection, corpus, program};

const RULES: &str = r#"
    SecAction "id:1,phase:1,pass,nolog,setvar:tx.limit=3,setvar:tx.other=1"
    SecRule ARGS:early "@streq yes" "id:2,phase:1,pass,nolog,setvar:tx.limit=100"
    SecRule &TX:limit "@eq 0" "id:3,phase:1,pass,nolog,setvar:tx.limit=50"
    SecRule ARGS|REQUEST_COOKIES "@contains bad" "id:10,phase:2,pass,log,tag:bad,setvar:tx.score=+4"
    SecRule ARGS_NAMES "@contains odd" "id:11,phase:2,pass,log,tag:odd,setvar:tx.score=+1"
    SecRule TX:score "@ge %{tx.limit}" "id:20,phase:2,deny"
"#;

const NOTHING: [u64; 0] = [];

struct Asked<'a> {
    variant: Option<&'a Arc<Variant>>,
    left_out: &'a [Removal],
    target: &'a str,
}

fn ask(program: &Arc<Program>, asked: &Asked<'_>) -> (bool, Vec<u64>, u64) {
    let clock = Arc::new(Standing(Duration::from_secs(1_700_000_000)));
    let collections = Arc::new(Collections::new(64, 64));
    let mut transaction = match asked.variant {
        Some(variant) => Transaction::begin_variant(variant, Mode::Block, connection(), collections, clock),
        None => Transaction::begin(Arc::clone(program), Mode::Block, connection(), collections, clock),
    };
    asked.left_out.iter().for_each(|removal| transaction.leave_out(removal));
    let field = |name, value| Header { name, value };
    let headers: [Header<'_>; 3] = [
        field(b"Host", b"example.com"),
        field(b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64)"),
        field(b"Accept", b"*/*"),
    ];
    let head = RequestHead {
        method: b"GET",
        target: asked.target.as_bytes(),
        protocol: b"HTTP/1.1",
        headers: &headers,
    };
    let passes =
        transaction.request_head(&head) == Verdict::Pass && transaction.request_body(b"") == Verdict::Pass;
    let report = transaction.finish();
    (passes, report.matched.iter().map(|rule| rule.id).filter(|id| *id >= 10).collect(), report.work)
}

fn limit(value: &str) -> [Setting<'_>; 1] {
    [Setting { rule: 1, variable: "LIMIT", value }]
}

#[test]
fn a_setting_has_another_value_where_it_stands() {
    let program = program(RULES);
    let passes = |value: &str, target| {
        let variant = Arc::new(Variant::new(&program, &limit(value), None).unwrap());
        ask(&program, &Asked { variant: Some(&variant), left_out: &[], target }).0
    };
    assert!(!passes("3", "/?a=bad"), "as written");
    assert!(!passes("4", "/?a=bad"));
    assert!(passes("5", "/?a=bad"));
    assert!(!passes("5", "/?oddname=bad"));
    assert!(passes("5", "/?oddname=bad&early=yes"), "rules behind it change it still");
    assert!(passes("0", "/?early=yes"), "text is set, not added");
    assert!(!passes("%{tx.other}00", "/?a=bad"), "macros in it are not expanded");
}

#[test]
fn what_is_no_setting_is_refused() {
    let program = program(RULES);
    let problem = |rule, variable| {
        let setting = [Setting { rule, variable, value: "1" }];
        Variant::new(&program, &setting, None).unwrap_err().to_string()
    };
    assert_eq!(problem(9, "limit"), "rule 9 does not exist");
    assert_eq!(problem(2, "limit"), "rule 2 is no SecAction of its own");
    assert_eq!(problem(1, "limits"), "rule 1 does not set tx.limits");
}

#[test]
fn rules_and_targets_are_left_out() {
    let program = program(RULES);
    let removal = |rules: &[Named], targets: &[&str]| {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        Removal::new(&program, rules, &targets).unwrap()
    };
    let ten = [Named::Ids(10..=10)];
    let matched =
        |removal: Removal, target| ask(&program, &Asked { variant: None, left_out: &[removal], target }).1;
    assert_eq!(matched(removal(&ten, &["ARGS:b"]), "/?a=bad"), [10, 20]);
    assert_eq!(matched(removal(&ten, &["ARGS:b", "ARGS:A"]), "/?a=bad"), NOTHING);
    assert_eq!(matched(removal(&ten, &["ARGS:/^A$/"]), "/?a=bad&aa=bad"), [10, 20]);
    assert_eq!(matched(removal(&ten, &["ARGS:/^A/"]), "/?a=bad&aa=bad"), NOTHING);
    assert_eq!(matched(removal(&[Named::Tag("bad".to_owned())], &[]), "/?a=bad&odd=1"), [11]);
    assert_eq!(matched(removal(&[Named::Ids(10..=19)], &[]), "/?a=bad&odd=1"), NOTHING);
    // What others decide by may go as well.
    assert_eq!(matched(removal(&[Named::Ids(1..=1)], &[]), "/?a=bad"), [10]);
    assert_eq!(matched(removal(&[Named::Ids(20..=20)], &["TX:score"]), "/?a=bad"), [10]);
}

#[test]
fn a_removal_that_would_come_to_nothing_is_refused() {
    let program = program(RULES);
    let refused = |rules: &[Named], targets: &[&str]| {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        let NoRemoval { part, problem } = Removal::new(&program, rules, &targets).unwrap_err();
        (part, problem)
    };
    let (ten, unknown) = (Named::Ids(10..=10), Named::Ids(12..=12));
    let of_rules = |at, problem: &str| (Part::Rules(at), problem.to_owned());
    let of_target = |at, problem: &str| (Part::Target(at), problem.to_owned());
    assert_eq!(refused(&[ten.clone(), unknown], &[]), of_rules(1, "there is no rule 12"));
    assert_eq!(refused(&[Named::Ids(12..=19)], &[]), of_rules(0, "there is no rule from 12 to 19"));
    assert_eq!(refused(&[Named::Tag("ba".to_owned())], &[]), of_rules(0, "no rule has the tag ba"));
    let ten = &[ten];
    assert_eq!(refused(ten, &["ARGS", "ARG:a"]), of_target(1, "names no variable: ARG"));
    assert_eq!(
        refused(ten, &["ARGS_GET:a"]),
        of_target(0, "none of these rules looks at ARGS_GET; they look at ARGS, REQUEST_COOKIES")
    );
    assert_eq!(refused(ten, &["REQUEST_URI:a"]), of_target(0, "REQUEST_URI has no members"));
    assert_eq!(refused(ten, &["ARGS:/(/"]).0, Part::Target(0));
}

#[test]
fn a_removal_of_another_program_is_passed_over() {
    let (one, other) = (program(RULES), program(RULES));
    let removal = Removal::new(&other, &[Named::Ids(10..=10)], &[]).unwrap();
    let asked = Asked { variant: None, left_out: &[removal], target: "/?a=bad" };
    assert_eq!(ask(&one, &asked).1, [10, 20]);
}

fn crs(paranoia: u8) -> Option<Arc<Program>> {
    let text = corpus::rules(paranoia, "On")?.replace(
        ",setvar:tx.detection",
        "\"\nSecAction \"id:900002,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=5\"\n\
         SecAction \"id:900001,phase:1,pass,nolog,setvar:tx.detection",
    );
    match compile_with(&text, &Disk, Options::default()) {
        Ok((program, _)) => Some(program),
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

fn levels(
    program: &Arc<Program>,
    (blocking, detection, inbound): (u8, u8, u32),
    like: Option<&Variant>,
) -> Variant {
    let values = [blocking.to_string(), detection.to_string(), inbound.to_string()];
    let names = ["blocking_paranoia_level", "detection_paranoia_level", "inbound_anomaly_score_threshold"];
    let settings = (900_000..).zip(names.iter().zip(&values));
    let settings: Vec<Setting<'_>> =
        settings.map(|(rule, (variable, value))| Setting { rule, variable, value }).collect();
    Variant::new(program, &settings, like).unwrap()
}

/// The work of a request tells whether rules were looked for or every one of them was asked.
#[test]
fn an_overlay_costs_a_request_next_to_nothing() {
    let (Some(one), Some(two)) = (crs(1), crs(2)) else { return };
    let work = |program: &Arc<Program>, variant: Option<Variant>, left_out: &[Removal]| {
        let variant = variant.map(Arc::new);
        let target = "/shop/items?category=garden&page=3&sort=price";
        let (passes, _, work) = ask(program, &Asked { variant: variant.as_ref(), left_out, target });
        assert!(passes);
        work
    };
    let (plain, strict) = (work(&one, None, &[]), work(&two, None, &[]));
    let close = |work: u64, to: u64, what: &str| {
        println!("{what}: {work}, {to} without");
        assert!(work < to + to / 5 + 2_000, "{what}: {work} units of work, {to} without");
    };
    close(work(&one, Some(levels(&one, (1, 1, 50), None)), &[]), plain, "a threshold");
    let leader = levels(&one, (1, 2, 5), None).planned(&[]);
    close(work(&one, Some(levels(&one, (1, 2, 7), Some(&leader))), &[]), strict, "a detection level");
    close(work(&one, Some(levels(&one, (2, 2, 5), Some(&leader))), &[]), strict, "a blocking level");
    let removal = |rules, targets: &[String]| Removal::new(&one, &[rules], targets).unwrap();
    let targets = [String::from("ARGS:category"), String::from("ARGS:/^p/")];
    let left_out = [
        removal(Named::Ids(942_100..=942_999), &[]),
        removal(Named::Tag("attack-xss".to_owned()), &targets),
        removal(Named::Ids(949_052..=949_052), &[]),
    ];
    close(work(&one, None, &left_out), plain, "exclusions");
    let without = work(&one, Some(levels(&one, (1, 2, 5), None)), &[]);
    assert!(without > 3 * plain, "a level without a plan is told by its work: {without}, {plain}");
}
