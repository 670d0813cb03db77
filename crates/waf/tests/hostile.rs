//! Whatever a stranger sends, with the whole Core Rule Set loaded: no panic, no unbounded report, the same answer twice.

mod support;

use std::sync::{Arc, OnceLock};

use portcullis_waf::{Header, Mode, Program, Report, Verdict};
use proptest::{collection::vec, prelude::*};
use support::{Disk, Request, begin, compile, run_request};

/// CRS 4.28.0 at paranoia level 4 where it is at hand, else a few rules that touch every kind of variable.
fn program() -> &'static Arc<Program> {
    static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let level = "SecAction \"id:900005,phase:1,nolog,pass,setvar:tx.blocking_paranoia_level=4\"";
        let text = match portcullis_vectors::data("crs/4.28.0") {
            Some(root) => {
                let root = root.to_string_lossy().into_owned();
                format!(
                    "SecResponseBodyAccess On\nInclude {root}/crs-setup.conf.example\n{level}\nInclude {root}/rules/*.conf\n"
                )
            }
            None => FEW.to_owned(),
        };
        compile(&text, &Disk).unwrap_or_else(|drawn| panic!("{drawn}")).0
    })
}

const FEW: &str = r#"
SecResponseBodyAccess On
SecRule ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_HEADERS|FILES|XML:/*|XML://@*|REQUEST_BODY "@rx (?i)x(.)y" "id:1,phase:2,pass,capture,multiMatch,t:none,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,setvar:'tx.%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'"
SecRule ARGS "@detectSQLi" "id:2,phase:2,block,capture,t:none,t:lowercase"
SecRule TX:/./|FULL_REQUEST "@pm select x" "id:3,phase:2,pass"
SecRule RESPONSE_BODY|RESPONSE_HEADERS "@rx y" "id:4,phase:4,deny"
"#;

fn run(method: &[u8], target: &[u8], headers: &[(Vec<u8>, Vec<u8>)], body: &[u8]) -> (Verdict, Report) {
    let mut transaction = begin(program(), Mode::Detect);
    let headers: Vec<Header<'_>> = headers.iter().map(|(name, value)| Header { name, value }).collect();
    let request = Request { method, target, protocol: b"HTTP/1.1", headers, body };
    let verdict = run_request(&mut transaction, &request);
    let html = [Header { name: b"content-type", value: b"text/html" }];
    let _ = transaction.response_head(500, b"HTTP/1.1", &html);
    let _ = transaction.response_body(body);
    (verdict, transaction.finish())
}

/// Bytes that mean something to one parser or another, more often than chance would have it.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(any::<u8>(), 0..8),
        1 => "[ -~]{0,12}".prop_map(String::into_bytes),
        1 => prop::sample::select(vec![
            &b"%"[..], b"%u00", b"&", b"=", b"<script>", b"' or 1=1--", b"--x", b"\r\n", b"{\"a\":[", b"<?xml version=\"1.0\"?><a b='c'>",
            b"/*", b"\\u0041", b"&#x41;", b"../", b"\0", b"\xc0\xaf", b"Content-Disposition: form-data; name=\"a\"; filename=\"b\"",
        ]).prop_map(<[u8]>::to_vec),
    ];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

fn content_type() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "application/x-www-form-urlencoded",
        "application/json",
        "text/xml",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/plain",
    ])
    .prop_map(|text| text.as_bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_stranger_sends_panics(
        method in bytes(2),
        target in bytes(8),
        mut headers in vec((bytes(2), bytes(4)), 0..6),
        kind in content_type(),
        body in bytes(20),
    ) {
        headers.push((b"Content-Type".to_vec(), kind));
        let (verdict, report) = run(&method, &target, &headers, &body);
        prop_assert_eq!(verdict, Verdict::Pass);
        for rule in &report.matched {
            prop_assert!(rule.targets.len() <= 32);
            for target in &rule.targets {
                prop_assert!(target.variable().len() <= 4 * 128);
                prop_assert!(target.variable().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
            }
            prop_assert!(rule.log_data.is_none() && rule.expanded_message.is_none());
        }
        let again = run(&method, &target, &headers, &body).1;
        let ids = |report: &Report| report.matched.iter().map(|rule| rule.id).collect::<Vec<_>>();
        prop_assert_eq!(ids(&report), ids(&again));
    }
}

#[test]
fn many_arguments_and_parts_stay_bounded() {
    let query: String = (0..100_000).map(|index| format!("a{index}=x&")).collect();
    let (_, report) = run(b"GET", format!("/?{query}").as_bytes(), &[], b"");
    assert!(report.matched.len() <= 1024);
}
