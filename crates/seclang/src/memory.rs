//! A loader whose files are in memory: rules embedded in a binary, and the rules of tests.
//!
//! Names are slash-separated paths without a root. Nothing outside the map can be named, whatever `..` a reference holds.

use std::collections::BTreeMap;

use crate::{Loader, include::wildcard_matches};

/// Files by name. Names are compared byte for byte after `.` and `..` were taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLoader {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryLoader {
    /// A loader without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<Vec<u8>>) -> Self {
        self.insert(name, text);
        self
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: &str, text: impl Into<Vec<u8>>) {
        self.files.insert(normal(name), text.into());
    }
}

impl<N: AsRef<str>, T: Into<Vec<u8>>> FromIterator<(N, T)> for MemoryLoader {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(files: I) -> Self {
        let mut loader = Self::new();
        for (name, text) in files {
            loader.insert(name.as_ref(), text);
        }
        loader
    }
}

impl Loader for MemoryLoader {
    fn resolve(&self, from: &str, reference: &str) -> String {
        match from.rsplit_once('/') {
            Some((directory, _)) if !reference.starts_with('/') => {
                normal(&format!("{directory}/{reference}"))
            }
            _ => normal(reference),
        }
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let pattern = normal(pattern);
        let (directory, last) = split(&pattern);
        let fits = |name: &&String| {
            let (of, file) = split(name);
            of == directory && wildcard_matches(last.as_bytes(), file.as_bytes())
        };
        Ok(self.files.keys().filter(fits).cloned().collect())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.get(&normal(name)).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn normal(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative_to_the_file_that_holds_them() {
        let loader =
            MemoryLoader::new().with("rules/a.conf", "A").with("rules/b.conf", "B").with("c.conf", "C");
        assert_eq!(loader.resolve("main.conf", "rules/a.conf"), "rules/a.conf");
        assert_eq!(loader.resolve("rules/a.conf", "b.conf"), "rules/b.conf");
        assert_eq!(loader.resolve("rules/a.conf", "../../../c.conf"), "c.conf");
        assert_eq!(
            loader.glob("rules/*.conf"),
            Ok(vec!["rules/a.conf".to_owned(), "rules/b.conf".to_owned()])
        );
        assert_eq!(loader.glob("*.conf"), Ok(vec!["c.conf".to_owned()]));
        assert_eq!(loader.read("./rules/b.conf"), Ok(b"B".to_vec()));
        assert!(loader.read("b.conf").is_err());
    }
}
