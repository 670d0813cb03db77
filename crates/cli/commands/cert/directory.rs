//! A directory as a [`Store`]: files appear whole or not at all, keys are never readable by others, not even for a moment.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use portcullis_pki::{PkiError, Secrecy, Store};

/// Largest file that is taken for a certificate or key.
const FILE_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory when it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned() })
    }

    fn write_whole(&self, name: &str, content: &str, secrecy: Secrecy) -> io::Result<()> {
        let mode = match secrecy {
            Secrecy::Public => 0o644,
            Secrecy::Private => 0o600,
        };
        // The process id keeps two commands that run at once apart.
        let temporary = self.path.join(format!(".{name}.{}", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, self.path.join(name))?;
            File::open(&self.path)?.sync_all()
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

impl Store for Directory {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        let wrong = |reason: String| PkiError::Store { file: name.to_owned(), reason };
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(wrong(String::from("is larger than a certificate can be")));
        }
        // What is not text is no PEM either: the caller finds out.
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.write_whole(name, content, secrecy)
            .map_err(|error| PkiError::Store { file: name.to_owned(), reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_and_nothing_is_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/certs");
        let mut store = Directory::open(&path).unwrap();
        assert_eq!(store.read("a.key").unwrap(), None);
        store.write("a.key", "one", Secrecy::Private).unwrap();
        store.write("a.key", "two", Secrecy::Private).unwrap();
        store.write("a.pem", "three", Secrecy::Public).unwrap();
        assert_eq!(store.read("a.key").unwrap().as_deref(), Some("two"));
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a.key"), mode("a.pem") & 0o600), (0o600, 0o600));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    }
}
