use portcullis_diag::Sources;
use portcullis_seclang::MemoryLoader;

use super::*;

const RULES: &str = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=2"
SecRule TX:level "@lt 2" "id:2,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS|!ARGS:page|REQUEST_COOKIES:/^a/ "@rx (?i)union\s+select" "id:3,phase:2,deny,capture,t:none,t:urlDecodeUni,t:lowercase,setvar:tx.n=+1"
SecRule REQUEST_HEADERS:User-Agent "@pm nikto sqlmap" "id:4,phase:1,deny"
SecRule ARGS "!@rx ^(?!x)[a-z]+$" "id:5,phase:2,pass"
SecMarker END
SecAction "id:6,phase:3,pass,skipAfter:LAST"
SecRule RESPONSE_STATUS "@eq 500" "id:7,phase:3,pass"
SecMarker LAST
"#;

fn program() -> Program {
    let (mut sources, loader) = (Sources::new(), MemoryLoader::new());
    let parsed = portcullis_seclang::parse("test.conf", RULES.as_bytes(), &loader, &mut sources);
    crate::compile(&parsed.document, &sources, &loader).program.unwrap()
}

#[test]
fn a_sifted_rule_says_what_wakes_it() {
    let rule = program().explain(3).unwrap();
    assert_eq!((rule.phase, rule.course, rule.expected), (2, Some("asleep"), false));
    assert_eq!(rule.place.line, 4);
    let [link] = rule.links.as_slice() else { panic!("{:?}", rule.links) };
    assert_eq!(link.operator.as_deref(), Some("@rx"));
    assert_eq!(link.targets, ["ARGS", "REQUEST_COOKIES:/../", "!ARGS:page"]);
    assert_eq!(link.transformations, ["urlDecodeUni", "lowercase"]);
    assert!(link.capture && !link.backtracks && link.bytes > 0 && link.set_vars == 1);
    let [sifted] = rule.sifted.as_slice() else { panic!("{:?}", rule.sifted) };
    assert_eq!((sifted.sieve, sifted.shortest), ("request", "union select".len()));
    assert_eq!(sifted.chains, ["urlDecodeUni, lowercase"]);
    assert!(sifted.clauses.iter().all(|clause| clause.pairs > 0 && !clause.shown.is_empty()));
    assert!(matches!(sifted.confirmed_by, Confirmation::Automaton(bytes) if bytes > 0));
    assert!(!sifted.literals.is_empty() && sifted.phrases == 0);
    let is_part = |text: &String| text.starts_with("union") || text.contains("select");
    assert!(sifted.literals.iter().all(is_part), "{:?}", sifted.literals);
}

#[test]
fn what_rests_on_the_set_up_says_on_what() {
    let rule = program().explain(2).unwrap();
    assert_eq!((rule.course, rule.rests_on.as_slice()), (Some("asleep"), &["TX:level".to_owned()][..]));
    let action = program().explain(1).unwrap();
    assert_eq!((action.course, action.expected), (Some("ahead"), true));
    assert_eq!(action.links[0].operator, None);
}

#[test]
fn a_rule_that_is_left_out_has_no_course() {
    assert_eq!(program().explain(7).unwrap().course, None);
    assert!(program().explain(8).is_none());
}

#[test]
fn phrases_and_look_around_are_told() {
    let program = program();
    let phrases = program.explain(4).unwrap();
    assert_eq!(phrases.links[0].phrases, Some(2));
    assert_eq!((phrases.sifted[0].phrases, phrases.sifted[0].confirmed_by), (2, Confirmation::Phrases));
    let backtracking = program.explain(5).unwrap();
    assert!(backtracking.links[0].backtracks);
    assert_eq!(backtracking.links[0].operator.as_deref(), Some("!@rx"));
    assert!(backtracking.sifted[0].clauses.iter().all(|clause| clause.pairs == 0));
}

#[test]
fn statistics_add_up() {
    let statistics = program().statistics();
    assert_eq!(statistics.facts.rules, 7);
    let third = Courses { rules: 2, ahead: 1, left_out: 1, ..Courses::default() };
    assert_eq!(statistics.phases[2], third);
    assert_eq!(statistics.phases.iter().map(|phase| phase.rules).sum::<usize>(), 7);
    for phase in &statistics.phases {
        assert_eq!(phase.rules, phase.ahead + phase.asleep + phase.run + phase.left_out, "{phase:?}");
    }
    assert_eq!((statistics.linear_patterns, statistics.backtracking_patterns), (1, 1));
    let of = |name| statistics.sieves.iter().filter(move |mesh| mesh.name == name);
    assert!(of("request").map(|mesh| mesh.rules).sum::<usize>() >= 3, "{:?}", statistics.sieves);
    assert!(of("request").enumerate().all(|(at, mesh)| mesh.mesh == at && mesh.rules <= mesh.width));
    assert!(statistics.memory.total() > statistics.memory.tables);
}
