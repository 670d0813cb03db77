//! `portcullis rules install crs --from DIR|ARCHIVE|URL`: takes a release of the Core Rule Set that is known by its digest.
//!
//! Everything is read and verified in memory; then the new directory is written beside the old one and takes its place. What a crash
//! leaves behind is the old one, the new one, or in the worst moment the old one under the name `crs.previous`.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{
    archive::{self, Files},
    lock,
    release::{self, Release},
};
use crate::output::{self, Exit};

/// Total time of a download.
const DOWNLOAD: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which rule set: the OWASP Core Rule Set
    #[arg(value_parser = ["crs"])]
    set: String,
    /// A directory, a .tar.gz or .zip, or an https URL of one
    #[arg(long, value_name = "DIR|ARCHIVE|URL")]
    from: String,
    /// Directory in which it is put as `crs`
    #[arg(long, value_name = "DIR", default_value = "rules")]
    rules_dir: PathBuf,
    /// Installs a release that rules/crs.lock does not know. Whoever made it decides what your edge lets through
    #[arg(long)]
    unverified: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let release = match read(&arguments.from).and_then(|files| Release::find(&files)) {
        Ok(release) => release,
        Err(error) => {
            output::complain(&format!("{}: {error:#}; nothing was installed", arguments.from));
            return Ok(Exit::Findings);
        }
    };
    let digest = release.digest();
    let known = lock::releases()?.into_iter().find(|known| known.digest == digest);
    if known.is_none() {
        let says =
            release.version().map_or_else(String::new, |version| format!(" (it says it is {version})"));
        if !arguments.unverified {
            output::complain(&format!(
                "{}{says} is no release that rules/crs.lock knows, or not an unchanged one; its digest is {digest}. Nothing was \
                 installed. With --unverified it is installed all the same",
                arguments.from
            ));
            return Ok(Exit::Findings);
        }
        output::complain(&format!(
            "warning: {}{says} is installed unverified, digest {digest}",
            arguments.from
        ));
    }
    let place = put(&release.files, &arguments.rules_dir)?;
    let name = known.as_ref().map(|known| known.name.as_str());
    if arguments.json {
        let report = json!({
            "installed": place.display().to_string(),
            "release": name,
            "verified": known.is_some(),
            "digest": digest,
            "files": release.files.len(),
        });
        output::say(&report.to_string());
    } else {
        let name = name
            .map_or_else(|| String::from("an unverified rule set"), |name| format!("CRS {name}, verified"));
        output::say(&format!("{}: {name}, {}", place.display(), output::number(release.files.len(), "file")));
    }
    Ok(Exit::Good)
}

fn read(from: &str) -> anyhow::Result<Files> {
    if let Some((scheme, _)) = from.split_once("://") {
        if scheme != "https" {
            bail!(
                "{scheme} is not taken: rules decide what is let through, they come over https or from a file"
            );
        }
        return archive::unpack(&download(from)?, &release::may_be_part);
    }
    let path = Path::new(from);
    if let Some(places) = release::debian(path) {
        let mut all = Files::new();
        for (directory, name) in places {
            let files = archive::collect(&directory, &|file| release::may_be_part(&format!("{name}{file}")))?;
            all.extend(files.into_iter().map(|(file, content)| (format!("{name}{file}"), content)));
        }
        return Ok(all);
    }
    if path.is_dir() {
        return archive::collect(path, &release::may_be_part);
    }
    let mut packed = Vec::new();
    File::open(path)?.take(archive::PACKED_BYTES + 1).read_to_end(&mut packed)?;
    archive::unpack(&packed, &release::may_be_part)
}

fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().https_only(true).timeout_global(Some(DOWNLOAD)).build().into();
    let mut answer = agent.get(url).call()?;
    Ok(answer.body_mut().with_config().limit(archive::PACKED_BYTES).read_to_vec()?)
}

/// Writes the files to a new directory and puts it in the place of the old one.
fn put(files: &Files, rules_dir: &Path) -> anyhow::Result<PathBuf> {
    let (place, previous) = (rules_dir.join("crs"), rules_dir.join("crs.previous"));
    fs::create_dir_all(rules_dir).with_context(|| rules_dir.display().to_string())?;
    let new = rules_dir.join(format!(".crs.{}", std::process::id()));
    let written = write(files, &new).and_then(|()| keep_setup(&place, &new));
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    if place.symlink_metadata().is_ok() {
        if previous.symlink_metadata().is_ok() {
            fs::remove_dir_all(&previous).with_context(|| previous.display().to_string())?;
        }
        fs::rename(&place, &previous).with_context(|| previous.display().to_string())?;
    }
    if let Err(error) = fs::rename(&new, &place) {
        let _ = fs::rename(&previous, &place);
        let _ = fs::remove_dir_all(&new);
        return Err(error).with_context(|| place.display().to_string());
    }
    File::open(rules_dir)?.sync_all()?;
    Ok(place)
}

fn write(files: &Files, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir(directory).with_context(|| directory.display().to_string())?;
    for (name, content) in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(content).with_context(|| path.display().to_string())?;
        file.sync_all()?;
    }
    Ok(())
}

/// The setup is the one file that an operator changes: it stays.
fn keep_setup(old: &Path, new: &Path) -> anyhow::Result<()> {
    let name = "crs-setup.conf";
    if old.join(name).is_file() {
        fs::copy(old.join(name), new.join(name)).with_context(|| old.join(name).display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(setup: &str) -> Files {
        Files::from([
            ("crs-setup.conf.example".to_owned(), setup.as_bytes().to_vec()),
            ("rules/a.conf".to_owned(), b"SecMarker A\n".to_vec()),
        ])
    }

    fn arguments(from: &Path, rules_dir: &Path, unverified: bool) -> Arguments {
        Arguments {
            set: "crs".to_owned(),
            from: from.display().to_string(),
            rules_dir: rules_dir.to_owned(),
            unverified,
            json: false,
        }
    }

    #[test]
    fn an_unknown_release_needs_the_word() {
        let place = tempfile::tempdir().unwrap();
        let (from, into) = (place.path().join("from"), place.path().join("rules"));
        write(&files("# OWASP CRS ver.9.9.9\n"), &from).unwrap();
        assert_eq!(run(&arguments(&from, &into, false)).unwrap(), Exit::Findings);
        assert!(!into.exists());
        assert_eq!(run(&arguments(&from, &into, true)).unwrap(), Exit::Good);
        assert_eq!(fs::read(into.join("crs/rules/a.conf")).unwrap(), b"SecMarker A\n");
    }

    #[test]
    fn a_new_one_takes_the_place_of_the_old_one_and_keeps_the_setup() {
        let place = tempfile::tempdir().unwrap();
        let into = place.path().join("rules");
        put(&files("1"), &into).unwrap();
        fs::write(into.join("crs/crs-setup.conf"), "mine").unwrap();
        for setup in ["2", "3"] {
            put(&files(setup), &into).unwrap();
        }
        assert_eq!(fs::read(into.join("crs/crs-setup.conf.example")).unwrap(), b"3");
        assert_eq!(fs::read(into.join("crs/crs-setup.conf")).unwrap(), b"mine");
        assert_eq!(fs::read(into.join("crs.previous/crs-setup.conf.example")).unwrap(), b"2");
        assert_eq!(fs::read_dir(&into).unwrap().count(), 2);
    }

    #[test]
    fn the_known_releases_are_known() {
        let names: Vec<String> = lock::releases().unwrap().into_iter().map(|known| known.name).collect();
        assert!(names.iter().any(|name| name == "4.28.0"), "{names:?}");
        let Some(data) = portcullis_vectors::data("crs/4.28.0") else { return };
        let place = tempfile::tempdir().unwrap();
        assert_eq!(run(&arguments(&data, place.path(), false)).unwrap(), Exit::Good);
        assert!(place.path().join("crs/rules/REQUEST-901-INITIALIZATION.conf").is_file());
    }

    #[test]
    fn a_known_release_with_one_byte_changed_is_unknown() {
        let Some(data) = portcullis_vectors::data("crs/4.28.0") else { return };
        let mut release = Release::find(&archive::collect(&data, &release::may_be_part).unwrap()).unwrap();
        let known = |release: &Release| {
            lock::releases().unwrap().iter().any(|known| known.digest == release.digest())
        };
        assert!(known(&release));
        if let Some(content) = release.files.get_mut("rules/REQUEST-901-INITIALIZATION.conf") {
            content.push(b'\n');
        }
        assert!(!known(&release));
    }

    #[test]
    fn what_is_no_rule_set_leaves_the_old_one_alone() {
        let place = tempfile::tempdir().unwrap();
        let (from, into) = (place.path().join("from"), place.path().join("rules"));
        put(&files("1"), &into).unwrap();
        fs::create_dir(&from).unwrap();
        for from in [
            from.as_path(),
            Path::new("/nowhere"),
            Path::new("/etc/passwd"),
            Path::new("http://localhost/a.zip"),
        ] {
            assert_eq!(run(&arguments(from, &into, true)).unwrap(), Exit::Findings, "{}", from.display());
        }
        assert_eq!(fs::read(into.join("crs/crs-setup.conf.example")).unwrap(), b"1");
    }
}
