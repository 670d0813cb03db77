//! Where the big test data sets are, and the ledgers that excuse single cases of them.
//!
//! The sets (CRS releases, language vectors) are not part of the project. `PORTCULLIS_DATA` names the directory that holds them, else
//! `target/data` is tried, which `cargo xtask data` fills. A test that does not find its set says so and passes, unless
//! `PORTCULLIS_DATA_REQUIRED` is set: then it fails.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The path of a data set such as `crs/4.28.0`, or `None` after saying on standard error that the calling test did not run.
///
/// # Panics
/// When the set is absent and `PORTCULLIS_DATA_REQUIRED` is set.
#[must_use]
pub fn data(set: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = match std::env::var_os("PORTCULLIS_DATA") {
        // Tests run in their crate's directory, the variable is set at the workspace's root.
        Some(root) => workspace.join(root),
        None => workspace.join("target/data"),
    };
    let path = root.join(set);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("PORTCULLIS_DATA_REQUIRED").is_none(),
        "data set {set} is required but not at {}",
        path.display()
    );
    eprintln!("NOT RUN: data set {set} is not at {}; `cargo xtask data` fetches it", path.display());
    None
}

/// One excused case.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Excuse {
    /// Name of the case, as its runner prints it.
    pub case: String,
    /// Why it cannot hold here; an RFC section or the behaviour followed instead.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    excused: Vec<Excuse>,
}

/// Cases that are known not to hold, each with its reason. A case that holds although it is excused is an error too.
#[derive(Debug, Default)]
pub struct Ledger {
    excused: Vec<Excuse>,
    seen: HashSet<String>,
    problems: Vec<String>,
    passed: usize,
    excuses_used: usize,
}

impl Ledger {
    /// Reads a ledger: a TOML file of `[[excused]]` tables with `case` and `reason`.
    ///
    /// # Errors
    /// When the file cannot be read or an entry lacks a reason.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let written: Written =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(bare) = written.excused.iter().find(|excuse| excuse.reason.trim().is_empty()) {
            return Err(format!("{}: {} has no reason", path.display(), bare.case));
        }
        Ok(Self { excused: written.excused, ..Self::default() })
    }

    /// Keeps the excuses of these cases alone, for a run over a part of the set.
    pub fn restrict(&mut self, runs: impl Fn(&str) -> bool) {
        self.excused.retain(|excuse| runs(&excuse.case));
    }

    /// Whether a case stands in it.
    #[must_use]
    pub fn excuses(&self, case: &str) -> bool {
        self.excused.iter().any(|excuse| excuse.case == case)
    }

    /// Books the result of a case; `Err` tells how it failed.
    pub fn book(&mut self, case: &str, result: Result<(), String>) {
        self.seen.insert(case.to_owned());
        let excused = self.excuses(case);
        match (result, excused) {
            (Ok(()), false) => self.passed += 1,
            (Ok(()), true) => self.problems.push(format!("{case}: excused, but it holds: remove the excuse")),
            (Err(_), true) => self.excuses_used += 1,
            (Err(how), false) => self.problems.push(format!("{case}: {how}")),
        }
    }

    /// Everything that went wrong, excuses for cases that do not exist included, and `N passed, M failed, K excused`.
    #[must_use]
    pub fn close(mut self) -> (Vec<String>, String) {
        for excuse in &self.excused {
            if !self.seen.contains(&excuse.case) {
                self.problems.push(format!("{}: excused, but there is no such case", excuse.case));
            }
        }
        let line =
            format!("{} passed, {} failed, {} excused", self.passed, self.problems.len(), self.excuses_used);
        (self.problems, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excused_case_that_holds_is_a_problem() {
        let excuse = |case: &str| Excuse { case: case.to_owned(), reason: "because".to_owned() };
        let mut ledger =
            Ledger { excused: vec![excuse("a"), excuse("b"), excuse("gone")], ..Ledger::default() };
        ledger.book("a", Ok(()));
        ledger.book("b", Err("differs".to_owned()));
        ledger.book("c", Ok(()));
        ledger.book("d", Err("differs".to_owned()));
        let (problems, line) = ledger.close();
        assert_eq!(line, "1 passed, 3 failed, 1 excused");
        assert_eq!(problems.len(), 3);
    }
}
