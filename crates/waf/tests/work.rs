//! The budget of work: what is charged is the same every time, and a request that has used it up is not inspected further.

mod support;

use std::sync::Arc;

use portcullis_waf::{Disposition, Header, Intervention, Mode, Program, Report, Verdict, WhenSpent};
use support::{Request, begin, program, run_request};

const RULES: &str = r#"
SecResponseBodyAccess On
SecRule ARGS "@rx (?i)union\s+select" "id:1,phase:2,pass,t:none,t:urlDecodeUni,t:lowercase"
SecRule ARGS "@detectSQLi" "id:2,phase:2,deny,status:400"
SecRule REQUEST_HEADERS "@rx x(.*)y(.*)z" "id:3,phase:1,pass"
SecRule RESPONSE_BODY "@rx secret" "id:4,phase:4,deny"
SecAction "id:5,phase:5,pass,nolog"
"#;

fn sent(
    program: &Arc<Program>,
    mode: Mode,
    budget: Option<(u64, WhenSpent)>,
    body: &[u8],
) -> (Verdict, Report) {
    let mut transaction = begin(program, mode);
    if let Some((units, when_spent)) = budget {
        transaction.limit_work(units, when_spent);
    }
    let headers = vec![Header { name: b"content-type", value: b"application/x-www-form-urlencoded" }];
    let request = Request { method: b"POST", target: b"/", protocol: b"HTTP/1.1", headers, body };
    let mut verdict = run_request(&mut transaction, &request);
    if verdict == Verdict::Pass {
        verdict = transaction.response_head(
            200,
            b"HTTP/1.1",
            &[Header { name: b"content-type", value: b"text/html" }],
        );
    }
    if verdict == Verdict::Pass {
        verdict = transaction.response_body(b"a secret");
    }
    let spent = transaction.work_is_spent();
    let report = transaction.finish();
    assert_eq!(spent, report.work_spent);
    (verdict, report)
}

/// A value that wakes every rule and matches none.
fn body(times: usize) -> Vec<u8> {
    [b"a=".to_vec(), b"union  sel ".repeat(times)].concat()
}

#[test]
fn the_same_request_costs_the_same() {
    let program = program(RULES);
    let of = |times| sent(&program, Mode::Block, None, &body(times)).1.work;
    assert_eq!(of(100), of(100));
    assert!(of(100) > 1_000);
    let (once, twice) = (of(1_000), of(2_000));
    assert!(twice > once && twice < 2 * once + once / 10, "{once} {twice}");
}

#[test]
fn a_request_beyond_its_budget_is_refused_by_the_engine_itself() {
    let program = program(RULES);
    let needed = sent(&program, Mode::Block, None, &body(100)).1.work;
    let (verdict, report) = sent(&program, Mode::Block, Some((needed, WhenSpent::Refuse)), &body(100));
    assert_eq!(report.intervention.as_ref().map(|refused| refused.rule), Some(4), "{verdict:?}");
    assert!(!report.work_spent);
    let (verdict, report) = sent(&program, Mode::Block, Some((needed / 2, WhenSpent::Refuse)), &body(100));
    let refused = Intervention { rule: 0, phase: 2, disposition: Disposition::Deny(403) };
    assert_eq!(verdict, Verdict::Intervene(refused));
    assert!(report.work_spent && report.enforced);
    assert!(report.work < needed, "{} {needed}", report.work);
    assert!(report.matched.iter().any(|rule| rule.id == 5), "phase 5 reports all the same");
}

#[test]
fn detection_records_and_lets_pass() {
    let program = program(RULES);
    for (mode, when_spent) in [(Mode::Detect, WhenSpent::Refuse), (Mode::Block, WhenSpent::Detect)] {
        let (verdict, report) = sent(&program, mode, Some((500, when_spent)), &body(100));
        assert_eq!(verdict, Verdict::Pass);
        assert!(report.work_spent && !report.enforced);
        assert_eq!(report.intervention.is_some(), when_spent == WhenSpent::Refuse);
        // What came after was not inspected.
        assert!(report.matched.iter().all(|rule| rule.id != 4));
    }
}

#[test]
fn reading_a_body_is_work_too() {
    let program = program("SecAction \"id:1,phase:2,pass,nolog\"");
    let (verdict, report) = sent(&program, Mode::Block, Some((1_000, WhenSpent::Refuse)), &body(100));
    assert!(matches!(verdict, Verdict::Intervene(_)) && report.work_spent);
}
