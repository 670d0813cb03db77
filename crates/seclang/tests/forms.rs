//! The ways in which one thing can be written, each with the one way in which it is printed.

use portcullis_diag::{Sources, render};
use portcullis_seclang::{
    ast::{DirectiveKind, Rule, Selector},
    parse_alone, print,
};

/// `(written, printed)`
const FORMS: &[(&str, &str)] = &[
    // Case, blanks, line ends, comments, continuations.
    ("secruleengine ON\n", "SecRuleEngine ON\n"),
    ("\u{feff}SecRuleEngine On", "SecRuleEngine On\n"),
    ("  # SecRuleEngine Off\n\n\tSecRuleEngine   On\t\r\n", "SecRuleEngine On\n"),
    ("SecRuleEngine \\\n  On\n", "SecRuleEngine On\n"),
    ("SecRuleEngine \\\r\n  On\r\n", "SecRuleEngine On\n"),
    ("SecRule\\\nEngine O\\\nn\n", "SecRuleEngine On\n"),
    ("#SecRule ARGS \\\n  \"@rx a\" \\\n  \"id:1\"\nSecRuleEngine On\n", "SecRuleEngine On\n"),
    ("# a path: C:\\\nSecRuleEngine On\n", "SecRuleEngine On\n"),
    // Quotes.
    ("SecMarker END\n", "SecMarker \"END\"\n"),
    ("SecMarker 'END'\n", "SecMarker \"END\"\n"),
    ("SecComponentSignature \"a \\\"b\\\" 'c'\"\n", "SecComponentSignature \"a \\\"b\\\" 'c'\"\n"),
    ("SecComponentSignature 'a \"b\" \\'c\\''\n", "SecComponentSignature \"a \\\"b\\\" 'c'\"\n"),
    ("SecComponentSignature \"a\\\\\"\n", "SecComponentSignature \"a\\\\\"\n"),
    ("SecResponseBodyMimeType text/plain text/html\n", "SecResponseBodyMimeType text/plain text/html\n"),
    // Operators.
    ("SecRule ARGS ^a\n", "SecRule ARGS \"@rx ^a\"\n"),
    ("SecRule ARGS \"!^a b\"\n", "SecRule ARGS \"!@rx ^a b\"\n"),
    ("SecRule ARGS \"! @EQ 0\"\n", "SecRule ARGS \"!@eq 0\"\n"),
    ("SecRule ARGS \"@streq  two blanks\"\n", "SecRule ARGS \"@streq  two blanks\"\n"),
    ("SecRule ARGS @streq a id:1\n", "SecRule ARGS \"@streq a\" \"id:1\"\n"),
    ("SecRule ARGS @detectSQLi id:1\n", "SecRule ARGS \"@detectSQLi\" \"id:1\"\n"),
    ("SecRule ARGS \"@detectXSS \" \"id:1\"\n", "SecRule ARGS \"@detectXSS\" \"id:1\"\n"),
    ("SecRule ARGS \"@rx\" \"id:1\"\n", "SecRule ARGS \"@rx\" \"id:1\"\n"),
    ("SecRule ARGS \"\" \"id:1\"\n", "SecRule ARGS \"@rx\" \"id:1\"\n"),
    ("SecRule ARGS \"@@a\"\n", "SecRule ARGS \"@rx @@a\"\n"),
    ("SecRule ARGS \"@rx [\\\"'`]\"\"id:1\"\n", "SecRule ARGS \"@rx [\\\"'`]\" \"id:1\"\n"),
    ("SecRule ARGS \"@rx %{tx.a}\\x5c\"\n", "SecRule ARGS \"@rx %{tx.a}\\x5c\"\n"),
    // Targets.
    ("SecRule args,Tx.a @rx a\n", "SecRule ARGS|TX:a \"@rx a\"\n"),
    ("SecRule \"ARGS | !ARGS:a b |&FILES\" a\n", "SecRule \"ARGS|!ARGS:a b|&FILES\" \"@rx a\"\n"),
    ("SecRule XML:/*|XML://@* a\n", "SecRule XML:/*|XML://@* \"@rx a\"\n"),
    ("SecRule ARGS:/a|b,c/|TX:1 a\n", "SecRule ARGS:/a|b,c/|TX:1 \"@rx a\"\n"),
    ("SecRule ARGS:/^a\\/|/ a\n", "SecRule ARGS:'/^a\\/|/' \"@rx a\"\n"),
    ("SecRule ARGS:'/a/|b/' a\n", "SecRule ARGS:'/a/|b/' \"@rx a\"\n"),
    ("SecRule ARGS:'/ab/'|!ARGS:'c' a\n", "SecRule ARGS:/ab/|!ARGS:c \"@rx a\"\n"),
    ("SecRule \"ARGS:'it\\'s, a|b'\" a\n", "SecRule \"ARGS:'it\\'s, a|b'\" \"@rx a\"\n"),
    (
        "SecRule REQUEST_COOKIES:/^\\x22?\\x24Version/ a\n",
        "SecRule REQUEST_COOKIES:/^\\x22?\\x24Version/ \"@rx a\"\n",
    ),
    // Actions.
    ("SecAction id:'12'\n", "SecAction \"id:12\"\n"),
    ("SecAction \"id : 1 , phase:1,\\\n   NOLOG , pass\"\n", "SecAction \"id:1,phase:1,nolog,pass\"\n"),
    (
        "SecAction \"id:1,msg:'a, b: \\'c\\' \\\"d\\\"'\"\n",
        "SecAction \"id:1,msg:'a, b: \\'c\\' \\\"d\\\"'\"\n",
    ),
    ("SecAction \"id:1,msg:it's\"\n", "SecAction \"id:1,msg:'it\\'s'\"\n"),
    ("SecAction \"id:1,msg:,tag:''\"\n", "SecAction \"id:1,msg:'',tag:''\"\n"),
    ("SecAction \"id:1,setvar:tx.a=+%{tx.b}\"\n", "SecAction \"id:1,setvar:'tx.a=+%{tx.b}'\"\n"),
    ("SecAction \"id:1,setvar:'!ip.a'\"\n", "SecAction \"id:1,setvar:'!ip.a'\"\n"),
    (
        "SecAction \"id:1,allow:phase,severity:'CRITICAL'\"\n",
        "SecAction \"id:1,allow:phase,severity:CRITICAL\"\n",
    ),
    (
        "SecAction \"id:1,ctl:ruleRemoveTargetById=9;ARGS:a,t:urldecodeuni\"\n",
        "SecAction \"id:1,ctl:'ruleRemoveTargetById=9;ARGS:a',t:urldecodeuni\"\n",
    ),
    // Rules about rules.
    ("SecRuleRemoveById 1,2 \"3-5 6\"\n", "SecRuleRemoveById \"1 2 3-5 6\"\n"),
    ("SecRuleRemoveByTag attack-.*\n", "SecRuleRemoveByTag \"attack-.*\"\n"),
    ("SecRuleRemoveByMsg 'a b'\n", "SecRuleRemoveByMsg \"a b\"\n"),
    (
        "SecRuleUpdateTargetById 1 \"!ARGS:a,!ARGS:b\"\n",
        "SecRuleUpdateTargetById \"1\" \"!ARGS:a|!ARGS:b\"\n",
    ),
    ("SecRuleUpdateTargetByTag x !ARGS:a\n", "SecRuleUpdateTargetByTag \"x\" \"!ARGS:a\"\n"),
    ("SecRuleUpdateTargetByMsg \"x y\" !ARGS:a\n", "SecRuleUpdateTargetByMsg \"x y\" \"!ARGS:a\"\n"),
    ("SecRuleUpdateActionById 1 pass,log\n", "SecRuleUpdateActionById \"1\" \"pass,log\"\n"),
    (
        "Include rules/*.conf\nIncludeOptional \"a b\"\n",
        "Include \"rules/*.conf\"\nIncludeOptional \"a b\"\n",
    ),
];

#[test]
fn each_form_means_what_it_is_printed_as() {
    for (written, printed) in FORMS {
        let mut sources = Sources::new();
        let parsed = parse_alone("form.conf", written.as_bytes(), &mut sources);
        let drawn: String =
            parsed.diagnostics.iter().map(|diagnostic| render(&sources, diagnostic)).collect();
        assert!(drawn.is_empty(), "{drawn}");
        assert_eq!(String::from_utf8_lossy(&print(&parsed.document)), *printed, "{written}");
    }
}

#[test]
fn text_is_freed_of_its_quotes() {
    let Rule { targets, operator, actions } =
        rule(r#"SecRule ARGS:'a\'b' "@rx \"\\\"\x5c" "id:1,msg:'it\'s'""#);
    assert!(matches!(&targets[0].selector, Some(Selector::Name(name)) if name.value == b"a'b"));
    assert_eq!(operator.argument.value, br#""\\"\x5c"#);
    assert_eq!(actions[1].argument.as_ref().map(|text| text.value.as_slice()), Some(&b"it's"[..]));
}

#[test]
fn spans_point_through_escapes_and_continuations() {
    let text = b"SecRule ARGS|TX:a \"@streq \\\"b\\\"\" \\\n  \"id:1,\\\n  msg:'say \\\"c\\\"',deny\"\n";
    let mut sources = Sources::new();
    let parsed = parse_alone("spans.conf", text, &mut sources);
    let directive = &parsed.document.directives[0];
    assert_eq!(sources.slice(directive.span), &text[..text.len() - 1]);
    let DirectiveKind::Rule(rule) = &directive.kind else { panic!("a rule") };
    assert_eq!(sources.slice(rule.targets[1].span), b"TX:a");
    // An escaped byte stands where it stands, not where its backslash does.
    assert_eq!(sources.slice(rule.operator.argument.span), b"\"b\\\"".as_slice());
    assert_eq!(sources.slice(rule.actions[1].span), b"msg:'say \\\"c\\\"'");
    assert_eq!(sources.slice(rule.actions[2].span), b"deny");
    assert_eq!(sources.location(rule.actions[2].span).to_string(), "spans.conf:3:19");
}

fn rule(text: &str) -> Rule {
    let parsed = parse_alone("rule.conf", text.as_bytes(), &mut Sources::new());
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    match parsed.document.directives.into_iter().next().map(|directive| directive.kind) {
        Some(DirectiveKind::Rule(rule)) => rule,
        other => panic!("not a rule: {other:?}"),
    }
}
