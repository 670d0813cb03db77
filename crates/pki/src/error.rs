//! What can go wrong, with the file it went wrong with.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A file is not what it should be.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Name within the store.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate that somebody else issued stands where one of ours would be written.
    #[error("{file} was issued by `{issuer}`, not by the development authority: it is left alone")]
    Foreign {
        /// Name within the store.
        file: String,
        /// Subject of whoever issued it.
        issuer: String,
    },
    /// A certificate or key could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The store failed.
    #[error("{file}: {reason}")]
    Store {
        /// Name within the store.
        file: String,
        /// What the store said.
        reason: String,
    },
}
