//! Rules that a command looks into: files named on the command line, or those of a configuration.

use std::path::{Path, PathBuf};

use portcullis_diag::{Diagnostic, Sources};
use portcullis_waf::Program;

use super::check;
use crate::output::{self, Exit};

/// Which rules.
#[derive(clap::Args)]
pub(super) struct Chosen {
    /// Rule files, directories with rule files, or a directory of the Core Rule Set, at paranoia level 4; without one the rules of the
    /// configuration, as it sets them up
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value_os_t = crate::default_config())]
    config: PathBuf,
}

impl Chosen {
    /// The program as an edge would run it, or how the command ends.
    pub(super) fn program(&self) -> Result<Program, Exit> {
        if let Some(missing) = self.paths.iter().find(|path| !path.exists()) {
            output::complain(&format!("{}: no such file or directory", missing.display()));
            return Err(Exit::Usage);
        }
        let mut sources = Sources::new();
        let (loaded, refused) = if self.paths.is_empty() {
            (portcullis_edge::configured_rules(&self.config, &mut sources), Exit::Config)
        } else {
            let settings = check::settings(&self.paths);
            (portcullis_edge::load_rules(&settings, Path::new(""), &mut sources), Exit::Findings)
        };
        loaded.program.ok_or_else(|| {
            // Warnings are for `rules check` and `check` to tell.
            let errors: Vec<Diagnostic> =
                loaded.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
            output::draw(&sources, &errors);
            refused
        })
    }
}
