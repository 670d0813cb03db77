//! Choices that SecLang has no words for.

mod support;

use portcullis_diag::Sources;
use portcullis_seclang::MemoryLoader;
use portcullis_waf::{Mode, Options, Verdict, compile_with};
use support::{Request, begin, run_request};

fn verdict(options: Options, mode: Mode) -> Verdict {
    let rules = "SecRule ARGS:a \"!@rx ^[a-z]+$\" \"id:1,phase:1,deny\"";
    let mut sources = Sources::new();
    let loader = MemoryLoader::new();
    let parsed = portcullis_seclang::parse("a.conf", rules.as_bytes(), &loader, &mut sources);
    let compiled = compile_with(&parsed.document, &sources, &loader, options);
    let program = std::sync::Arc::new(compiled.program.unwrap());
    let request = Request {
        method: b"GET",
        target: b"/?a=ok%0a%3Cx%3E",
        protocol: b"HTTP/1.1",
        headers: Vec::new(),
        body: b"",
    };
    run_request(&mut begin(&program, mode), &request)
}

#[test]
fn multiline_anchors_match_at_lines_and_let_more_pass() {
    assert!(matches!(
        verdict(Options { multiline: false, ..Options::default() }, Mode::Block),
        Verdict::Intervene(_)
    ));
    assert_eq!(verdict(Options { multiline: true, ..Options::default() }, Mode::Block), Verdict::Pass);
}

#[test]
fn the_configuration_weakens_what_rules_say() {
    assert_eq!(verdict(Options::default(), Mode::Detect), Verdict::Pass);
    assert_eq!(verdict(Options::default(), Mode::Off), Verdict::Pass);
}
