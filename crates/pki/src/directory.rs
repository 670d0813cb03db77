//! A directory as a [`Store`]: the one place of this crate that touches files.
//!
//! Files appear whole or not at all: each is written beside its place under another name, flushed to the disk, renamed over the old
//! one, and the directory flushed. Keys are never readable by others, not even for a moment. Writers exclude each other by an
//! advisory lock on `.lock` that ends with their process, however it ends; readers take no lock, as every file is whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{Fault, Files, PkiError, Secrecy, Store};

/// Largest file that is read: a CRL of a million entries fits.
const FILE_BYTES: u64 = 64 << 20;

/// Most files of one directory.
const ENTRIES: usize = 200_000;

const LOCK: &str = ".lock";

/// A directory on a disk.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

/// A directory that no other writer has. The lock ends when this is dropped.
#[derive(Debug)]
pub struct LockedDirectory {
    directory: Directory,
    /// Held, never read.
    _lock: File,
}

/// What a directory's files looked like at one moment; another one later tells whether any of them changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<(String, u64, u64, i64, i64)>);

impl Directory {
    /// A directory to be read. It need not be there: then every file is missing.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A directory to be written by whoever needs no lock; made when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self::new(path))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory when it is not there (mode 0750, so that the edge's group can be let in) and waits until no other process writes to it.
    ///
    /// # Errors
    /// It cannot be made or written to.
    pub fn lock(path: &Path) -> Result<LockedDirectory, PkiError> {
        Self::lock_or(path, |file| file.lock())
            .map(|(directory, lock)| LockedDirectory { directory, _lock: lock })
    }

    /// The same without waiting; nothing when another process writes.
    ///
    /// # Errors
    /// It cannot be made or written to.
    pub fn try_lock(path: &Path) -> Result<Option<LockedDirectory>, PkiError> {
        let mut busy = false;
        let locked = Self::lock_or(path, |file| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                busy = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(TryLockError::Error(error)) => Err(error),
        });
        match locked {
            Ok((directory, lock)) => Ok(Some(LockedDirectory { directory, _lock: lock })),
            Err(_) if busy => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock_or(path: &Path, lock: impl FnOnce(&File) -> io::Result<()>) -> Result<(Self, File), PkiError> {
        let directory = Self::new(path);
        let locked = (|| {
            DirBuilder::new().recursive(true).mode(0o750).create(path)?;
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(path.join(LOCK))?;
            lock(&file)?;
            directory.clear_leftovers()?;
            Ok(file)
        })();
        match locked {
            Ok(file) => Ok((directory, file)),
            Err(error) => Err(directory.fault(LOCK, &error)),
        }
    }

    /// What a process that was killed left half written. Only the holder of the lock may.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)?.take(ENTRIES) {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                for inner in fs::read_dir(entry.path())?.take(ENTRIES) {
                    remove_leftover(&inner?)?;
                }
            } else {
                remove_leftover(&entry)?;
            }
        }
        Ok(())
    }

    /// What the files look like now. It costs one look at each and reads none.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn stamp(&self) -> Result<Stamp, PkiError> {
        let mut files = Vec::new();
        self.stamp_into("", &mut files).map_err(|error| self.fault("", &error))?;
        files.sort();
        Ok(Stamp(files))
    }

    fn stamp_into(&self, below: &str, files: &mut Vec<(String, u64, u64, i64, i64)>) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join(below))?.take(ENTRIES) {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            // A file that is being replaced may be gone in between.
            let Ok(facts) = fs::metadata(entry.path()) else { continue };
            if facts.is_dir() && below.is_empty() {
                self.stamp_into(&name, files)?;
            } else if facts.is_file() {
                files.push((
                    format!("{below}/{name}"),
                    facts.ino(),
                    facts.size(),
                    facts.mtime(),
                    facts.mtime_nsec(),
                ));
            }
        }
        Ok(())
    }

    fn fault(&self, name: &str, error: &io::Error) -> PkiError {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "run as the user that owns the directory",
            io::ErrorKind::StorageFull => "free space on the disk; nothing was changed",
            _ => "see that the directory is there and can be read and written",
        };
        Fault::new(self.place(name), error.to_string()).remedy(remedy).into()
    }

    fn read_whole(&self, name: &str, private: bool) -> Result<Option<String>, PkiError> {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(name, &error)),
        };
        let facts = file.metadata().map_err(|error| self.fault(name, &error))?;
        if !facts.is_file() {
            return Err(Fault::new(self.place(name), "is not a file").into());
        }
        if private && facts.mode() & 0o077 != 0 {
            let problem = format!(
                "holds a private key, and its mode {:04o} lets others read it",
                facts.mode() & 0o7777
            );
            let remedy = format!("chmod 600 {}, and make a new key if others had access", self.place(name));
            return Err(Fault::new(self.place(name), problem).remedy(remedy).into());
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| self.fault(name, &error))?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(Fault::new(self.place(name), "is larger than 64 MiB").into());
        }
        // What is not text is no PEM and no TOML either: the caller finds out.
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn write_whole(&self, name: &str, content: &str, secrecy: Secrecy) -> io::Result<()> {
        let mode = match secrecy {
            Secrecy::Public => 0o644,
            Secrecy::Private => 0o600,
        };
        let target = self.path.join(name);
        let (Some(parent), Some(file_name)) = (target.parent(), target.file_name()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        if !parent.is_dir() {
            fs::create_dir(parent)?;
            File::open(&self.path)?.sync_all()?;
        }
        // The process id keeps two commands that run at once apart.
        let temporary = parent.join(format!(".{}.{}.new", file_name.to_string_lossy(), std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &target)?;
            File::open(parent)?.sync_all()
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

fn remove_leftover(entry: &fs::DirEntry) -> io::Result<()> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    if name.starts_with('.') && name.ends_with(".new") { fs::remove_file(entry.path()) } else { Ok(()) }
}

impl Files for Directory {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.read_whole(name, false)
    }

    fn read_private(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.read_whole(name, true)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError> {
        let entries = match fs::read_dir(self.path.join(directory)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.fault(directory, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.fault(directory, &error))?.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') {
                names.push(name.into_owned());
            }
            if names.len() > ENTRIES {
                return Err(Fault::new(self.place(directory), "has more files than a register can").into());
            }
        }
        names.sort();
        Ok(names)
    }

    fn place(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl Store for Directory {
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.write_whole(name, content, secrecy).map_err(|error| self.fault(name, &error))
    }

    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError> {
        let append = || {
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .mode(0o600)
                .open(self.path.join(name))?;
            // A line that a crash cut short is ended, so that this one stands alone.
            let cut = !ends_with_newline(&file)?;
            let text = if cut { format!("\n{line}\n") } else { format!("{line}\n") };
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            File::open(&self.path)?.sync_all()
        };
        append().map_err(|error| self.fault(name, &error))
    }

    fn remove(&mut self, name: &str) -> Result<(), PkiError> {
        let path = self.path.join(name);
        let remove = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                done => done?,
            }
            path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
        };
        remove().map_err(|error| self.fault(name, &error))
    }
}

fn ends_with_newline(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let length = file.metadata()?.size();
    let mut last = *b"\n";
    if let Some(place) = length.checked_sub(1) {
        file.read_exact_at(&mut last, place)?;
    }
    Ok(&last == b"\n")
}

impl Files for LockedDirectory {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.directory.read(name)
    }

    fn read_private(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.directory.read_private(name)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError> {
        self.directory.list(directory)
    }

    fn place(&self, name: &str) -> String {
        self.directory.place(name)
    }
}

impl Store for LockedDirectory {
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.directory.write(name, content, secrecy)
    }

    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError> {
        self.directory.append(name, line)
    }

    fn remove(&mut self, name: &str) -> Result<(), PkiError> {
        self.directory.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_for_their_owner_and_nothing_is_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/certs");
        let mut store = Directory::create(&path).unwrap();
        assert_eq!(store.read("a.key").unwrap(), None);
        store.write("a.key", "one", Secrecy::Private).unwrap();
        store.write("a.key", "two", Secrecy::Private).unwrap();
        store.write("a.pem", "three", Secrecy::Public).unwrap();
        assert_eq!(store.read("a.key").unwrap().as_deref(), Some("two"));
        assert_eq!(store.read_private("a.key").unwrap().as_deref(), Some("two"));
        assert_eq!((mode(&path.join("a.key")), mode(&path.join("a.pem")) & 0o600), (0o600, 0o600));
        assert_eq!(store.list("").unwrap(), ["a.key", "a.pem"]);
        fs::set_permissions(path.join("a.key"), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(store.read_private("a.key").unwrap_err().to_string().contains("0640"));
    }

    #[test]
    fn a_lock_keeps_a_second_writer_out_and_clears_leftovers() {
        let place = tempfile::tempdir().unwrap();
        let first = Directory::lock(place.path()).unwrap();
        assert!(Directory::try_lock(place.path()).unwrap().is_none());
        drop(first);
        fs::write(place.path().join(".a.toml.17.new"), "half").unwrap();
        let locked = Directory::try_lock(place.path()).unwrap();
        assert!(locked.is_some());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "the lock alone");
    }

    #[test]
    fn appended_lines_stand_alone_after_a_torn_one() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("log"), "whole\nto").unwrap();
        let mut store = Directory::create(place.path()).unwrap();
        store.append("log", "next").unwrap();
        store.append("log", "last").unwrap();
        assert_eq!(store.read("log").unwrap().as_deref(), Some("whole\nto\nnext\nlast\n"));
    }

    #[test]
    fn a_stamp_tells_a_replaced_file() {
        let place = tempfile::tempdir().unwrap();
        let mut store = Directory::create(place.path()).unwrap();
        store.write("customers/a.toml", "one", Secrecy::Public).unwrap();
        let before = store.stamp().unwrap();
        assert_eq!(before, store.stamp().unwrap());
        store.write("customers/a.toml", "two", Secrecy::Public).unwrap();
        assert_ne!(before, store.stamp().unwrap());
    }
}
