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

/// Files to be read. A name may have one directory before it: `customers/acme.toml`.
pub trait Files {
    /// The content of a file, nothing when there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn read(&self, name: &str) -> Result<Option<String>, PkiError>;

    /// The content of a file that holds a secret.
    ///
    /// # Errors
    /// It is there and cannot be read, or others than its owner can read it too.
    fn read_private(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.read(name)
    }

    /// Names of the files in a directory, sorted, without the directory and without those that begin with a dot; none when there is
    /// no such directory.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError>;

    /// The file's name for a human: with all the directories before it.
    fn place(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Files to be written too. A write is seen whole or not at all, also after a crash, and once it is done a crash does not undo it.
pub trait Store: Files {
    /// Makes or replaces a file.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError>;

    /// Appends a line to a file, and makes the file when there is none. After a crash the line may be there in part; what was there
    /// before is whole.
    ///
    /// # Errors
    /// It cannot be written.
    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError>;

    /// Removes a file. That there is none is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&mut self, name: &str) -> Result<(), PkiError>;
}
