//! The compiled engine against the plain one: every report must be the same, to the last captured byte.
//!
//! `PORTCULLIS_MUTATIONS` is the number of mutated requests (2,000 unless set), `PORTCULLIS_SEED` where they begin.

mod support;

use std::{sync::Arc, time::Duration};

use portcullis_waf::{
    Collections, Engine, Mode, Options, Program, Removal, Setting, Transaction, Variant, Verdict,
    removal::Named,
};
use support::{
    Disk, Standing, compile_with, connection,
    corpus::{Case, Random, bench, fields, rules, suite},
};

struct Pair {
    plain: Ran,
    compiled: Ran,
}

/// How the rules are run: a program, or a variant of it, and what is left out.
struct Ran {
    program: Arc<Program>,
    variant: Option<Arc<Variant>>,
    left_out: Vec<Removal>,
}

/// What is otherwise than in the program.
#[derive(Clone, Copy, Debug, Default)]
struct Overlay {
    /// Blocking and detection level, inbound threshold.
    levels: Option<(u8, u8, u32)>,
    /// The variant has a plan of its own, made for this detection level.
    planned: Option<u8>,
    /// Rules that are left out, or targets of them.
    left_out: &'static [(&'static str, &'static [&'static str])],
}

impl Overlay {
    fn on(&self, program: &Arc<Program>) -> Ran {
        let variant = |(blocking, detection, inbound): (u8, u8, u32), like: Option<&Variant>| {
            let values = [blocking.to_string(), detection.to_string(), inbound.to_string()];
            let names =
                ["blocking_paranoia_level", "detection_paranoia_level", "inbound_anomaly_score_threshold"];
            let settings: Vec<Setting<'_>> = names
                .iter()
                .zip(&values)
                .map(|(variable, value)| Setting { rule: 900_000, variable, value })
                .collect();
            Variant::new(program, &settings, like).unwrap()
        };
        let leader = self.planned.map(|level| variant((1, level, 5), None).planned(&[]));
        let left_out = self.left_out.iter().map(|(rules, targets)| {
            let ends = rules.split_once('-').unwrap_or((rules, rules));
            let rules = match (ends.0.parse(), ends.1.parse()) {
                (Ok(from), Ok(to)) => Named::Ids(from..=to),
                _ => Named::Tag((*rules).to_owned()),
            };
            let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
            Removal::new(program, &[rules], &targets).unwrap()
        });
        Ran {
            program: Arc::clone(program),
            variant: self.levels.map(|levels| Arc::new(variant(levels, leader.as_ref()))),
            left_out: left_out.collect(),
        }
    }
}

impl Pair {
    fn of(text: &str) -> Self {
        let program = |engine| match compile_with(text, &Disk, Options { engine, ..Options::default() }) {
            Ok((program, _)) => program,
            Err(diagnostics) => panic!("{diagnostics}"),
        };
        Self::under(&Overlay::default(), &program(Engine::Plain), &program(Engine::Compiled))
    }

    fn under(overlay: &Overlay, plain: &Arc<Program>, compiled: &Arc<Program>) -> Self {
        Self { plain: overlay.on(plain), compiled: overlay.on(compiled) }
    }

    /// What differs, if anything does.
    fn differs(&self, case: &Case) -> Option<String> {
        let mut plain = String::new();
        for (keep_values, remembers) in [(false, false), (false, true), (true, false)] {
            if !remembers {
                plain = told(&self.plain, case, keep_values, false);
            }
            let compiled = told(&self.compiled, case, keep_values, remembers);
            if plain != compiled {
                let different = plain.lines().zip(compiled.lines()).find(|(one, other)| one != other);
                return Some(format!(
                    "{} (values {keep_values}, memory {remembers}): {} {}\n  plain and compiled: {different:#?}\n  lines {} {}",
                    case.name,
                    case.method.escape_ascii(),
                    case.target.escape_ascii(),
                    plain.lines().count(),
                    compiled.lines().count(),
                ));
            }
        }
        None
    }

    fn compare<'a>(&self, cases: impl Iterator<Item = &'a Case>) {
        let mut found = Vec::new();
        for case in cases {
            if let Some(difference) = self.differs(case) {
                found.push(difference);
                if found.len() > 20 {
                    break;
                }
            }
        }
        assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    }
}

fn told(ran: &Ran, case: &Case, keep_values: bool, remembers: bool) -> String {
    let clock = Arc::new(Standing(Duration::from_secs(1_700_000_000)));
    let collections = Arc::new(Collections::new(64, 64));
    let headers = fields(&case.headers);
    let mut transaction = match &ran.variant {
        Some(variant) => Transaction::begin_variant(variant, Mode::Block, connection(), collections, clock),
        None => Transaction::begin(Arc::clone(&ran.program), Mode::Block, connection(), collections, clock),
    };
    ran.left_out.iter().for_each(|removal| transaction.leave_out(removal));
    if keep_values {
        transaction.keep_values();
    }
    if remembers {
        transaction.remember_verdicts();
    }
    let mut verdicts = vec![transaction.request_head(&case.head(&headers))];
    verdicts.push(transaction.request_body(&case.body));
    if let Some(answer) = case.response.as_ref().filter(|_| verdicts.iter().all(|one| *one == Verdict::Pass))
    {
        let headers = fields(&answer.headers);
        verdicts.push(transaction.response_head(answer.status, b"HTTP/1.1", &headers));
        verdicts.push(transaction.response_body(&answer.body));
    }
    let report = transaction.finish();
    let mut text = format!(
        "{verdicts:?}\n{:?} {} {:?} {:?} {}\n",
        report.intervention,
        report.enforced,
        report.inbound_score,
        report.outbound_score,
        report.audit_wanted
    );
    for rule in &report.matched {
        text.push_str(&format!("{rule:?}\n"));
    }
    text
}

/// Compares `count` mutations of `cases`; where `PORTCULLIS_MUTATIONS` is set, this setting's part of so many. The seed is
/// `PORTCULLIS_SEED`, or fixed, and differs by setting.
fn compare_mutations(pair: &Pair, cases: &[Case], count: usize, setting: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("PORTCULLIS_MUTATIONS").map_or(count, |count| count.div_ceil(SETTINGS) as usize);
    let seed = number("PORTCULLIS_SEED").unwrap_or(20_261_122) + 2 * setting;
    let mut random = Random(seed);
    let mut left = count;
    while left > 0 {
        let batch = left.min(500);
        let mutated: Vec<Case> =
            (0..batch).map(|_| cases[random.below(cases.len())].mutated(&mut random)).collect();
        pair.compare(mutated.iter());
        left -= batch;
    }
    println!("setting {setting}, seed {seed}: {count} mutated requests, no difference");
}

/// Settings under which the Core Rule Set is compared.
const SETTINGS: u64 = 3;

fn crs(setting: u64, paranoia: u8, mode: &str, share: usize) {
    let Some(text) = rules(paranoia, mode) else { return };
    let (Some(suite), Some(bench)) = (suite(), bench()) else { return };
    let pair = Pair::of(&text);
    pair.compare(bench.iter().chain(suite.iter().step_by(share)));
    let all: Vec<Case> = bench.into_iter().chain(suite).collect();
    compare_mutations(&pair, &all, 2_000 / share, setting);
}

/// In a debug build one request in ten is run.
const SHARE: usize = if cfg!(debug_assertions) { 10 } else { 1 };

#[test]
fn crs_4_at_paranoia_1_is_the_same() {
    crs(0, 1, "On", SHARE);
}

#[test]
fn crs_4_at_paranoia_4_is_the_same() {
    crs(1, 4, "On", SHARE);
}

#[test]
fn crs_4_in_detection_only_is_the_same() {
    crs(2, 4, "DetectionOnly", SHARE * 3);
}

/// What routes and customers may ask for. Without a plan of its own a variant leaves the one of the program at the first rule that is
/// skipped otherwise.
const OVERLAYS: &[Overlay] = &[
    Overlay { levels: Some((1, 1, 9)), planned: None, left_out: &[] },
    Overlay { levels: Some((2, 3, 7)), planned: Some(3), left_out: &[] },
    Overlay { levels: Some((4, 4, 5)), planned: Some(4), left_out: &[] },
    Overlay { levels: Some((1, 2, 5)), planned: None, left_out: &[] },
    // A level below the one that blocks: the rules refuse all there is.
    Overlay { levels: Some((3, 2, 5)), planned: Some(2), left_out: &[] },
    Overlay {
        levels: Some((2, 2, 4)),
        planned: Some(2),
        left_out: &[
            ("942100", &[]),
            ("attack-xss", &["ARGS:q", "ARGS:/^.{2,9}$/", "REQUEST_COOKIES"]),
            ("920100-920600", &["REQUEST_HEADERS:User-Agent", "REQUEST_HEADERS:/^x-/"]),
        ],
    },
    // Rules that the plan relies on: defaults, skips, the sums of scores, what decides.
    Overlay { levels: None, planned: None, left_out: &[("901001-901400", &[])] },
    Overlay {
        levels: None,
        planned: None,
        left_out: &[("942011-942018", &[]), ("949052", &[]), ("920420", &[])],
    },
    Overlay { levels: None, planned: None, left_out: &[("949060", &["TX:blocking_paranoia_level"])] },
    Overlay { levels: Some((1, 1, 5)), planned: None, left_out: &[("949110", &[]), ("OWASP_CRS", &["TX"])] },
    Overlay { levels: None, planned: None, left_out: &[("OWASP_CRS", &[])] },
];

#[test]
fn crs_4_is_the_same_under_every_overlay() {
    let Some(text) = rules(1, "On") else { return };
    let text = text.replace(
        "setvar:tx.blocking_paranoia_level=1",
        "setvar:tx.inbound_anomaly_score_threshold=5,setvar:tx.blocking_paranoia_level=1",
    );
    let (Some(suite), Some(bench)) = (suite(), bench()) else { return };
    let program = |engine| match compile_with(&text, &Disk, Options { engine, ..Options::default() }) {
        Ok((program, _)) => program,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    let (plain, compiled) = (program(Engine::Plain), program(Engine::Compiled));
    let all: Vec<Case> = bench.into_iter().chain(suite).collect();
    for (at, overlay) in OVERLAYS.iter().enumerate() {
        println!("{overlay:?}");
        let pair = Pair::under(overlay, &plain, &compiled);
        pair.compare(all.iter().skip(at).step_by(SHARE * 5));
        compare_mutations(&pair, &all, 500 / SHARE, SETTINGS + at as u64);
    }
}

/// Rules in which what is known ahead and what a request changes depend on each other.
const ENTANGLED: &[&str] = &[
    // A rule that would have set a variable does not: rules that rest on it are not as planned either.
    r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.x=0"
       SecRule ARGS:x "@rx ^.*$" "id:2,phase:1,pass,nolog,capture,setvar:tx.x=%{tx.0}"
       SecRule TX:x "@eq 0" "id:3,phase:1,pass,nolog,setvar:tx.y=1"
       SecRule TX:y "@eq 1" "id:4,phase:1,pass,log,setvar:tx.z=%{tx.y}"
       SecRule TX:z "@eq 1" "id:5,phase:2,deny""#,
    // All variables, in the order of their first setting, taken away and set again.
    r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=1,setvar:tx.b=1,setvar:tx.c=1"
       SecRule ARGS:x "@streq 0" "id:2,phase:1,pass,nolog,setvar:!tx.a"
       SecRule ARGS:x "@streq 5" "id:3,phase:1,pass,nolog,setvar:tx.b=5,setvar:!tx.c,setvar:tx.C=6,setvar:tx.other_%{ARGS:x}=7"
       SecRule TX "@rx ." "id:4,phase:1,pass,log"
       SecAction "id:5,phase:1,pass,nolog,setvar:tx.a=2,setvar:!tx.b,setvar:tx.B=2"
       SecRule TX "@rx ." "id:6,phase:2,pass,log"
       SecRule TX:/^(?:b|other)/ "@rx ." "id:7,phase:2,pass,log"
       SecRule &TX "@gt 3" "id:8,phase:2,pass,log""#,
    // Rules are skipped that were counted on.
    r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=1"
       SecRule ARGS:x "@streq 5" "id:2,phase:1,pass,nolog,skipAfter:END"
       SecAction "id:3,phase:1,pass,log,severity:2,auditlog,setvar:tx.a=2,setvar:tx.b=%{tx.a}"
       SecRule TX:a "@eq 2" "id:4,phase:1,pass,log"
       SecMarker END
       SecRule TX:a "@eq 1" "id:5,phase:1,pass,log,setvar:tx.b=+1"
       SecRule ARGS:x "@rx ." "id:6,phase:1,pass,log,logdata:'%{MATCHED_VAR} %{MATCHED_VAR_NAME} %{HIGHEST_SEVERITY} %{tx.a} %{tx.b}'"
       SecRule MATCHED_VAR "@eq 5" "id:7,phase:2,pass,log"
       SecRule HIGHEST_SEVERITY "@eq 2" "id:8,phase:2,pass,log""#,
    // The last match may be one that was known ahead.
    r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=7"
       SecRule ARGS:x "@rx ." "id:2,phase:1,pass,log,severity:4"
       SecRule TX:a "@eq 7" "id:3,phase:1,pass,log,severity:3"
       SecRule MATCHED_VAR "@eq 7" "id:4,phase:1,pass,log"
       SecRule ARGS:x "@streq 5" "id:5,phase:1,pass,nolog,ctl:ruleRemoveById=6"
       SecRule TX:a "@eq 7" "id:6,phase:2,pass,log,chain,setvar:tx.b=1"
         SecRule TX:a "@eq 8" "t:none"
       SecRule TX:b "@eq 1" "id:7,phase:2,pass,log"
       SecRule MATCHED_VAR_NAME "@rx ^(.*)$" "id:8,phase:5,pass,log,capture,logdata:'%{tx.1} %{HIGHEST_SEVERITY}'""#,
    // Captures that nobody looks at beside those that somebody does: in the same link, in one behind it, after all of them.
    r#"SecRule ARGS:x "@rx ^(.)" "id:1,phase:1,pass,log,capture,logdata:'%{tx.1}'"
       SecRule ARGS:x "@rx ^(\d)$" "id:2,phase:1,pass,log,capture,chain,setvar:tx.a=%{tx.0}"
         SecRule TX:1 "@eq 5" "t:none,setvar:tx.b=%{tx.1}"
       SecRule ARGS:x "@rx ^(\d)" "id:3,phase:1,pass,log,capture,chain,setenv:first=%{tx.1}"
         SecRule REQUEST_METHOD "@rx (.)$" "t:none,capture"
       SecRule ARGS:x "@rx ^(\d)" "id:4,phase:1,pass,log,capture,chain"
         SecRule REQUEST_METHOD "@rx ^(.)" "t:none,capture,chain"
           SecRule REQUEST_PROTOCOL "@beginsWith %{tx.0}" "t:none,setvar:tx.c=1"
       SecRule TX:b "@rx ^(.*)$" "id:5,phase:1,pass,log,capture,setvar:tx.d=%{tx.1}"
       SecRule ENV:first "@streq T" "id:6,phase:1,pass,log,capture"
       SecRule TX:d "@eq 5" "id:7,phase:2,pass,log,capture"
       SecRule TX:a "@eq 1" "id:8,phase:2,pass,log,capture""#,
];

#[test]
fn a_value_that_passes_by_hides_no_other() {
    let pair = Pair::of(
        r#"SecRequestBodyAccess On
           SecRule XML://@*|XML:/*|REQUEST_BODY|ARGS "@rx attack" "id:1,phase:2,pass,log,setvar:tx.n=+1"
           SecRule TX:n "@ge 2" "id:2,phase:2,pass,log,logdata:'%{TX.n}'""#,
    );
    // One that cannot be read to the end is there as it came as well.
    let cases =
        ["<a b='attack' c='attack'>attack</a>", "<a b='attack'>attack</c>", "<a b='attack'", "<a>attack"]
            .map(|body| Case {
                name: body.to_owned(),
                method: b"POST".to_vec(),
                target: b"/?x=attack".to_vec(),
                protocol: b"HTTP/1.1".to_vec(),
                headers: vec![(b"content-type".to_vec(), b"application/xml".to_vec())],
                body: body.into(),
                ..Case::default()
            });
    pair.compare(cases.iter());
}

#[test]
fn what_is_known_ahead_gives_way_to_what_happens() {
    for text in ENTANGLED {
        let pair = Pair::of(text);
        let cases = ["/", "/?x=0", "/?x=5", "/?x=1&x=5", "/?y=1", "/?x="].map(|target| Case {
            name: target.to_owned(),
            method: b"GET".to_vec(),
            target: target.into(),
            protocol: b"HTTP/1.1".to_vec(),
            ..Case::default()
        });
        pair.compare(cases.iter());
    }
}

#[test]
fn what_usual_values_wake_is_what_others_wake() {
    let pair = Pair::of(
        r#"SecRule REQUEST_HEADERS "@contains gat" "id:1,phase:1,pass,log,setvar:tx.n=+1"
           SecRule REQUEST_HEADERS|!REQUEST_HEADERS:Sec-Fetch-Mode "@rx ^NAV" "id:2,phase:1,pass,log,t:none,t:uppercase"
           SecRule REQUEST_HEADERS:/^sec-/ "@streq 8" "id:3,phase:1,pass,log,t:length,setvar:tx.n=+1"
           SecRule REQUEST_HEADERS:Sec-Fetch-Site "!@within none same-origin" "id:4,phase:1,pass,log,t:lowercase"
           SecRule REQUEST_HEADERS "@rx ^(?:[nN]avigate|GZIP,DEFLATE)$" "id:5,phase:1,pass,log,multiMatch,t:uppercase,t:removeWhitespace"
           SecRule REQUEST_HEADERS:Upgrade-Insecure-Requests|REQUEST_HEADERS:DNT "@eq 1" "id:6,phase:1,pass,log"
           SecRule REQUEST_HEADERS "@rx \x9d" "id:7,phase:1,pass,log,t:base64Decode"
           SecRule TX:n "@eq 2" "id:8,phase:2,pass,log""#,
    );
    let names = [
        "Sec-Fetch-Mode",
        "sec-fetch-site",
        "Sec-Fetch-Dest",
        "DNT",
        "Accept-Encoding",
        "Upgrade-Insecure-Requests",
        "X-Other",
    ];
    let values = [
        "navigate",
        "Navigate",
        "none",
        "same-origin",
        "cross-site",
        "0",
        "1",
        "1 ",
        "gzip, deflate",
        "document",
        "",
    ];
    let cases: Vec<Case> = names
        .iter()
        .flat_map(|name| values.iter().map(move |value| (*name, *value)))
        .map(|(name, value)| Case {
            name: format!("{name}: {value}"),
            method: b"GET".to_vec(),
            target: b"/".to_vec(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: vec![(name.into(), value.into()), (b"dnt".to_vec(), b"1".to_vec())],
            ..Case::default()
        })
        .collect();
    pair.compare(cases.iter());
}

#[test]
fn what_a_part_wakes_is_what_the_same_bytes_wake_by_themselves() {
    let programs = [
        r#"SecRequestBodyAccess On
           SecRule REQUEST_LINE "@rx [~`][|^]" "id:1,phase:1,pass,log"
           SecRule REQUEST_URI_RAW "@rx ^\/\/+[ab]" "id:2,phase:1,pass,log"
           SecRule REQUEST_URI "@rx ^.ab" "id:3,phase:1,pass,log"
           SecRule QUERY_STRING "@rx ^ab" "id:4,phase:1,pass,log"
           SecRule QUERY_STRING "@rx z$" "id:5,phase:1,pass,log"
           SecRule QUERY_STRING "@rx \x27\s" "id:6,phase:1,pass,log,t:urlDecodeUni"
           SecRule QUERY_STRING "@contains abcdefgh" "id:7,phase:1,pass,log"
           SecRule REQUEST_BODY "@rx [~`][|^]" "id:8,phase:2,pass,log"
           SecRule ARGS "@rx ^ab" "id:9,phase:2,pass,log"
           SecRule ARGS "@rx z$" "id:10,phase:2,pass,log"
           SecRule ARGS|REQUEST_BODY "@rx \x22;" "id:11,phase:2,pass,log""#,
        r#"SecRequestBodyAccess On
           SecRule REQUEST_LINE|REQUEST_BODY "@rx [~`][|^]" "id:1,phase:2,pass,log"
           SecRule QUERY_STRING|ARGS "!@pm abcdefgh" "id:2,phase:2,pass,log""#,
        r#"SecRequestBodyAccess On
           SecRule REQUEST_LINE|REQUEST_BODY "@rx [~`][|^]" "id:1,phase:2,pass,log"
           SecRule QUERY_STRING|ARGS "@rx cd.*ef" "id:2,phase:2,pass,log,t:base64Decode""#,
    ];
    let ends = [
        ("", ""),
        ("ab", ""),
        ("", "z"),
        ("//a", "%7a"),
        ("Y2QtLWVm", ""),
        ("xab", "zx"),
        ("%61b", ""),
        (r"\u0061b", ""),
    ];
    let middles = ["", "'\t", "%27%20", "abcdefgh", "\";", "cdef"];
    let mut cases = Vec::new();
    for (begin, end) in ends {
        for (middle, filler) in middles.iter().flat_map(|middle| [(middle, "-"), (middle, "A")]) {
            let text = format!("{begin}{middle}{}{end}", filler.repeat(64));
            let json = format!("{{\"a\":\"{text}\",\"b\":[\"{text}\"]}}");
            for (target, kind, body) in [
                (format!("/{text}?{text}"), "text/plain", String::new()),
                (format!("{text}?x=1&{text}"), "application/json", json),
                ("/".to_owned(), "application/x-www-form-urlencoded", format!("{text}&a={text}&b={text}")),
            ] {
                cases.push(Case {
                    name: format!("{kind} {text}"),
                    method: b"POST".to_vec(),
                    target: target.into(),
                    protocol: b"HTTP/1.1".to_vec(),
                    headers: vec![(b"content-type".to_vec(), kind.into())],
                    body: body.into(),
                    ..Case::default()
                });
            }
        }
    }
    for text in programs {
        Pair::of(text).compare(cases.iter());
    }
}
