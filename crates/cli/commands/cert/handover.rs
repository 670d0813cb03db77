//! Files that a customer is handed: on the disk before the certificate counts, in their place after.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::commands::register::refusal;

/// A file that is written, beside the place where it belongs. It is removed again unless it is put there.
pub(super) struct Handover {
    temporary: PathBuf,
    target: PathBuf,
    force: bool,
}

impl Handover {
    /// Writes it. A secret is readable by its owner alone, from its first byte on.
    pub(super) fn write(target: &Path, content: &[u8], secret: bool, force: bool) -> anyhow::Result<Self> {
        refuse_taken(target, force)?;
        let name = target.file_name().with_context(|| format!("{}: is no file", target.display()))?;
        let temporary =
            directory_of(target).join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
        let write = || -> io::Result<()> {
            let mode = if secret { 0o600 } else { 0o644 };
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
            file.write_all(content)?;
            file.sync_all()
        };
        let written = write();
        let handover = Self { temporary, target: target.to_owned(), force };
        written.with_context(|| format!("{}: cannot be written", target.display()))?;
        Ok(handover)
    }

    /// Puts it where it belongs; never over another file, unless that was asked for.
    pub(super) fn put(self) -> anyhow::Result<()> {
        let put = || -> io::Result<()> {
            match self.force {
                true => fs::rename(&self.temporary, &self.target)?,
                false => fs::hard_link(&self.temporary, &self.target)?,
            }
            File::open(directory_of(&self.target))?.sync_all()
        };
        put().with_context(|| format!("{}: cannot be written", self.target.display()))
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A key that is overwritten is lost.
pub(super) fn refuse_taken(target: &Path, force: bool) -> anyhow::Result<()> {
    if target.exists() && !force {
        return Err(refusal(
            format!("{} is there already", target.display()),
            "name another file, or replace it with --force",
        ));
    }
    Ok(())
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
