//! Where files are kept, as this crate sees it.

use crate::PkiError;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Everybody: mode 0644.
    Public,
    /// The owner only: mode 0600, from its first byte on.
    Private,
}

/// A directory of files. A write is seen whole or not at all, also after a crash.
pub trait Store {
    /// The content of a file, nothing when there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn read(&self, name: &str) -> Result<Option<String>, PkiError>;

    /// Makes or replaces a file.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError>;
}
