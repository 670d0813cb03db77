//! Real rule sets: CRS in two major versions load without an error, and hold what a census counted in them.

mod shared;

use std::collections::BTreeMap;

use portcullis_diag::{Diagnostic, Sources, render};
use portcullis_seclang::{
    MemoryLoader, Parsed,
    ast::{DirectiveKind, Document},
    load, parse, parse_alone,
    vocabulary::Action,
};
use shared::{Disk, corpus};

#[test]
fn every_file_parses_alone() {
    for name in corpus() {
        let text = std::fs::read(&name).expect("listed a moment ago");
        let mut sources = Sources::new();
        let parsed = parse_alone(&name, &text, &mut sources);
        assert!(parsed.diagnostics.is_empty(), "{}", drawn(&sources, &parsed.diagnostics));
    }
}

#[test]
fn crs_4_28_0_holds_what_the_census_counted() {
    let Some(crs) = portcullis_vectors::data("crs/4.28.0") else { return };
    let text = format!("Include {0}/crs-setup.conf.example\nInclude {0}/rules/*.conf\n", crs.display());
    let document = clean(&text);
    let counts = census(&document);
    assert_eq!(counts.get("SecRule"), Some(&695));
    assert_eq!(counts.get("SecRuleUpdateTarget"), Some(&55));
    assert_eq!(counts.get("SecMarker"), Some(&30));
    assert_eq!(counts.get("chain"), Some(&73));
    assert_eq!(counts.get("id"), Some(&630));
}

#[test]
fn debians_crs_3_3_4_holds_what_the_census_counted() {
    if !std::path::Path::new("/usr/share/modsecurity-crs/rules").exists() {
        eprintln!("NOT RUN: the package modsecurity-crs is not installed");
        return;
    }
    let text = "Include /etc/modsecurity/crs/crs-setup.conf\n\
        IncludeOptional /etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf\n\
        Include /usr/share/modsecurity-crs/rules/*.conf\n\
        IncludeOptional /etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf\n";
    let counts = census(&clean(text));
    assert_eq!(counts.get("SecRule"), Some(&790));
    assert_eq!(counts.get("SecMarker"), Some(&40));
    assert_eq!(counts.get("chain"), Some(&166));
    assert_eq!(counts.get("expirevar"), Some(&20));
}

#[test]
fn a_loader_in_memory_follows_includes() {
    let loader = MemoryLoader::new()
        .with("main.conf", "Include rules/*.conf\nSecRuleEngine On\n")
        .with("rules/b.conf", "SecMarker B\n")
        .with("rules/a.conf", "SecMarker A\nInclude more/c.conf\n")
        .with("rules/more/c.conf", "SecMarker C\n");
    let mut sources = Sources::new();
    let parsed = load("main.conf", &loader, &mut sources);
    assert!(parsed.diagnostics.is_empty(), "{}", drawn(&sources, &parsed.diagnostics));
    let markers: Vec<&[u8]> = parsed
        .document
        .directives
        .iter()
        .filter_map(|directive| match &directive.kind {
            DirectiveKind::Marker(name) => Some(name.value.as_slice()),
            _ => None,
        })
        .collect();
    assert_eq!(markers, [b"A", b"C", b"B"]);
    assert_eq!(parsed.document.directives.len(), 4);
}

/// Loads and insists that nothing is wrong, not even a warning.
fn clean(text: &str) -> Document {
    let mut sources = Sources::new();
    let Parsed { document, diagnostics } = parse("test.conf", text.as_bytes(), &Disk, &mut sources);
    assert!(diagnostics.is_empty(), "{}", drawn(&sources, &diagnostics));
    document
}

fn census(document: &Document) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for directive in &document.directives {
        let (name, actions) = match &directive.kind {
            DirectiveKind::Rule(rule) => ("SecRule", rule.actions.as_slice()),
            DirectiveKind::Action(actions) => ("SecAction", actions.as_slice()),
            DirectiveKind::Marker(_) => ("SecMarker", &[][..]),
            DirectiveKind::RuleUpdateTarget { .. } => ("SecRuleUpdateTarget", &[][..]),
            _ => continue,
        };
        *counts.entry(name).or_default() += 1;
        for action in actions {
            if matches!(action.name, Action::Id | Action::Chain | Action::Expirevar) {
                *counts.entry(action.name.name()).or_default() += 1;
            }
        }
    }
    counts
}

fn drawn(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().take(20).map(|diagnostic| render(sources, diagnostic)).collect()
}
