//! Rule and data files from disk, or from inside the binary, for the language and the engine, which read nothing themselves.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use portcullis_seclang::Loader;

use super::embedded;

/// Largest rule or data file. The largest of CRS 4 has some 300 KB.
const FILE_BYTES: u64 = 32 << 20;

/// All files of one load together.
const TOTAL_BYTES: u64 = 256 << 20;

/// Files that one pattern may name.
const MATCHES: usize = 10_000;

/// Reads rule files from disk; names that begin with `embedded:` are files of the binary.
///
/// One loader serves one load: the bound on all bytes together counts from its making.
#[derive(Debug, Default)]
pub struct FileLoader {
    read: AtomicU64,
}

impl FileLoader {
    /// A loader that has read nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn count(&self, bytes: usize) -> Result<(), String> {
        let bytes = bytes as u64;
        if self.read.fetch_add(bytes, Ordering::Relaxed) + bytes > TOTAL_BYTES {
            return Err(format!("more than {TOTAL_BYTES} bytes of rule files"));
        }
        Ok(())
    }
}

impl Loader for FileLoader {
    fn resolve(&self, from: &str, reference: &str) -> String {
        if reference.starts_with(embedded::SCHEME) || Path::new(reference).is_absolute() {
            return reference.to_owned();
        }
        if let Some(from) = from.strip_prefix(embedded::SCHEME) {
            let directory = from.rsplit_once('/').map_or("", |(directory, _)| directory);
            let slash = if directory.is_empty() { "" } else { "/" };
            return format!("{}{directory}{slash}{reference}", embedded::SCHEME);
        }
        Path::new(from).parent().unwrap_or(Path::new("")).join(reference).to_string_lossy().into_owned()
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        if let Some(name) = pattern.strip_prefix(embedded::SCHEME) {
            return Ok(embedded::read(name).map(|_| pattern.to_owned()).into_iter().collect());
        }
        let path = Path::new(pattern);
        let last = path.file_name().and_then(|last| last.to_str()).unwrap_or("");
        if !last.contains(['*', '?', '[']) {
            return Ok(if path.exists() { vec![pattern.to_owned()] } else { Vec::new() });
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let mut names = Vec::new();
        for entry in fs::read_dir(listed).map_err(|error| format!("{}: {error}", listed.display()))? {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            // Hidden files are matched by a pattern that says so only, as in a shell.
            let hidden = name.as_encoded_bytes().starts_with(b".") && !last.starts_with('.');
            if !hidden && matches(last.as_bytes(), name.as_encoded_bytes()) {
                let path = directory.join(&name);
                names.push(
                    path.into_os_string().into_string().map_err(|path| {
                        format!("{}: the name is not UTF-8", PathBuf::from(path).display())
                    })?,
                );
            }
            if names.len() > MATCHES {
                return Err(format!("more than {MATCHES} files fit"));
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if let Some(name) = name.strip_prefix(embedded::SCHEME) {
            return embedded::read(name)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| "the binary has no such file".into());
        }
        let file = fs::File::open(name).map_err(|error| error.to_string())?;
        if file.metadata().map_err(|error| error.to_string())?.is_dir() {
            return Err("is a directory".to_owned());
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(format!("is larger than {FILE_BYTES} bytes"));
        }
        self.count(bytes.len())?;
        Ok(bytes)
    }
}

/// Shell patterns: `*` any run, `?` any byte, `[a-z]` and `[!a-z]` one of a set.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        b'*' => (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|tail| matches(rest, tail))),
        b'?' => name.split_first().is_some_and(|(_, tail)| matches(rest, tail)),
        b'[' => match (set(rest), name.split_first()) {
            (Some((set, after)), Some((byte, tail))) => set_holds(set, *byte) && matches(after, tail),
            (None, Some((byte, tail))) => *byte == b'[' && matches(rest, tail),
            _ => false,
        },
        byte => name.split_first().is_some_and(|(found, tail)| found == byte && matches(rest, tail)),
    }
}

/// The set of `abc]rest` and what follows it; a `]` that comes first is a member.
fn set(pattern: &[u8]) -> Option<(&[u8], &[u8])> {
    let first_may_close = 1 + usize::from(pattern.first() == Some(&b'!'));
    let end = pattern.iter().skip(first_may_close).position(|byte| *byte == b']')? + first_may_close;
    Some((pattern.get(..end)?, pattern.get(end + 1..)?))
}

fn set_holds(set: &[u8], byte: u8) -> bool {
    let (negated, set) = match set.split_first() {
        Some((b'!', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut at = 0;
    let mut found = false;
    while let Some(low) = set.get(at) {
        let range = set.get(at + 1) == Some(&b'-') && set.get(at + 2).is_some();
        let high = if range { set.get(at + 2).unwrap_or(low) } else { low };
        found |= (low..=high).contains(&&byte);
        at += if range { 3 } else { 1 };
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, fits) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.data", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("REQUEST-9[0-2]*.conf", "REQUEST-920-X.conf", true),
            ("REQUEST-9[!0-2]*.conf", "REQUEST-920-X.conf", false),
            ("[]a]", "]", true),
            ("[a", "[a", true),
            ("?", "ab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_relative_to_the_file_that_wrote_them() {
        let loader = FileLoader::new();
        assert_eq!(loader.resolve("/rules/a.conf", "b.data"), "/rules/b.data");
        assert_eq!(loader.resolve("rules/a.conf", "/etc/b.data"), "/etc/b.data");
        assert_eq!(loader.resolve("embedded:baseline/a.conf", "b.data"), "embedded:baseline/b.data");
        assert_eq!(loader.resolve("embedded:portcullis.conf", "unicode.mapping"), "embedded:unicode.mapping");
    }

    #[test]
    fn files_are_listed_sorted_and_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["b.conf", "a.conf", "c.data", ".d.conf"] {
            fs::write(dir.path().join(name), b"SecMarker A\n").expect("written");
        }
        let loader = FileLoader::new();
        let pattern = dir.path().join("*.conf");
        let names = loader.glob(pattern.to_str().expect("UTF-8")).expect("listed");
        let names: Vec<_> = names.iter().map(|name| name.rsplit('/').next().unwrap_or("")).collect();
        assert_eq!(names, ["a.conf", "b.conf"]);
        assert_eq!(loader.glob(dir.path().join("none.conf").to_str().expect("UTF-8")), Ok(Vec::new()));
        assert!(loader.read(dir.path().to_str().expect("UTF-8")).is_err());
    }
}
