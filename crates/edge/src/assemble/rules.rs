//! The rule tree of a configuration: engine defaults, setup, settings of `config.toml`, the rule set, a team's own files.
//!
//! The order is the Core Rule Set's own (its INSTALL and plugin documents): crs-setup, then what overrides it, plugin configuration,
//! `-before` files, the rules by name, `-after` files. Settings of `config.toml` stand after crs-setup so that they win, and have ids
//! from 9,000,000, which no published rule set uses.

use std::path::{Path, PathBuf};

use portcullis_config::{CrsSource, Waf, WafMode};
use portcullis_diag::{Diagnostic, Sources};
use portcullis_seclang::{
    self as seclang, Loader as _, Part,
    ast::{DirectiveKind, Document},
    vocabulary::Setting,
};
use portcullis_waf::Program;

use super::{embedded, loader::FileLoader};
use crate::{codes, overlay::Levels};

/// Where Debian's `modsecurity-crs` puts its rules.
const DEBIAN_RULES: &str = "/usr/share/modsecurity-crs";

/// Where Debian's `modsecurity-crs` puts what an operator may change.
const DEBIAN_SETUP: &str = "/etc/modsecurity/crs";

/// Name under which the settings of `config.toml` appear in diagnostics.
const SETTINGS: &str = "config.toml settings";

/// First id of the rules made from settings.
pub(crate) const FIRST_SETTING: u64 = 9_000_000;

/// A compiled rule tree, or why there is none.
#[derive(Debug)]
pub struct LoadedRules {
    /// Absent when a diagnostic is an error.
    pub program: Option<Program>,
    /// What was loaded.
    pub rule_set: RuleSet,
    /// Errors and warnings, in reading order.
    pub diagnostics: Vec<Diagnostic>,
}

impl LoadedRules {
    /// For an edge that inspects nothing.
    pub(crate) fn nothing() -> Self {
        let compiled = portcullis_waf::compile(&Document::default(), &Sources::new(), &FileLoader::new());
        Self {
            program: compiled.program,
            rule_set: RuleSet { name: "none".into(), place: None },
            diagnostics: Vec::new(),
        }
    }
}

/// Which rule set is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// `OWASP_CRS/4.28.0` where the rules say so, else `crs`, `baseline` or `none`.
    pub name: String,
    /// Its directory.
    pub place: Option<PathBuf>,
}

/// Loads and compiles the rules a configuration asks for. `base` is the directory of the configuration file.
#[must_use]
pub fn load_rules(waf: &Waf, base: &Path, sources: &mut Sources) -> LoadedRules {
    let loader = FileLoader::new();
    let mut diagnostics = Vec::new();
    let plan = Plan::new(waf, base, &loader, &mut diagnostics);
    let parts: Vec<Part<'_>> = plan.steps.iter().map(Step::part).collect();
    let parsed = seclang::load_parts(&parts, &loader, sources);
    diagnostics.extend(parsed.diagnostics);
    diagnostics.extend(weaker_engine(waf, &parsed.document));
    let mut rule_set = plan.rule_set;
    if diagnostics.iter().any(Diagnostic::is_error) {
        return LoadedRules { program: None, rule_set, diagnostics };
    }
    let compiled = portcullis_waf::compile(&parsed.document, sources, &loader);
    diagnostics.extend(compiled.diagnostics);
    diagnostics.extend(compiled.program.as_ref().and_then(|program| unreadable_bodies(waf, program)));
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    if compiled.program.is_none() && !failed {
        diagnostics.push(Diagnostic::error(codes::NO_PROGRAM, "the rules were not compiled"));
    }
    let program = compiled.program.filter(|_| !failed);
    if let Some(signature) = program.as_ref().and_then(|program| program.facts().signatures.first()) {
        rule_set.name.clone_from(signature);
    }
    LoadedRules { program, rule_set, diagnostics }
}

/// The weaker of configuration and rules is what holds: said aloud, since whoever wrote `mode = "block"` believes in it.
fn weaker_engine(waf: &Waf, document: &Document) -> Option<Diagnostic> {
    let last = document.directives.iter().rev().find_map(|directive| match &directive.kind {
        DirectiveKind::Setting { name: Setting::SecRuleEngine, arguments } => {
            Some((arguments.first()?, directive.span))
        }
        _ => None,
    });
    let (word, span) = last?;
    let off = word.value.eq_ignore_ascii_case(b"Off");
    let message = match waf.mode {
        WafMode::Off => return None,
        _ if off => "`SecRuleEngine Off`: no request is inspected, whatever `waf.mode` says",
        WafMode::Block if word.value.eq_ignore_ascii_case(b"DetectionOnly") => {
            "`SecRuleEngine DetectionOnly`: no request is refused, although `waf.mode` is \"block\""
        }
        _ => return None,
    };
    let remedy = "leave it out, or write `SecRuleEngine On`; `waf.mode` and the routes' own then decide";
    Some(Diagnostic::warning(codes::WEAKER_ENGINE, message).at(span).help(remedy))
}

/// A body that its processor cannot read has no arguments for the other rules to look at, and the backend may read it all the same.
fn unreadable_bodies(waf: &Waf, program: &Program) -> Option<Diagnostic> {
    if waf.mode == WafMode::Off || program.rules().is_empty() || program.minds_unreadable_bodies() {
        return None;
    }
    let message = "no rule of phase 2 looks at REQBODY_ERROR: a body that cannot be read passes without its arguments being seen";
    let remedy = "add `SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,deny,status:400\"`, as the built-in engine settings have it, \
                  or do not remove it";
    Some(Diagnostic::warning(codes::UNREADABLE_BODIES_PASS, message).help(remedy))
}

enum Step {
    File(String),
    Settings(String),
}

impl Step {
    fn part(&self) -> Part<'_> {
        match self {
            Self::File(name) => Part::File(name),
            Self::Settings(text) => Part::Text(SETTINGS, text.as_bytes()),
        }
    }
}

/// The files in the order in which they are read.
struct Plan {
    steps: Vec<Step>,
    rule_set: RuleSet,
}

impl Plan {
    fn new(waf: &Waf, base: &Path, loader: &FileLoader, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut steps = vec![Step::File(match &waf.engine {
            Some(path) => path.display().to_string(),
            None => format!("{}{}", embedded::SCHEME, embedded::ENGINE),
        })];
        let mut list = |pattern: &str| files(pattern, loader, diagnostics);
        let before: Vec<Step> = waf.include_before.iter().flat_map(|pattern| list(pattern)).collect();
        let after: Vec<Step> = waf.include_after.iter().flat_map(|pattern| list(pattern)).collect();
        let set = Set::find(&waf.crs, base, diagnostics);
        let mut list = |pattern: &str| files(pattern, loader, diagnostics);
        steps.extend(set.setup.iter().map(|path| Step::File(path.display().to_string())));
        steps.push(Step::Settings(settings(waf)));
        steps.extend(before);
        steps.extend(set.before.iter().flat_map(|pattern| list(pattern)));
        steps.extend(set.rules.iter().flat_map(|pattern| list(pattern)));
        steps.extend(set.after.iter().flat_map(|pattern| list(pattern)));
        steps.extend(after);
        Self { steps, rule_set: RuleSet { name: set.name.into(), place: set.place } }
    }
}

/// Where a rule set's files are; all but `setup` are patterns.
struct Set {
    name: &'static str,
    place: Option<PathBuf>,
    setup: Option<PathBuf>,
    before: Vec<String>,
    rules: Vec<String>,
    after: Vec<String>,
}

impl Set {
    fn find(source: &CrsSource, base: &Path, diagnostics: &mut Vec<Diagnostic>) -> Self {
        match source {
            CrsSource::Directory(directory) if directory == Path::new(DEBIAN_RULES) => {
                Self::debian().unwrap_or_else(|| Self::missing(directory, diagnostics))
            }
            CrsSource::Directory(directory) => {
                Self::directory(directory).unwrap_or_else(|| Self::missing(directory, diagnostics))
            }
            CrsSource::Baseline => Self::baseline(),
            CrsSource::None => Self::none(),
            CrsSource::Auto => {
                Self::directory(&base.join("rules/crs")).or_else(Self::debian).unwrap_or_else(|| {
                    let message = "no Core Rule Set found; the built-in baseline rules are used";
                    let remedy = "install one with `portcullis rules install crs --from ..`, or the package modsecurity-crs";
                    diagnostics.push(Diagnostic::warning(codes::BASELINE_IN_USE, message).help(remedy));
                    Self::baseline()
                })
            }
        }
    }

    fn missing(directory: &Path, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let message = format!("{}: no Core Rule Set here", directory.display());
        let remedy = "a rule set's directory holds crs-setup.conf (or .example) and rules/*.conf";
        diagnostics.push(Diagnostic::error(codes::NO_RULE_SET, message).help(remedy));
        Self::none()
    }

    fn none() -> Self {
        Self {
            name: "none",
            place: None,
            setup: None,
            before: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
        }
    }

    fn baseline() -> Self {
        Self { name: "baseline", rules: embedded::conf_files(embedded::BASELINE), ..Self::none() }
    }

    fn directory(directory: &Path) -> Option<Self> {
        let setup = first_file([directory.join("crs-setup.conf"), directory.join("crs-setup.conf.example")])?;
        if !directory.join("rules").is_dir() {
            return None;
        }
        let pattern = |pattern: &str| directory.join(pattern).display().to_string();
        Some(Self {
            name: "crs",
            place: Some(directory.to_owned()),
            setup: Some(setup),
            before: vec![pattern("plugins/*-config.conf"), pattern("plugins/*-before.conf")],
            rules: vec![pattern("rules/*.conf")],
            after: vec![pattern("plugins/*-after.conf")],
        })
    }

    fn debian() -> Option<Self> {
        let (rules, etc) = (Path::new(DEBIAN_RULES), Path::new(DEBIAN_SETUP));
        let setup = first_file([etc.join("crs-setup.conf"), rules.join("crs-setup.conf")])?;
        if !rules.join("rules").is_dir() {
            return None;
        }
        let own = |name: &str| first_file([etc.join(name)]).map(|path| path.display().to_string());
        Some(Self {
            name: "crs",
            place: Some(rules.to_owned()),
            setup: Some(setup),
            before: own("REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf").into_iter().collect(),
            rules: vec![rules.join("rules/*.conf").display().to_string()],
            after: own("RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf").into_iter().collect(),
        })
    }
}

fn first_file<const N: usize>(candidates: [PathBuf; N]) -> Option<PathBuf> {
    candidates.into_iter().find(|path| path.is_file())
}

/// The files a pattern names. A directory that a wildcard looks into need not exist, unless the pattern is a plain name.
fn files(pattern: &str, loader: &FileLoader, diagnostics: &mut Vec<Diagnostic>) -> Vec<Step> {
    let wildcard = pattern.contains(['*', '?', '[']);
    let missing = Path::new(pattern).parent().is_some_and(|directory| {
        !directory.as_os_str().is_empty() && !directory.is_dir() && !pattern.starts_with(embedded::SCHEME)
    });
    if wildcard && missing {
        return Vec::new();
    }
    match loader.glob(pattern) {
        Ok(names) if names.is_empty() && !wildcard => {
            let message = format!("{pattern}: no such file");
            diagnostics.push(Diagnostic::error(codes::UNREADABLE_RULES, message));
            Vec::new()
        }
        Ok(names) => names.into_iter().map(Step::File).collect(),
        Err(error) => {
            diagnostics.push(Diagnostic::error(codes::UNREADABLE_RULES, format!("{pattern}: {error}")));
            Vec::new()
        }
    }
}

/// What `config.toml` says of the Core Rule Set, in its own words. Routes and customers may have other values ([`crate::overlay`]).
fn settings(waf: &Waf) -> String {
    let mut text = String::new();
    for (id, (name, value)) in (FIRST_SETTING..).zip(Levels::from(waf.policy()).values()) {
        text.push_str(&format!("SecAction \"id:{id},phase:1,pass,nolog,t:none,setvar:tx.{name}={value}\"\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use portcullis_diag::render;

    use super::*;

    /// Rules of one file as the engine's settings, and no others.
    fn waf(engine: PathBuf, mode: WafMode) -> Waf {
        Waf {
            mode,
            engine: Some(engine),
            crs: CrsSource::None,
            paranoia: 1,
            detection_paranoia: 1,
            inbound_threshold: 5,
            outbound_threshold: 4,
            include_before: Vec::new(),
            include_after: Vec::new(),
            inspect_responses: true,
            work_budget: None,
            verdict_cache: true,
        }
    }

    #[test]
    fn rules_that_let_unreadable_bodies_pass_are_told() {
        let place = tempfile::tempdir().expect("a directory");
        let looks = "SecRule REQBODY_ERROR \"!@eq 0\" \"id:1,phase:2,deny,status:400\"\n";
        let off = "SecRequestBodyAccess Off\n";
        let on = "SecAction \"id:2,phase:1,pass,nolog,ctl:requestBodyAccess=On\"\n";
        let chained =
            "SecRule ARGS \"@rx a\" \"id:3,phase:2,deny,chain\"\nSecRule REQBODY_PROCESSOR_ERROR \"@eq 1\"\n";
        for (text, mode, told) in [
            (String::new(), WafMode::Block, true),
            (String::new(), WafMode::Off, false),
            (looks.to_owned(), WafMode::Block, false),
            (looks.replace("phase:2", "phase:1"), WafMode::Block, true),
            (format!("{looks}SecRuleRemoveById 1\n"), WafMode::Detect, true),
            (off.to_owned(), WafMode::Block, false),
            (format!("{off}{on}"), WafMode::Block, true),
            (chained.to_owned(), WafMode::Block, false),
        ] {
            let path = place.path().join("engine.conf");
            std::fs::write(&path, &text).expect("written");
            let mut sources = Sources::new();
            let loaded = load_rules(&waf(path, mode), place.path(), &mut sources);
            let found = loaded.diagnostics.iter().find(|found| found.code == codes::UNREADABLE_BODIES_PASS);
            assert_eq!(found.is_some(), told, "{text} {mode:?}");
            if let Some(found) = found {
                assert_eq!(
                    render(&sources, found),
                    "warning[W0904]: no rule of phase 2 looks at REQBODY_ERROR: a body that cannot be read passes without its \
                     arguments being seen\n  = help: add `SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,deny,status:400\"`, as \
                     the built-in engine settings have it, or do not remove it\n"
                );
            }
            assert!(loaded.program.is_some(), "a warning is no error");
        }
    }

    #[test]
    fn an_engine_weaker_than_the_mode_is_told() {
        let place = tempfile::tempdir().expect("a directory");
        for (engine, mode, told) in [
            ("On", WafMode::Block, false),
            ("DetectionOnly", WafMode::Block, true),
            ("DetectionOnly", WafMode::Detect, false),
            ("Off", WafMode::Detect, true),
            ("Off", WafMode::Off, false),
        ] {
            let path = place.path().join("engine.conf");
            std::fs::write(&path, format!("SecRuleEngine {engine}\n")).expect("written");
            let loaded = load_rules(&waf(path, mode), place.path(), &mut Sources::new());
            let found = loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == codes::WEAKER_ENGINE);
            assert_eq!(found, told, "{engine} {mode:?}");
            assert!(loaded.program.is_some(), "a warning is no error");
        }
    }
}
