//! Makes a table of the rule files that the binary carries: those of the project, not what an operator put beside them.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Below `rules/`. The directory itself is not watched: installing a rule set into it is no reason to build anew.
const EMBEDDED: [&str; 4] = ["api", "baseline", "local", "portcullis.conf"];

fn main() -> std::io::Result<()> {
    let rules = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../rules");
    let mut files = Vec::new();
    for name in EMBEDDED {
        collect(&rules, &rules.join(name), &mut files)?;
    }
    files.sort();

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("embedded_rules.rs");
    let mut table = fs::File::create(out)?;
    writeln!(table, "&[")?;
    for (name, path) in files {
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    writeln!(table, "]")
}

fn collect(root: &Path, path: &Path, files: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={}", path.display());
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(root, &entry?.path(), files)?;
        }
    } else if matches!(path.extension().and_then(|e| e.to_str()), Some("conf" | "data" | "mapping")) {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        files.push((name, path.canonicalize()?));
    }
    Ok(())
}
