//! SecLang: any bytes are parsed or complained about in words that can be drawn, and what was parsed is the same after printing.
//! Input: a rule file.

use portcullis_diag::{Sources, render, to_json};
use portcullis_seclang::{MemoryLoader, parse, parse_alone, print};

use crate::Target;

pub(super) const SEEDS: &[&[u8]] = &[
    b"SecRule ARGS|!ARGS:foo|&TX:bar|REQUEST_HEADERS:/^x-/ \"!@rx ^a(b|c)$\" \"id:1,phase:2,deny,status:403,t:none,t:urlDecodeUni,msg:'a, \\'b\\'',logdata:'%{MATCHED_VAR}',setvar:'tx.a=+%{tx.b}',chain\"\n    SecRule TX:1 \"@streq x\" \"ctl:ruleRemoveTargetById=2;ARGS:x\"\n",
    b"SecAction \"id:900000,phase:1,nolog,pass,\\\n  setvar:tx.critical_anomaly_score=5\"\nSecMarker END\n",
    b"SecDefaultAction \"phase:1,log,auditlog,pass\"\nSecRuleEngine On\nSecRequestBodyLimit 131072\nInclude x/*.conf\n",
    b"SecRuleUpdateTargetById 1-3 \"!ARGS:password|!ARGS:'/^a|b/'\"\nSecRuleRemoveByTag \"attack-.*\"\nSecRuleUpdateActionById 1 \"pass,nolog\"\n",
    b"# comment \\\nSecRule XML:/* '@pm a b c' id:2,phase:2,skipAfter:END\n",
    b"SecRule REMOTE_ADDR \"@ipMatch 10.0.0.0/8,::1\" \"id:3,phase:1,initcol:ip=%{REMOTE_ADDR},expirevar:ip.a=60,allow:phase\"\n",
];

pub(super) const PIECES: &[&[u8]] = &[
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
    b"#",
    b"!",
    b"&",
    b"@",
    b"@rx ",
    b"@streq ",
    b"@pm ",
    b"@ipMatch ",
    b"@validateByteRange 1-255",
    b"@detectSQLi",
    b"SecRule ",
    b"SecAction ",
    b"SecMarker ",
    b"SecDefaultAction ",
    b"SecRuleEngine ",
    b"SecRuleUpdateTargetById ",
    b"SecRuleRemoveById ",
    b"Include ",
    b"ARGS",
    b"TX:a",
    b"XML:/*",
    b"ARGS:/a/",
    b"MATCHED_VARS",
    b"id:1",
    b"phase:2",
    b"chain",
    b"skipAfter:a",
    b"msg:'",
    b"t:lowercase",
    b"t:none",
    b"setvar:",
    b"tx.a=1",
    b"ctl:",
    b"ruleRemoveById=1",
    b"ruleEngine=Off",
    b"%{tx.a}",
    b"deny",
    b"pass",
    b"multiMatch",
    b"capture",
    b"\xff",
    b"\0",
    b"999999999999999999999",
];

pub(super) const TARGET: Target = Target { name: "seclang", run, seeds: SEEDS, pieces: PIECES };

fn run(input: &[u8]) {
    let mut sources = Sources::new();
    let alone = parse_alone("fuzz.conf", input, &mut sources);
    let whole =
        parse("fuzz.conf", input, &MemoryLoader::new().with("x/a.conf", &b"SecMarker A\n"[..]), &mut sources);
    for diagnostic in alone.diagnostics.iter().chain(&whole.diagnostics) {
        assert!(!render(&sources, diagnostic).is_empty());
        assert!(to_json(&sources, diagnostic).is_object());
    }
    let printed = print(&alone.document);
    let again = parse_alone("printed.conf", &printed, &mut sources);
    assert!(again.document == alone.document, "printed as {}", printed.escape_ascii());
    assert!(print(&again.document) == printed, "not stable: {}", printed.escape_ascii());
}
