//! `cargo xtask data`: fetches the pinned releases that the data tests read, into `target/data`.
//!
//! A set is verified by a digest over its contents, not over an archive, so that any archive of the release will do, whoever
//! packed it. Nothing lands in place before it is verified.

mod archive;
mod digest;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Sets to fetch; all of the lock file unless given
    sets: Vec<String>,
    /// Lock file
    #[arg(long)]
    lock: Option<PathBuf>,
    /// Where to put the sets; target/data unless given
    #[arg(long)]
    into: Option<PathBuf>,
    /// Fetches nothing: compares the sets in this directory with the lock file
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    set: Vec<Set>,
}

/// A pinned set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    /// Directory below `target/data`.
    name: String,
    /// A `.tar.gz` with one directory at its top.
    url: String,
    /// Paths below that directory to keep; a directory ends in `/`.
    keep: Vec<String>,
    /// Files below a kept directory to leave out.
    #[serde(default)]
    skip: Vec<String>,
    /// `sha256:` over the sorted lines `SHA-256 of the file, two spaces, path`.
    digest: String,
}

/// Whether every set is there and verified.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let path = arguments.lock.clone().unwrap_or_else(|| workspace.join("tests/data.lock"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lock: Lock = toml::from_str(&text).with_context(|| path.display().to_string())?;
    if let Some(unknown) = arguments.sets.iter().find(|name| !lock.set.iter().any(|set| set.name == **name)) {
        bail!("{}: no set {unknown}", path.display());
    }
    let wanted = |set: &&Set| arguments.sets.is_empty() || arguments.sets.contains(&set.name);
    let mut holds = true;
    for set in lock.set.iter().filter(wanted) {
        if let Some(root) = &arguments.verify {
            let found = digest::of_directory(&root.join(&set.name), &set.keep, &set.skip)?;
            let same = found == set.digest;
            println!("{}: {found}{}", set.name, if same { "" } else { ", not what the lock file says" });
            holds &= same;
        } else {
            let into = arguments.into.clone().unwrap_or_else(|| workspace.join("target/data"));
            fetch(set, &into)?;
        }
    }
    Ok(holds)
}

fn fetch(set: &Set, into: &Path) -> anyhow::Result<()> {
    let place = into.join(&set.name);
    if place.is_dir() {
        if digest::of_directory(&place, &set.keep, &set.skip)? == set.digest {
            println!("{}: already there", set.name);
            return Ok(());
        }
        bail!(
            "{} is there, but is not what the lock file says: remove it to fetch it again",
            place.display()
        );
    }
    std::fs::create_dir_all(into)?;
    let scratch = tempfile::tempdir_in(into)?;
    let kept = archive::download(&set.url)
        .and_then(|packed| archive::unpack(&packed, &set.keep, &set.skip, scratch.path()))
        .with_context(|| format!("{} from {}", set.name, set.url))?;
    let found = digest::of_directory(scratch.path(), &set.keep, &set.skip)?;
    if found != set.digest {
        bail!("{} from {}: is {found}, must be {}", set.name, set.url, set.digest);
    }
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::rename(scratch.keep(), &place)?;
    println!("{}: {kept} files", set.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// An archive with these files below `top/`.
    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("top/{path}"), text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    /// Serves one archive on loopback, as often as asked.
    fn serve(archive: Vec<u8>) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.tar.gz", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    archive.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&archive).unwrap();
            }
        });
        url
    }

    fn lock(dir: &Path, url: &str, digest: &str) -> Arguments {
        let path = dir.join("data.lock");
        let text = format!(
            "[[set]]\nname = \"crs/1\"\nurl = \"{url}\"\nkeep = [\"LICENSE\", \"rules/\"]\ndigest = \"{digest}\"\n"
        );
        std::fs::write(&path, text).unwrap();
        Arguments { sets: Vec::new(), lock: Some(path), into: Some(dir.join("data")), verify: None }
    }

    const FILES: &[(&str, &str)] = &[("rules/a.conf", "A"), ("LICENSE", "L"), ("docs/long.md", "left out")];

    /// The digest of `FILES` as kept.
    fn digest() -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("rules")).unwrap();
        std::fs::write(dir.path().join("rules/a.conf"), "A").unwrap();
        std::fs::write(dir.path().join("LICENSE"), "L").unwrap();
        digest::of_directory(dir.path(), &["LICENSE".to_owned(), "rules/".to_owned()], &[]).unwrap()
    }

    #[test]
    fn a_set_is_fetched_verified_and_then_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let arguments = lock(dir.path(), &serve(packed(FILES)), &digest());
        for _ in 0..2 {
            assert!(run(dir.path(), &arguments).unwrap());
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("data/crs/1/rules/a.conf")).unwrap(), "A");
        assert!(!dir.path().join("data/crs/1/docs").exists());
        // What was tampered with is told, not overwritten.
        std::fs::write(dir.path().join("data/crs/1/rules/a.conf"), "B").unwrap();
        assert!(run(dir.path(), &arguments).is_err());
        let verify = Arguments { verify: Some(dir.path().join("data")), ..arguments };
        assert!(!run(dir.path(), &verify).unwrap());
    }

    #[test]
    fn another_content_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let arguments =
            lock(dir.path(), &serve(packed(&[("rules/a.conf", "evil"), ("LICENSE", "L")])), &digest());
        let error = run(dir.path(), &arguments).unwrap_err();
        assert!(format!("{error:#}").contains("must be sha256:"), "{error:#}");
        assert!(!dir.path().join("data/crs/1").exists());
        assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
    }

    #[test]
    fn a_dead_address_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let arguments = lock(dir.path(), "http://127.0.0.1:1/a.tar.gz", &digest());
        assert!(format!("{:#}", run(dir.path(), &arguments).unwrap_err()).contains("127.0.0.1:1"));
    }
}
