//! Downloads and unpacks: a `.tar.gz` whose contents are not trusted.
//!
//! Links, paths that lead out, and more than a set can hold are refused before anything is written in place.

use std::{
    io::Read,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use tar::EntryType;

/// Bytes of an archive.
const PACKED: u64 = 128 << 20;
/// Bytes of its contents, those that are not kept included.
const UNPACKED: u64 = 512 << 20;
/// Entries.
const ENTRIES: usize = 50_000;

/// The body of an HTTP answer, at most 128 MiB.
pub(crate) fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    let mut answer = ureq::get(url).call()?;
    Ok(answer.body_mut().with_config().limit(PACKED).read_to_vec()?)
}

/// Writes what is kept below `into`; returns the number of files.
pub(crate) fn unpack(packed: &[u8], keep: &[String], skip: &[String], into: &Path) -> anyhow::Result<usize> {
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(UNPACKED));
    let (mut kept, mut seen) = (0, 0);
    for entry in archive.entries()? {
        let mut entry = entry.context("damaged, or more than 512 MiB unpacked")?;
        seen += 1;
        if seen > ENTRIES {
            bail!("more than {ENTRIES} entries");
        }
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::Directory) {
            continue;
        }
        let path = inside(&entry.path()?)?;
        let skipped = skip.iter().any(|skipped| path == Path::new(skipped));
        if skipped || !keep.iter().any(|wanted| fits(&path, wanted)) {
            continue;
        }
        if kind != EntryType::Regular {
            bail!("{} is a {kind:?}, not a file", path.display());
        }
        let place = into.join(&path);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = std::fs::File::create_new(&place).with_context(|| path.display().to_string())?;
        std::io::copy(&mut entry, &mut file).context("damaged, or more than 512 MiB unpacked")?;
        kept += 1;
    }
    Ok(kept)
}

/// The path below the archive's top directory.
fn inside(path: &Path) -> anyhow::Result<PathBuf> {
    let mut below = PathBuf::new();
    for (depth, component) in path.components().enumerate() {
        match component {
            Component::Normal(name) if depth > 0 => below.push(name),
            Component::Normal(_) => {}
            _ => bail!("{} leads out of the archive", path.display()),
        }
    }
    Ok(below)
}

fn fits(path: &Path, wanted: &str) -> bool {
    match wanted.strip_suffix('/') {
        Some(dir) => path.starts_with(dir),
        None => path == Path::new(wanted),
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// One entry, its name written past the library's own checks.
    fn packed(name: &str, kind: EntryType, size: u64) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        if kind != EntryType::Regular {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        builder.append(&header, std::io::repeat(b'0').take(size)).unwrap();
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(name: &str, kind: EntryType, size: u64) -> Result<usize, String> {
        let dir = tempfile::tempdir().unwrap();
        unpack(&packed(name, kind, size), &["rules/".to_owned()], &[], dir.path())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn files_are_kept_and_links_and_ways_out_refused() {
        assert_eq!(unpacked("top/rules/a", EntryType::Regular, 3), Ok(1));
        assert_eq!(unpacked("top/other/a", EntryType::Regular, 3), Ok(0));
        for name in ["top/../rules/a", "/rules/a", "../top/rules/a", "top/rules/../../a"] {
            assert!(unpacked(name, EntryType::Regular, 3).unwrap_err().contains("leads out"), "{name}");
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo] {
            assert!(unpacked("top/rules/a", kind, 0).unwrap_err().contains("not a file"));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        assert!(unpacked("top/rules/a", EntryType::Regular, UNPACKED + 1).unwrap_err().contains("512 MiB"));
    }
}
