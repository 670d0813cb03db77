//! `cargo xtask layers`: the drawing of ARCHITECTURE.md as a test.
//!
//! Manifests say which crate may name which, sources say which does, and crates below the purity line touch no socket, file, clock
//! or environment. An arrow that is not in [`map`] fails.

mod map;
mod source;

use std::{collections::BTreeSet, path::Path};

use anyhow::Context as _;

use map::{BENCHED, DOORS, IMPURE, INNER, LAYERS, Layer, RESERVED, TEST_SUPPORT};
use source::Mention;

/// Whether every arrow is in the drawing.
pub(crate) fn run(workspace: &Path) -> anyhow::Result<bool> {
    let mut problems = Vec::new();
    let mut mentions = 0;
    unknown_crates(workspace, &mut problems)?;
    for layer in LAYERS {
        let manifest = workspace.join(layer.manifest()).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        problems.extend(manifest_problems(layer, &text)?);
        let root = workspace.join(layer.root_file());
        let found = source::mentions(&root, workspace)?;
        mentions += found.len();
        problems.extend(found.iter().filter_map(|mention| source_problem(layer, mention)));
    }
    for problem in &problems {
        println!("{problem}");
    }
    println!("{} crates, {mentions} paths, {} arrows outside the drawing", LAYERS.len(), problems.len());
    Ok(problems.is_empty())
}

/// A crate that is in the tree and not in the drawing.
fn unknown_crates(workspace: &Path, problems: &mut Vec<String>) -> anyhow::Result<()> {
    let known: BTreeSet<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    for entry in std::fs::read_dir(workspace.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known.contains(name.as_str()) {
            problems.push(format!("crates/{name}: not in the drawing"));
        }
    }
    Ok(())
}

fn manifest_problems(layer: &Layer, text: &str) -> anyhow::Result<Vec<String>> {
    let manifest: toml::Table = text.parse().with_context(|| format!("manifest of {}", layer.name))?;
    let names = |table: &str| -> Vec<String> {
        let entries = manifest.get(table).and_then(toml::Value::as_table);
        entries.into_iter().flat_map(toml::Table::keys).cloned().collect()
    };
    let mut problems = Vec::new();
    for name in names("dependencies").iter().chain(&names("build-dependencies")) {
        if let Some(ours) = name.strip_prefix("portcullis-") {
            if !layer.imports.contains(&ours) {
                problems.push(format!("{}: may not depend on {ours}", layer.name));
            }
        } else if let Some((prefix, owners)) = reserved(name, layer.name) {
            problems.push(format!("{}: {name} is for {} only ({prefix}*)", layer.name, owners.join(", ")));
        }
    }
    for name in names("dev-dependencies") {
        if let Some(ours) = name.strip_prefix("portcullis-")
            && !layer.imports.contains(&ours)
            && !TEST_SUPPORT.contains(&ours)
            && !(layer.name == "cli" && BENCHED.contains(&ours))
        {
            problems.push(format!("{}: its tests may not depend on {ours}", layer.name));
        }
    }
    Ok(problems)
}

fn reserved(dependency: &str, layer: &str) -> Option<(&'static str, &'static [&'static str])> {
    let fits = |prefix: &str| dependency == prefix || dependency.starts_with(&format!("{prefix}-"));
    let (prefix, owners) = RESERVED.iter().find(|(prefix, _)| fits(prefix))?;
    (!owners.contains(&layer)).then_some((*prefix, *owners))
}

fn source_problem(layer: &Layer, mention: &Mention) -> Option<String> {
    let Mention { path, module, place } = mention;
    let begins = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}::"));
    let first = path.split("::").next().unwrap_or_default();
    if let Some(ours) = first.strip_prefix("portcullis_")
        && !layer.imports.contains(&ours)
    {
        return Some(format!("{place}: {} may not use {ours}", layer.name));
    }
    if layer.pure
        && let Some((word, why)) = IMPURE.iter().find(|(word, _)| begins(word))
        && !DOORS.contains(&(layer.name, module.split("::").next().unwrap_or_default(), word))
    {
        return Some(format!("{place}: {path}: {} is below the purity line ({word}: {why})", layer.name));
    }
    let inner = INNER.iter().find(|(name, inside, forbidden)| {
        *name == layer.name
            && module.split("::").next() == Some(inside)
            && forbidden.iter().any(|word| begins(word))
    });
    inner.map(|(name, inside, _)| format!("{place}: {path}: not from {name}::{inside}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str) -> &'static Layer {
        LAYERS.iter().find(|layer| layer.name == name).unwrap()
    }

    #[test]
    fn arrows_against_the_drawing_are_found_in_manifests() {
        let problems = |name: &str, text: &str| manifest_problems(layer(name), text).unwrap();
        assert!(problems("waf", "[dependencies]\nportcullis-seclang.workspace = true\n").is_empty());
        assert_eq!(problems("seclang", "[dependencies]\nportcullis-waf.workspace = true\n").len(), 1);
        assert_eq!(problems("waf", "[dependencies]\npingora-core = \"1\"\n").len(), 1);
        assert_eq!(problems("edge", "[dependencies]\npingora-core = \"1\"\n").len(), 0);
        assert_eq!(problems("edge", "[dependencies]\nprometheus = \"1\"\n").len(), 1);
        assert!(problems("waf", "[dev-dependencies]\nportcullis-vectors = \"1\"\n").is_empty());
        assert_eq!(problems("waf", "[dev-dependencies]\nportcullis-edge = \"1\"\n").len(), 1);
    }

    #[test]
    fn impure_words_are_found_below_the_line_only() {
        let problem = |name: &str, module: &str, path: &str| {
            let mention =
                Mention { path: path.to_owned(), module: module.to_owned(), place: "f:1".to_owned() };
            source_problem(layer(name), &mention).is_some()
        };
        assert!(problem("waf", "vm", "std::fs::read"));
        assert!(problem("waf", "", "std::time::Instant::now"));
        assert!(!problem("waf", "", "std::time::Instant"));
        assert!(!problem("waf", "", "std::net::IpAddr"));
        assert!(!problem("pki", "directory", "std::fs::rename"));
        assert!(problem("pki", "register", "std::fs::rename"));
        assert!(problem("pki", "directory", "std::time::SystemTime::now"));
        assert!(problem("policy", "", "std::net::TcpStream::connect"));
        assert!(!problem("edge", "", "std::fs::read"));
        assert!(problem("waf", "", "portcullis_edge::Snapshot"));
        assert!(problem("waf", "vm::matcher", "crate::compile::lower"));
        assert!(!problem("waf", "compile", "crate::compile::lower"));
    }

    #[test]
    fn this_workspace_keeps_to_its_drawing() {
        assert!(run(crate::workspace()).unwrap());
    }
}
