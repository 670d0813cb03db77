//! The digest of a set's contents: SHA-256 over the sorted lines `SHA-256 of the file, two spaces, path`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

/// `sha256:..` of the kept paths of a directory.
pub(crate) fn of_directory(dir: &Path, keep: &[String], skip: &[String]) -> anyhow::Result<String> {
    let mut files = BTreeMap::new();
    for path in keep {
        let start = dir.join(path);
        if !start.exists() {
            bail!("{} is missing", start.display());
        }
        collect(dir, &start, &mut files)?;
    }
    let mut lines = String::new();
    for (path, digest) in files.into_iter().filter(|(path, _)| !skip.contains(path)) {
        lines.push_str(&format!("{digest}  {path}\n"));
    }
    Ok(format!("sha256:{}", hex(&Sha256::digest(lines))))
}

fn collect(dir: &Path, start: &Path, files: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let kind = start.symlink_metadata().with_context(|| start.display().to_string())?.file_type();
    if kind.is_symlink() {
        bail!("{} is a link", start.display());
    }
    if kind.is_file() {
        let content = std::fs::read(start).with_context(|| start.display().to_string())?;
        let path: PathBuf = start.strip_prefix(dir)?.components().collect();
        files.insert(path.to_string_lossy().into_owned(), hex(&Sha256::digest(content)));
        return Ok(());
    }
    for entry in std::fs::read_dir(start)? {
        collect(dir, &entry?.path(), files)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
