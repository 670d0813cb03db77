//! What of a directory or archive is the Core Rule Set, and which release it is.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use sha2::{Digest as _, Sha256};

use super::archive::Files;

/// The setup file as it is shipped.
const SETUP: &str = "crs-setup.conf.example";

/// Where Debian's package has the setup file, below the root of the machine or of an unpacked package.
const DEBIAN_SETUP: &str = "etc/modsecurity/crs/crs-setup.conf";

/// Where Debian's package has the rules.
const DEBIAN_RULES: &str = "usr/share/modsecurity-crs/rules/";

/// A rule set: its files by their paths below its own directory.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) files: Files,
}

impl Release {
    /// Finds the rule set within what was unpacked: archives have a directory of their own at the top, Debian's package has two.
    pub(crate) fn find(all: &Files) -> anyhow::Result<Self> {
        let files = match (top(all, DEBIAN_SETUP), top(all, SETUP)) {
            (Some(root), _) => of_debian(all, &root),
            (None, Some(top)) => {
                below(all, &top).map(|(path, content)| (path.to_owned(), content.clone())).collect()
            }
            (None, None) => bail!("no {SETUP}: this is not the Core Rule Set"),
        };
        let files: Files = files.into_iter().filter(|(path, _)| is_part(path)).collect();
        ensure!(
            files.keys().any(|path| path.starts_with("rules/") && path.ends_with(".conf")),
            "no rules/*.conf: this is not the Core Rule Set"
        );
        Ok(Self { files })
    }

    /// SHA-256 over the sorted lines `SHA-256 of the file, two spaces, path`, as `rules/crs.lock` has it.
    pub(crate) fn digest(&self) -> String {
        let lines: String =
            self.files.iter().map(|(path, content)| format!("{}  {path}\n", sha256(content))).collect();
        sha256(lines.as_bytes())
    }

    /// The version its setup file names; unverified text, for messages.
    pub(crate) fn version(&self) -> Option<String> {
        let setup = String::from_utf8_lossy(self.files.get(SETUP)?);
        let (_, after) = setup.split_once("ver.")?;
        let version: String =
            after.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        Some(version).filter(|version| !version.is_empty() && version.len() <= 32)
    }
}

/// Whether a file may be a part, wherever the rule set's directory is.
pub(crate) fn may_be_part(path: &str) -> bool {
    let starts = |at: usize| at == 0 || path.as_bytes().get(at - 1) == Some(&b'/');
    let ends_as = |name: &str| path.strip_suffix(name).is_some_and(|top| starts(top.len()));
    let in_place =
        |directory: &str| path.rfind(directory).is_some_and(|at| starts(at) && is_part(&path[at..]));
    ends_as(SETUP) || ends_as(DEBIAN_SETUP) || in_place("rules/") || in_place("plugins/")
}

/// The directories of Debian's package, for a look at a machine where it is installed; nothing else of the machine is read.
pub(crate) fn debian(root: &Path) -> Option<Vec<(PathBuf, &'static str)>> {
    // `--from /usr/share/modsecurity-crs` means the same package.
    let own = root.ends_with("usr/share/modsecurity-crs").then(|| root.join("../../.."));
    let root = own.as_deref().unwrap_or(root);
    let (rules, setup) = (root.join(DEBIAN_RULES), root.join(DEBIAN_SETUP));
    let place = setup.parent()?.to_owned();
    (rules.is_dir() && setup.is_file()).then(|| vec![(rules, DEBIAN_RULES), (place, "etc/modsecurity/crs/")])
}

fn of_debian(all: &Files, root: &str) -> Files {
    below(all, root)
        .filter_map(|(path, content)| {
            let path = match path.strip_prefix(DEBIAN_RULES) {
                Some(name) => format!("rules/{name}"),
                None if path == DEBIAN_SETUP => SETUP.to_owned(),
                None => return None,
            };
            Some((path, content.clone()))
        })
        .collect()
}

fn below<'f>(all: &'f Files, top: &'f str) -> impl Iterator<Item = (&'f str, &'f Vec<u8>)> {
    all.iter().filter_map(move |(path, content)| Some((path.strip_prefix(top)?, content)))
}

/// What stands before `name`, where it is nearest to the top.
fn top(all: &Files, name: &str) -> Option<String> {
    all.keys()
        .filter_map(|path| path.strip_suffix(name))
        .filter(|top| top.is_empty() || top.ends_with('/'))
        .min_by_key(|top| top.matches('/').count())
        .map(str::to_owned)
}

/// What the digest covers, and so all that is installed.
fn is_part(path: &str) -> bool {
    match path.split_once('/') {
        None => path == SETUP,
        Some(("rules", name)) => !name.contains('/') && (name.ends_with(".conf") || name.ends_with(".data")),
        Some(("plugins", name)) => !name.contains('/') && name.ends_with(".conf"),
        Some(_) => false,
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Files {
        paths.iter().map(|path| ((*path).to_owned(), path.rsplit('/').next().unwrap_or("").into())).collect()
    }

    #[test]
    fn the_digest_does_not_know_who_packed_it() {
        let plain = ["crs-setup.conf.example", "rules/a.conf", "rules/b.data", "plugins/c.conf"];
        let archived =
            ["top/crs-setup.conf.example", "top/rules/a.conf", "top/rules/b.data", "top/plugins/c.conf"];
        let more = [
            "top/tests/rules/x.conf",
            "top/rules/a.conf.example",
            "top/README.md",
            "top/util/crs-setup.conf.example",
        ];
        let digest = |paths: &[&str]| {
            let release = Release::find(&files(paths)).unwrap();
            (release.files.keys().cloned().collect::<Vec<_>>(), release.digest())
        };
        assert_eq!(digest(&plain), digest(&[archived.as_slice(), more.as_slice()].concat()));
        assert_ne!(digest(&plain), digest(&plain[..3]));
    }

    #[test]
    fn debian_spreads_it_over_two_places() {
        let release = Release::find(&files(&[
            "etc/modsecurity/crs/crs-setup.conf",
            "etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf",
            "usr/share/modsecurity-crs/rules/a.conf",
            "usr/share/modsecurity-crs/rules/a.data",
        ]));
        let paths: Vec<String> = release.unwrap().files.into_keys().collect();
        assert_eq!(paths, ["crs-setup.conf.example", "rules/a.conf", "rules/a.data"]);
    }

    #[test]
    fn parts_are_told_by_their_place() {
        for path in
            ["rules/a.conf", "top/rules/a.data", "x/y/plugins/a.conf", "crs-setup.conf.example", DEBIAN_SETUP]
        {
            assert!(may_be_part(path), "{path}");
        }
        for path in [
            "a.conf",
            "myrules/a.conf",
            "rules/sub/a.conf",
            "rules/a.lua",
            "xcrs-setup.conf.example",
            "plugins/a.data",
        ] {
            assert!(!may_be_part(path), "{path}");
        }
        assert!(Release::find(&files(&["rules/a.conf"])).is_err());
        assert!(Release::find(&files(&["crs-setup.conf.example"])).is_err());
    }
}
