//! The rules that benchmarks run: the Core Rule Set where the data sets hold it, else the baseline set of this tree.

use std::path::{Path, PathBuf};

use portcullis_diag::{Diagnostic, Sources, render};
use portcullis_seclang::{Loader, Parsed, ast::Document, parse, wildcard_matches};
use portcullis_waf::Program;

/// Rule files, and the text that includes them.
pub(crate) struct RuleSet {
    /// What the results are filed under.
    pub(crate) name: &'static str,
    /// Reads them.
    pub(crate) loader: Disk,
    text: String,
}

impl RuleSet {
    /// The Core Rule Set, or the baseline set.
    pub(crate) fn installed() -> Self {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let engine = format!("Include {}\n", rules.join("portcullis.conf").display());
        match portcullis_vectors::data("crs/4.28.0") {
            Some(crs) => {
                let setup = crs.join("crs-setup.conf.example");
                let text = format!(
                    "{engine}Include {}\nInclude {}\n",
                    setup.display(),
                    crs.join("rules/*.conf").display()
                );
                Self { name: "crs-4.28.0", loader: Disk, text }
            }
            None => {
                let text = format!("{engine}Include {}\n", rules.join("baseline/*.conf").display());
                Self { name: "baseline", loader: Disk, text }
            }
        }
    }

    /// The tree of all files.
    pub(crate) fn document(&self) -> (Document, Sources) {
        let mut sources = Sources::new();
        let Parsed { document, diagnostics } =
            parse("bench.conf", self.text.as_bytes(), &self.loader, &mut sources);
        refuse_errors(&sources, &diagnostics);
        (document, sources)
    }

    /// The compiled rules.
    pub(crate) fn program(&self) -> Program {
        let (document, sources) = self.document();
        let compiled = portcullis_waf::compile(&document, &sources, &self.loader);
        refuse_errors(&sources, &compiled.diagnostics);
        compiled.program.expect("no error was reported")
    }
}

fn refuse_errors(sources: &Sources, diagnostics: &[Diagnostic]) {
    let errors: String =
        diagnostics.iter().filter(|told| told.is_error()).map(|told| render(sources, told)).collect();
    assert!(errors.is_empty(), "{errors}");
}

/// Reads rule and data files from the disk.
pub(crate) struct Disk;

impl Loader for Disk {
    fn resolve(&self, from: &str, reference: &str) -> String {
        let directory = Path::new(from).parent().unwrap_or(Path::new(""));
        directory.join(reference).to_string_lossy().into_owned()
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let path = PathBuf::from(pattern);
        let last = path.file_name().unwrap_or_default().as_encoded_bytes();
        let entries =
            std::fs::read_dir(path.parent().unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
        let fits = |name: &std::ffi::OsStr| wildcard_matches(last, name.as_encoded_bytes());
        let mut found: Vec<String> = entries
            .flatten()
            .filter(|entry| fits(&entry.file_name()))
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect();
        found.sort();
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(name).map_err(|error| error.to_string())
    }
}
