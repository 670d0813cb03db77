//! Whether files have changed since, by what the file system says about them. Their content is not read.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// How some files looked at one moment; `None` for one that was not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<Option<Stamp>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Also moves when owner or mode do.
    changed: (i64, i64),
}

impl Stamps {
    /// Links are followed: a mount whose links are turned over has changed.
    pub(crate) fn of<'p>(paths: impl Iterator<Item = &'p Path>) -> Self {
        Self(paths.map(|path| fs::metadata(path).ok().map(|found| Stamp::from(&found))).collect())
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}
