//! Files out of an archive or a directory, held in memory and trusted with nothing.
//!
//! The whole is refused when any entry leads out of it, is a link or a device, is there twice, or when there is more than a rule set
//! can hold: nothing is written before everything was seen.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Cursor, Read},
    path::Path,
};

use anyhow::{Context as _, bail, ensure};
use flate2::read::MultiGzDecoder;
use tar::EntryType;

/// Bytes of an archive. The Core Rule Set with its tests has 5 MiB.
pub(crate) const PACKED_BYTES: u64 = 64 << 20;

/// Bytes of all that is in it.
const UNPACKED_BYTES: u64 = 256 << 20;

/// Bytes of one file that is kept.
const FILE_BYTES: u64 = 16 << 20;

/// Entries, directories included.
const ENTRIES: usize = 50_000;

/// Files by path: printable ASCII, parts separated by `/`, none of them `.` or `..`.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Whether a file is of interest; of the others only names and sizes are looked at.
pub(crate) type Wanted<'w> = &'w dyn Fn(&str) -> bool;

/// Reads a `.tar.gz` or a `.zip`, told by its first bytes.
pub(crate) fn unpack(packed: &[u8], wanted: Wanted<'_>) -> anyhow::Result<Files> {
    ensure!(packed.len() as u64 <= PACKED_BYTES, "larger than {PACKED_BYTES} bytes");
    match packed {
        [0x1f, 0x8b, ..] => untar(packed, wanted),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => unzip(packed, wanted),
        _ => bail!("neither a .tar.gz nor a .zip"),
    }
}

/// Reads a directory, links not followed.
pub(crate) fn collect(directory: &Path, wanted: Wanted<'_>) -> anyhow::Result<Files> {
    let mut taken = Taken::default();
    walk(directory, "", wanted, &mut taken)?;
    Ok(taken.files)
}

fn untar(packed: &[u8], wanted: Wanted<'_>) -> anyhow::Result<Files> {
    // One byte more than allowed, to tell an archive that ends there from one that goes on.
    let unpacked = MultiGzDecoder::new(packed).take(UNPACKED_BYTES + 1);
    let mut archive = tar::Archive::new(unpacked);
    let mut taken = Taken::default();
    for entry in archive.entries()? {
        let mut entry = entry.context("damaged, or more than 256 MiB unpacked")?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let name = path(&entry.path_bytes())?;
        ensure!(
            matches!(kind, EntryType::Regular | EntryType::Directory),
            "`{name}` is a {kind:?}, not a file"
        );
        let size = entry.size();
        taken.count(&name, size)?;
        if kind == EntryType::Regular && wanted(&name) {
            taken.keep(name, &mut entry)?;
        }
    }
    // What follows the last entry is padding, and the checksum over all of it.
    let mut rest = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).context("damaged")?;
    ensure!(rest.limit() > 0, "more than {UNPACKED_BYTES} bytes unpacked");
    Ok(taken.files)
}

fn unzip(packed: &[u8], wanted: Wanted<'_>) -> anyhow::Result<Files> {
    let mut archive = zip::ZipArchive::new(Cursor::new(packed))?;
    ensure!(archive.len() <= ENTRIES, "more than {ENTRIES} entries");
    ensure!(!archive.has_overlapping_files()?, "files overlap each other");
    let mut taken = Taken::default();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = path(entry.name_raw())?;
        // The upper bits of a Unix mode say what it is: directory, regular file, or not said.
        let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
        ensure!(matches!(kind, 0 | 0o040_000 | 0o100_000), "`{name}` is a link or a device, not a file");
        taken.count(&name, entry.size())?;
        if entry.is_file() && wanted(&name) {
            taken.keep(name, &mut entry)?;
        }
    }
    Ok(taken.files)
}

fn walk(directory: &Path, below: &str, wanted: Wanted<'_>, taken: &mut Taken) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let own = entry.file_name();
        let name = format!("{below}{}", own.to_string_lossy());
        if kind.is_dir() {
            // Of a whole checkout, `.git` alone may hold more than is allowed.
            if !own.as_encoded_bytes().starts_with(b".") {
                walk(&entry.path(), &format!("{name}/"), wanted, taken)?;
            }
            continue;
        }
        taken.count(&name, 0)?;
        if wanted(&name) {
            ensure!(kind.is_file(), "`{name}` is a link or a device, not a file");
            let name = path(name.as_bytes())?;
            taken.keep(
                name,
                &mut File::open(entry.path()).with_context(|| entry.path().display().to_string())?,
            )?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Taken {
    files: Files,
    entries: usize,
    /// As the archive says.
    bytes: u64,
    /// As it turned out.
    held: u64,
}

impl Taken {
    /// `size` as the archive says it; what is kept is counted as it is read.
    fn count(&mut self, name: &str, size: u64) -> anyhow::Result<()> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size);
        ensure!(self.entries <= ENTRIES, "more than {ENTRIES} entries");
        ensure!(self.bytes <= UNPACKED_BYTES, "`{name}`: more than {UNPACKED_BYTES} bytes unpacked");
        Ok(())
    }

    fn keep(&mut self, name: String, content: &mut dyn Read) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        content
            .take(FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("`{name}` is damaged"))?;
        ensure!(bytes.len() as u64 <= FILE_BYTES, "`{name}` is larger than {FILE_BYTES} bytes");
        self.held += bytes.len() as u64;
        ensure!(self.held <= UNPACKED_BYTES, "more than {UNPACKED_BYTES} bytes unpacked");
        ensure!(!self.files.contains_key(&name), "`{name}` is there twice");
        self.files.insert(name, bytes);
        Ok(())
    }
}

/// A name as it may stand: relative, printable ASCII, no `..`.
fn path(raw: &[u8]) -> anyhow::Result<String> {
    let shown = raw.escape_ascii();
    ensure!(raw.len() <= 4096, "a name of {} bytes", raw.len());
    ensure!(
        raw.iter().all(|byte| (0x20..0x7f).contains(byte) && *byte != b'\\'),
        "`{shown}` is not a plain name"
    );
    ensure!(!raw.starts_with(b"/"), "`{shown}` is an absolute path");
    let text = std::str::from_utf8(raw)?;
    ensure!(text.split('/').all(|part| part != ".."), "`{shown}` leads out of the archive");
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn tarred(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Past the library's own checks.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn zipped(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, content) in entries {
            let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn refused(packed: &[u8]) -> String {
        format!("{:#}", unpack(packed, &|_| true).unwrap_err())
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn files_come_out_of_both_kinds() {
        let from_tar = unpack(
            &tarred(&[("top/", EntryType::Directory, b""), ("./top/a", FILE, b"1"), ("top/b", FILE, b"2")]),
            &|name| name != "top/b",
        );
        assert_eq!(from_tar.unwrap(), Files::from([("top/a".to_owned(), b"1".to_vec())]));
        let from_zip = unpack(&zipped(&[("top/a", 0o644, b"1"), ("top/b", 0o644, b"2")]), &|_| true).unwrap();
        assert_eq!(from_zip.len(), 2);
        assert!(refused(b"").contains("neither"));
        assert!(refused(b"<html>").contains("neither"));
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../a", "top/../../a", "top/..", "/a", "/etc/cron.d/a", "a\\..\\b", "a\nb"] {
            refused(&tarred(&[(name, FILE, b"1")]));
        }
        assert!(refused(&tarred(&[("top/../a", FILE, b"")])).contains("leads out"));
        assert!(refused(&tarred(&[("/a", FILE, b"")])).contains("absolute"));
    }

    #[test]
    fn a_name_in_a_zip_is_looked_at_as_it_is_written() {
        let mut packed = zipped(&[("aa/a", 0o644, b"1")]);
        for at in 0..packed.len() - 4 {
            if &packed[at..at + 4] == b"aa/a" {
                packed[at..at + 4].copy_from_slice(b"../a");
            }
        }
        refused(&packed);
    }

    #[test]
    fn links_and_devices_are_refused_wherever_they_stand() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char, EntryType::Block]
        {
            let packed = tarred(&[("top/a", kind, b""), ("top/b", FILE, b"1")]);
            assert!(unpack(&packed, &|name| name == "top/b").unwrap_err().to_string().contains("not a file"));
        }
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("top/a", "/etc/passwd", zip::write::SimpleFileOptions::default()).unwrap();
        assert!(refused(&writer.finish().unwrap().into_inner()).contains("not a file"));
    }

    #[test]
    fn what_is_there_twice_is_refused() {
        assert!(refused(&tarred(&[("a", FILE, b"1"), ("./a", FILE, b"2")])).contains("twice"));
    }

    #[test]
    fn bombs_are_refused() {
        let large = vec![b'0'; 17 << 20];
        assert!(refused(&tarred(&[("a", FILE, &large)])).contains("larger than"));
        assert!(refused(&zipped(&[("a", 0o644, &large)])).contains("larger than"));
        let many: Vec<(String, EntryType, &[u8])> =
            (0..=ENTRIES).map(|n| (format!("{n}"), FILE, b"".as_slice())).collect();
        let many: Vec<(&str, EntryType, &[u8])> = many.iter().map(|(n, k, c)| (n.as_str(), *k, *c)).collect();
        assert!(refused(&tarred(&many)).contains("entries"));
        // One entry that says it has more than all may have; nobody reads it, and it is not wanted.
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..1].copy_from_slice(b"a");
        header.set_entry_type(FILE);
        header.set_size(1 << 40);
        header.set_cksum();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(header.as_bytes()).unwrap();
        assert!(unpack(&packed.finish().unwrap(), &|_| false).is_err());
    }

    #[test]
    fn half_an_archive_is_refused() {
        let whole = tarred(&[("a", FILE, &[7; 5000]), ("b", FILE, &[8; 5000])]);
        for length in [3, whole.len() / 2, whole.len() - 9] {
            assert!(unpack(&whole[..length], &|_| true).is_err(), "{length}");
        }
    }

    #[test]
    fn links_in_a_directory_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("rules")).unwrap();
        fs::write(place.path().join("rules/a.conf"), "1").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("rules/b.conf")).unwrap();
        assert_eq!(collect(place.path(), &|name| name == "rules/a.conf").unwrap().len(), 1);
        assert!(collect(place.path(), &|_| true).unwrap_err().to_string().contains("link"));
    }
}
