//! The baseline rules of `rules/baseline`: they compile without a word, and hold their cases (`rules/baseline/cases.toml`).

mod support;

use std::{fmt::Write, path::Path, sync::Arc};

use portcullis_waf::{Header, Mode, Program, Verdict};
use support::{Disk, Request, begin, compile, run_request};
use toml::{Table, Value};

fn rules() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules").to_string_lossy().into_owned()
}

fn program(tree: &str) -> Arc<Program> {
    let rules = rules();
    let text = format!("Include {rules}/portcullis.conf\nInclude {rules}/{tree}/*.conf\n");
    let (program, drawn) = compile(&text, &Disk).unwrap_or_else(|drawn| panic!("{drawn}"));
    assert_eq!(drawn, "");
    program
}

fn text<'a>(case: &'a Table, key: &str, default: &'a str) -> &'a str {
    case.get(key).map_or(default, |value| value.as_str().unwrap())
}

fn fields(table: &Table) -> Vec<&str> {
    table
        .get("headers")
        .and_then(Value::as_array)
        .map(|all| all.iter().map(|field| field.as_str().unwrap()).collect())
        .unwrap_or_default()
}

fn header<'a>(field: &'a str) -> Header<'a> {
    let (name, value) = field.split_once(':').unwrap();
    Header { name: name.as_bytes(), value: value.trim().as_bytes() }
}

fn named(fields: &[&str], name: &str) -> bool {
    fields.iter().any(|field| field.split(':').next().unwrap().eq_ignore_ascii_case(name))
}

/// Runs a case: the ids that matched, and whether the request or its answer was refused.
fn run(program: &Arc<Program>, case: &Table) -> (Vec<u64>, bool) {
    let body = text(case, "body", "");
    let length = format!("Content-Length: {}", body.len());
    let own = fields(case);
    let mut all = vec!["Host: api.example"];
    if !named(&own, "user-agent") {
        all.push("User-Agent: cases/1");
    }
    all.extend(&own);
    if !body.is_empty() && !named(&own, "content-length") && !named(&own, "transfer-encoding") {
        all.push(&length);
    }
    let request = Request {
        method: text(case, "method", "GET").as_bytes(),
        target: text(case, "target", "/").as_bytes(),
        protocol: b"HTTP/1.1",
        headers: all.iter().map(|field| header(field)).collect(),
        body: body.as_bytes(),
    };
    let mut transaction = begin(program, Mode::Block);
    let mut verdict = run_request(&mut transaction, &request);
    if verdict == Verdict::Pass {
        let empty = Table::new();
        let response = case.get("response").map_or(&empty, |response| response.as_table().unwrap());
        let status = response.get("status").map_or(200, |status| status.as_integer().unwrap());
        let headers = fields(response);
        let headers: Vec<Header<'_>> = headers.iter().map(|field| header(field)).collect();
        verdict = transaction.response_head(u16::try_from(status).unwrap(), b"HTTP/1.1", &headers);
        if verdict == Verdict::Pass {
            verdict = transaction.response_body(text(response, "body", "").as_bytes());
        }
    }
    let report = transaction.finish();
    (report.matched.iter().map(|rule| rule.id).collect(), verdict != Verdict::Pass)
}

#[test]
fn the_cases_of_the_baseline_hold() {
    let program = program("baseline");
    let path = format!("{}/baseline/cases.toml", rules());
    let cases: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cases = cases["case"].as_array().unwrap();
    let mut problems = String::new();
    for (number, case) in cases.iter().enumerate() {
        let case = case.as_table().unwrap();
        let rule = u64::try_from(case["rule"].as_integer().unwrap()).unwrap();
        let expected = match text(case, "expect", "") {
            "match" => (true, case.get("refused").is_none_or(|refused| refused.as_bool().unwrap())),
            "pass" => (false, false),
            other => panic!("case {number}: expect = {other:?}"),
        };
        let (matched, refused) = run(&program, case);
        if (matched.contains(&rule), refused) != expected {
            let _ = writeln!(problems, "case {number} of {rule}: matched {matched:?}, refused: {refused}");
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(cases.len() >= 184, "{} cases", cases.len());
}

#[test]
fn every_rule_of_the_baseline_has_both_cases() {
    let program = program("baseline");
    let path = format!("{}/baseline/cases.toml", rules());
    let cases: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cases = cases["case"].as_array().unwrap();
    for rule in program.rules().iter().filter(|rule| rule.meta.log && rule.place.file.contains("/baseline/"))
    {
        for expect in ["match", "pass"] {
            let held = cases.iter().filter_map(Value::as_table).any(|case| {
                case["rule"].as_integer() == i64::try_from(rule.id).ok() && text(case, "expect", "") == expect
            });
            assert!(held, "rule {} has no case that expects {expect}", rule.id);
        }
    }
}

#[test]
fn the_local_example_compiles_without_a_word() {
    program("local");
}
