//! What is refused, or accepted without effect, is told: for each such name of the language the words are pinned.
//!
//! `tests/golden/refused.conf` holds one configuration in each paragraph, `refused.txt` what the compiler says to it. With `BLESS=1` in
//! the environment the latter is written anew.

mod support;

use std::path::{Path, PathBuf};

use portcullis_diag::{Sources, render};
use portcullis_seclang::{
    MemoryLoader,
    vocabulary::{Action, Ctl, Operator, Setting, Variable},
};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Everything the compiler says, whether it accepts or not.
fn said(text: &str) -> String {
    let loader = MemoryLoader::new();
    let mut sources = Sources::new();
    let parsed = portcullis_seclang::parse("test.conf", text.as_bytes(), &loader, &mut sources);
    let compiled = portcullis_waf::compile(&parsed.document, &sources, &loader);
    let all = parsed.diagnostics.iter().chain(&compiled.diagnostics);
    all.map(|diagnostic| render(&sources, diagnostic)).collect()
}

fn paragraphs(text: &str) -> Vec<String> {
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let all = kept.join("\n");
    all.split("\n\n").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_words_are_the_pinned_ones() {
    let written = std::fs::read_to_string(golden("refused.conf")).unwrap();
    let mut drawn = String::new();
    for text in paragraphs(&written) {
        let said = said(&text);
        assert!(!said.is_empty(), "nothing is said to: {text}");
        drawn.push_str(&format!("=== {text}\n{said}\n"));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden("refused.txt"), &drawn).unwrap();
    }
    let held = std::fs::read_to_string(golden("refused.txt")).unwrap_or_default();
    assert!(held == drawn, "run this test with BLESS=1 and look at what changed:\n{drawn}");
}

/// Every name with arguments it might take.
fn every_name() -> Vec<(&'static str, Vec<String>)> {
    let arguments = ["", "On", "Off", "1", "x", "x y", "0", ";", "Reject"];
    let mut all = Vec::new();
    for setting in Setting::ALL {
        let name = setting.name();
        all.push((name, arguments.iter().map(|argument| format!("{name} {argument}")).collect()));
    }
    for operator in Operator::ALL {
        let rule = |argument: &&str| {
            format!("SecRule ARGS \"@{} {argument}\" \"id:1,phase:2,pass\"", operator.name())
        };
        all.push((operator.name(), arguments.iter().map(rule).collect()));
    }
    for variable in Variable::ALL {
        let name = variable.name();
        all.push((name, vec![format!("SecRule {name} \"@rx x\" \"id:1,phase:5,pass\"")]));
    }
    for action in Action::ALL {
        let rule = |argument: &&str| {
            format!("SecRule ARGS \"@rx x\" \"id:1,phase:2,{}:'{argument}'\"", action.name())
        };
        all.push((action.name(), arguments.iter().map(rule).collect()));
    }
    for ctl in Ctl::ALL {
        let rule = |argument: &&str| format!("SecAction \"id:1,phase:1,pass,ctl:{}={argument}\"", ctl.name());
        all.push((ctl.name(), arguments.iter().map(rule).collect()));
    }
    all
}

#[test]
fn no_name_without_effect_is_left_out() {
    let written = std::fs::read_to_string(golden("refused.conf")).unwrap();
    let known: Vec<&str> = written.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for (name, texts) in every_name() {
        let told = texts.iter().map(|text| said(text)).find(|said| {
            ["is not implemented", "is not supported", "has no effect here", "never matches:"]
                .iter()
                .any(|words| said.contains(words))
        });
        if let Some(told) = told {
            assert!(known.contains(&name), "refused.conf lacks {name}:\n{told}");
        }
    }
}
