//! Against the package `libinjectionrs`, a port of the same library by other hands: the verdicts agree but for the faults listed here.
//!
//! The generator puts fragments of attacks together. It leaves out what the package is known to get wrong, each kind of which has a test
//! below that fails when the package mends it.

use portcullis_injection::{sqli, xss};
use proptest::prelude::*;

const SQL: &[&str] = &[
    "'",
    "\"",
    "`",
    "--",
    "-- ",
    "#",
    "/*",
    "*/",
    "/*!",
    "(",
    ")",
    "{",
    "}",
    "@@",
    "@",
    "::",
    ":",
    "$$",
    "$a$",
    "$1,0",
    "q'[",
    "]'",
    "nq'(x)'",
    "x'0f'",
    "b'01'",
    "u&'",
    "e'",
    "n'",
    "\\",
    "\\N",
    "\\'",
    "1",
    "0x1f",
    "0b1",
    "1e",
    "1.5e3",
    "1d",
    "1fUnion",
    ";",
    ",",
    ".",
    "=",
    "<=>",
    "||",
    "&&",
    "!",
    "~",
    "-",
    "+",
    "*",
    "%",
    "<",
    ">",
    " ",
    " ",
    " ",
    "\n",
    "\t",
    "select ",
    "union ",
    "all ",
    "or ",
    "and ",
    "not ",
    "like ",
    "in ",
    "collate ",
    "a_b",
    " user(",
    " current_user",
    "if",
    "if(",
    "drop ",
    "table ",
    "from ",
    "where ",
    "group by ",
    "limit ",
    "x",
    "name",
    "[a]",
    "]",
    "?",
    "^",
    "\u{e9}",
    "having ",
    "exec ",
    "waitfor ",
    "sleep(",
    "concat(",
    "varchar ",
    "null",
    "case ",
    "when ",
    "end ",
    "insert ",
    "order by 1",
];

const HTML: &[&str] = &[
    "<",
    ">",
    "</",
    "<a ",
    "<b>",
    "<script",
    "<ScRiPt ",
    "<svg/",
    "<xsl:",
    "<!--",
    "-->",
    "--!>",
    "-!>",
    "<!",
    "<%",
    "%>",
    "<?",
    "[if",
    "xml",
    "import",
    "entity",
    "doctype ",
    "<!DOCTYPE",
    "<![CDATA[",
    "]]>",
    "/",
    "/>",
    "=",
    " ",
    "\t",
    "\n",
    "'",
    "\"",
    "`",
    "onload=",
    "onclick =",
    "onx=",
    "href=",
    "src =",
    "style=",
    "to=",
    "xmlns:x=",
    "javascript:",
    "data:",
    "&#x6a;ava",
    "&#106;ava",
    "&#",
    "&#x",
    "x",
    "text",
    "1",
    "\u{e9}",
    "-",
    "--",
    "!",
    "%",
    "?",
];

fn joined(fragments: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(fragments), 1..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sql_fingerprints_agree(input in joined(SQL)) {
        prop_assert_eq!(ours(input.as_bytes()), theirs(input.as_bytes()));
    }

    #[test]
    fn html_verdicts_agree(input in joined(HTML)) {
        prop_assert_eq!(xss::detect(input.as_bytes()), libinjectionrs::detect_xss(input.as_bytes()).is_injection());
    }
}

/// Injections that the package does not see, or sees otherwise.
#[test]
fn sql_that_the_package_misreads() {
    for (input, expected) in [
        // A keyword between two values is taken for harmless though it is INTO OUTFILE.
        (&b"' into outfile '/tmp/x"[..], Some("sks")),
        (b"1 into dumpfile '/tmp/x'", Some("1ks")),
        // Phrases of three words.
        (b"1 lock in share mode union select a from b", Some("1kUEn")),
        (b"1' in boolean mode) rlike (select 1)#", Some("sk)o(")),
        // A variable that is called is a function.
        (b"@@=sleep(@@user(", Some("vof(f")),
        // NUL in a number.
        (b"1 union select 0x31\x0031,2", Some("1UE1")),
    ] {
        assert_eq!(ours(input).as_deref(), expected, "{}", String::from_utf8_lossy(input));
        assert_ne!(theirs(input).as_deref(), expected, "mended: {}", String::from_utf8_lossy(input));
    }
}

#[test]
fn html_that_the_package_misreads() {
    // A name that only starts with an event's is black.
    for input in [&b"<a onerror%=x>"[..], b"<a onloadtest=x>", b"<foo /onload*bar=yes>"] {
        assert!(xss::detect(input), "{}", String::from_utf8_lossy(input));
        assert!(
            !libinjectionrs::detect_xss(input).is_injection(),
            "mended: {}",
            String::from_utf8_lossy(input)
        );
    }
}

fn ours(input: &[u8]) -> Option<String> {
    sqli::detect(input).map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
}

fn theirs(input: &[u8]) -> Option<String> {
    let result = libinjectionrs::detect_sqli(input);
    result.is_injection().then(|| result.fingerprint.map(|found| found.to_string()).unwrap_or_default())
}
