//! Why an edge could not start.

use portcullis_diag::{Diagnostic, Sources};

/// Why an edge could not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration, or a file it names, is not good. Exit code 78 (`EX_CONFIG`).
    Config {
        /// Texts the diagnostics point into.
        sources: Sources,
        /// At least one error.
        diagnostics: Vec<Diagnostic>,
    },
    /// The machine refused something: an address in use, no threads.
    Machine {
        /// What was wanted.
        what: String,
        /// What the machine said.
        error: std::io::Error,
    },
}

impl StartError {
    pub(crate) fn machine(what: impl Into<String>, error: std::io::Error) -> Self {
        Self::Machine { what: what.into(), error }
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config { diagnostics, .. } => {
                let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
                write!(f, "{errors} error(s) in the configuration")
            }
            Self::Machine { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
