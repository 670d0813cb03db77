//! SQL and XSS detection take any bytes, end, and say the same thing twice. Input: the value.

use portcullis_injection::{sqli, xss};

use crate::Target;

pub(super) const TARGET: Target = Target {
    name: "injection",
    run,
    seeds: &[
        b"1' OR '1'='1' -- ",
        b"-1' and 1=1 union/* foo */select load_file('/etc/passwd')--",
        b"1;drop table users;",
        b"1 /*!00000or*/ 1=1",
        b"\" || q'[x]' || x'0f' @@version $$a$$ \\N",
        b"if(1,sleep(5),0)#\n",
        b"<script>alert(1)</script>",
        b"<a href=\"java&#115;cript:x\" onclick=y>",
        b"' style='x",
        b"<!--[if IE]><svg/onload=x>--><![CDATA[`]]>",
        b"<?xml ?><!doctype x><animate attributeName=href from=x>",
        b"O'Brien sold 3 apples; \"cheap\"",
    ],
    pieces: &[
        b"'",
        b"\"",
        b"`",
        b"--",
        b"-- ",
        b"#",
        b"/*",
        b"*/",
        b"/*!",
        b"(",
        b")",
        b",",
        b";",
        b"@@",
        b"@",
        b"::",
        b":=",
        b"$$",
        b"$a$",
        b"q'[",
        b"]'",
        b"x'",
        b"u&'",
        b"\\",
        b"\\N",
        b"0x1f",
        b"1e5",
        b".5",
        b"union",
        b"select",
        b"or 1=1",
        b"and",
        b"from",
        b"into outfile",
        b"like",
        b"case when",
        b"<",
        b">",
        b"</",
        b"/>",
        b"<!",
        b"<!--",
        b"-->",
        b"--!>",
        b"<![CDATA[",
        b"]]>",
        b"<?",
        b"<%",
        b"=",
        b"on",
        b"href",
        b"style",
        b"&#",
        b"&#x",
        b"&#115;",
        b"javascript:",
        b"\0",
        b"\xff",
        b"\x0b",
        b" ",
        b"script",
    ],
};

fn run(input: &[u8]) {
    let found = sqli::detect(input);
    if let Some(fingerprint) = found {
        let bytes = fingerprint.as_bytes();
        assert!((1..=5).contains(&bytes.len()), "{fingerprint:?}");
        assert!(bytes.iter().all(u8::is_ascii_graphic), "{fingerprint:?}");
    }
    assert_eq!(sqli::detect(input), found);
    assert_eq!(xss::detect(input), xss::detect(input));
}
