//! `portcullis rules check DIR|FILE..`

use std::path::{Path, PathBuf};

use portcullis_config::{CrsSource, Waf, WafMode};
use portcullis_diag::Sources;
use portcullis_waf::operators::PATTERN_BACKTRACKS;
use serde_json::json;

use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rule files, directories with rule files, or a directory of the Core Rule Set
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(missing) = arguments.paths.iter().find(|path| !path.exists()) {
        output::complain(&format!("{}: no such file or directory", missing.display()));
        return Ok(Exit::Usage);
    }
    let mut sources = Sources::new();
    let loaded = portcullis_edge::load_rules(&settings(&arguments.paths), Path::new(""), &mut sources);
    let (errors, warnings) = output::count(&loaded.diagnostics);
    let backtracking = loaded.diagnostics.iter().filter(|found| found.code == PATTERN_BACKTRACKS).count();
    let facts = loaded.program.as_ref().map(|program| program.facts());
    // The engine's own settings are rules as well, but nobody asked about them.
    let own = portcullis_edge::load_rules(&settings(&[]), Path::new(""), &mut Sources::new());
    let own = own.program.as_ref().map_or(0, |program| program.facts().rules);
    let rules = facts.map(|facts| facts.rules.saturating_sub(own));
    if arguments.json {
        let report = json!({
            "ok": errors == 0,
            "signatures": facts.map(|facts| &facts.signatures),
            "rules": rules,
            "links": facts.map(|facts| facts.links),
            "backtracking_patterns": backtracking,
            "errors": errors,
            "warnings": warnings,
            "diagnostics": output::list(&sources, &loaded.diagnostics),
        });
        output::say(&report.to_string());
    } else {
        output::draw(&sources, &loaded.diagnostics);
        if let (Some(facts), Some(rules)) = (facts, rules) {
            let name = facts.signatures.first().map_or("rules", String::as_str);
            output::say(&format!(
                "{name}: {}, {}, {}, {}",
                output::number(rules, "rule"),
                output::number(facts.links, "chain link"),
                output::number(warnings, "warning"),
                output::number(backtracking, "backtracking pattern"),
            ));
        }
    }
    Ok(if errors == 0 { Exit::Good } else { Exit::Findings })
}

/// As an edge would run them. The highest paranoia level keeps every rule in play.
pub(super) fn settings(paths: &[PathBuf]) -> Waf {
    let (crs, files) = match paths {
        [only] if is_rule_set(only) => (CrsSource::Directory(only.clone()), Vec::new()),
        paths => (CrsSource::None, paths.iter().flat_map(|path| patterns(path)).collect()),
    };
    Waf {
        mode: WafMode::Block,
        engine: None,
        crs,
        paranoia: 4,
        detection_paranoia: 4,
        inbound_threshold: 5,
        outbound_threshold: 4,
        include_before: Vec::new(),
        include_after: files,
        inspect_responses: true,
        work_budget: None,
        verdict_cache: false,
    }
}

/// What the edge takes as `crs = "DIR"`.
fn is_rule_set(path: &Path) -> bool {
    path.join("rules").is_dir() && setup(path).is_some_and(|setup| setup.parent() == Some(path))
}

fn setup(path: &Path) -> Option<PathBuf> {
    ["crs-setup.conf", "crs-setup.conf.example"]
        .map(|name| path.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

/// What is read of one argument, in the order of the Core Rule Set.
fn patterns(path: &Path) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    if !path.is_dir() {
        return vec![text(path.to_owned())];
    }
    if !path.join("rules").is_dir() {
        return vec![text(path.join("*.conf"))];
    }
    let parts = ["plugins/*-config.conf", "plugins/*-before.conf", "rules/*.conf", "plugins/*-after.conf"];
    setup(path).into_iter().map(text).chain(parts.map(|part| text(path.join(part)))).collect()
}
