//! Makes a table of the rule files that the binary carries: everything below `rules/` but an installed rule set.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Installed by `rules install`, not ours to embed.
const NOT_EMBEDDED: &str = "crs";

fn main() -> std::io::Result<()> {
    let rules = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../rules");
    let mut files = Vec::new();
    println!("cargo::rerun-if-changed={}", rules.display());
    collect(&rules, &rules, &mut files)?;
    files.sort();

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("embedded_rules.rs");
    let mut table = fs::File::create(out)?;
    writeln!(table, "&[")?;
    for (name, path) in files {
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    writeln!(table, "]")
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            if name != NOT_EMBEDDED {
                println!("cargo::rerun-if-changed={}", path.display());
                collect(root, &path, files)?;
            }
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("conf" | "data" | "mapping")) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push((name, path.canonicalize()?));
        }
    }
    Ok(())
}
