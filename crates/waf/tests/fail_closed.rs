//! Bounds of the engine that a stranger can reach: what lies beyond them is refused, never passed over.

mod support;

use portcullis_waf::{Disposition, Intervention, Mode, Verdict, limits};
use support::{Request, begin, program, run_request};

/// The verdict on a query with so many arguments, the last of which has a value of its own.
fn verdict(rules: &str, arguments: usize, last: &str) -> Verdict {
    let target = format!("/?{}z={last}", "a&".repeat(arguments));
    let request = Request {
        method: b"GET",
        target: target.as_bytes(),
        protocol: b"HTTP/1.1",
        headers: Vec::new(),
        body: b"",
    };
    run_request(&mut begin(&program(rules), Mode::Block), &request)
}

#[test]
fn what_links_cannot_look_at_any_more_is_refused() {
    let rules = "SecArgumentsLimit 100000\n\
         SecRule ARGS \"@unconditionalMatch\" \"id:1,phase:1,deny,chain\"\n\
         SecRule MATCHED_VARS \"@streq attack\"";
    let denied = |rule, status| {
        Verdict::Intervene(Intervention { rule, phase: 1, disposition: Disposition::Deny(status) })
    };
    assert_eq!(verdict(rules, 10_000, "x"), Verdict::Pass);
    assert_eq!(verdict(rules, 10_000, "attack"), denied(1, 403));
    assert_eq!(verdict(rules, limits::MATCHED_VARS, "attack"), denied(0, 413));
}

#[test]
fn variables_that_cannot_be_kept_refuse() {
    let rules = "SecArgumentsLimit 100000\n\
         SecRule ARGS_NAMES \"@unconditionalMatch\" \"id:1,phase:1,pass,nolog,setvar:'tx.n=%{tx.n}x',\
         setvar:'tx.seen_%{tx.n}=1'\"";
    assert_eq!(verdict(rules, 100, "x"), Verdict::Pass);
    let refused = Intervention { rule: 0, phase: 1, disposition: Disposition::Deny(413) };
    assert_eq!(verdict(rules, limits::VARIABLES, "x"), Verdict::Intervene(refused));
}

#[test]
fn arguments_beyond_the_limit_are_told() {
    let rules = "SecRule REQBODY_ERROR \"!@eq 0\" \"id:1,phase:2,deny,status:400\"";
    assert_eq!(verdict(rules, 999, "x"), Verdict::Pass);
    let refused = Intervention { rule: 1, phase: 2, disposition: Disposition::Deny(400) };
    assert_eq!(verdict(rules, 1_000, "x"), Verdict::Intervene(refused));
}
