//! What can go wrong, with the file it went wrong with.

use std::fmt;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A file is not what it should be, or cannot be read or written.
    #[error("{0}")]
    File(#[from] Fault),
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
    Make(String),
    /// The register's rules forbid it.
    #[error("{problem}")]
    Refused {
        /// Why.
        problem: String,
        /// What to do instead.
        remedy: String,
    },
}

impl PkiError {
    pub(crate) fn refused(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), remedy: remedy.into() }
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::File(fault) => fault.remedy.as_deref(),
            Self::Refused { remedy, .. } => Some(remedy),
            Self::Foreign { .. } | Self::Make(_) => None,
        }
    }
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Make(error.to_string())
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, with the directories before it.
    pub file: String,
    /// The line, from 1, where one can be told.
    pub line: Option<usize>,
    /// What is wrong, in words that can follow the file's name and a colon.
    pub problem: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Fault {
    /// A fault with its remedy.
    #[must_use]
    pub fn told(file: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(file, problem).remedy(remedy)
    }

    pub(crate) fn new(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, problem: problem.into(), remedy: None }
    }

    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub(crate) fn line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for Fault {}
