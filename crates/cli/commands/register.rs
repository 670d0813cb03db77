//! What the commands on the register share: where it is, its authority's key, how they end.

use std::{
    fs, io,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use portcullis_config::{Config, Surroundings};
use portcullis_diag::{Diagnostic, Sources};
use portcullis_pki::{
    Authority, CA, CA_KEY, CustomerId, Directory, Fault, Files as _, LockedDirectory, PkiError, Register,
    Registrar, show_moment,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::output::{self, Exit};

/// Largest file that is taken for a configuration, a request or a passphrase.
const FILE_BYTES: u64 = 4 << 20;

/// Where the register is.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Directory of the register
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_PKI_DIR")]
    pki_dir: Option<PathBuf>,
    /// A configuration, whose environment must be the register's
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the authority's key is. An encrypted one needs its passphrase: from --passphrase-fd, else from the systemd credential
/// `portcullis-ca-passphrase`, else from PORTCULLIS_CA_PASSPHRASE.
#[derive(clap::Args)]
pub(crate) struct Key {
    /// The authority's key, where it lives apart from the register
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CA_KEY")]
    pub(crate) ca_key: Option<PathBuf>,
    /// An open file descriptor that the passphrase of the key is read from, up to its first line's end
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl Place {
    /// The directory.
    pub(crate) fn directory(&self) -> anyhow::Result<PathBuf> {
        self.pki_dir.clone().ok_or_else(|| {
            let remedy = "name its directory with --pki-dir or PORTCULLIS_PKI_DIR";
            refusal("which register is meant is not said", remedy)
        })
    }

    /// The environment of the configuration, where one was named.
    pub(crate) fn environment(&self) -> anyhow::Result<Option<String>> {
        Ok(self.config()?.map(|config| config.environment))
    }

    /// The register, to be read.
    pub(crate) fn read(&self) -> anyhow::Result<(Directory, Register)> {
        let directory = Directory::new(&self.directory()?);
        let register = Register::load(&directory)?;
        self.same_environment(register.environment())?;
        let unlisted = register.unlisted(now()).len();
        if unlisted > 0 {
            let what = output::number(unlisted, "revoked certificate");
            output::complain(&format!("crl.pem does not list {what} yet; run `portcullis cert crl refresh`"));
        }
        Ok((directory, register))
    }

    /// The register, to be changed; waits until nobody else changes it.
    pub(crate) fn open(&self) -> anyhow::Result<Registrar<LockedDirectory>> {
        Ok(Registrar::open(self.lock()?, &who(), now())?)
    }

    /// The register's files, for this process alone.
    pub(crate) fn lock(&self) -> anyhow::Result<LockedDirectory> {
        let directory = self.directory()?;
        // Without a register there is nothing to lock, and no directory is made by a slip of the pen.
        self.same_environment(&Register::environment_of(&Directory::new(&directory))?)?;
        Ok(Directory::lock(&directory)?)
    }

    fn same_environment(&self, theirs: &str) -> anyhow::Result<()> {
        match self.environment()? {
            Some(ours) if ours != theirs => Err(refusal(
                format!("the register is for environment `{theirs}`, the configuration for `{ours}`"),
                "name the register of that environment; a certificate of one is refused in the other",
            )),
            _ => Ok(()),
        }
    }

    fn config(&self) -> anyhow::Result<Option<Config>> {
        let Some(path) = &self.config else { return Ok(None) };
        let name = path.display().to_string();
        let text = String::from_utf8(read_file(path)?).with_context(|| format!("{name}: is not UTF-8"))?;
        let variable = |name: &str| std::env::var(name).ok();
        let mut sources = Sources::new();
        let loaded = portcullis_config::load(
            &name,
            &text,
            Surroundings { variable: &variable, processors: 1 },
            &mut sources,
        );
        let wrong = loaded.diagnostics.iter().any(Diagnostic::is_error);
        match loaded.config.filter(|_| !wrong) {
            Some(config) => Ok(Some(config)),
            None => {
                output::draw(&sources, &loaded.diagnostics);
                Err(refusal(
                    format!("{name} cannot be used"),
                    format!("see `portcullis check --config {name}`"),
                ))
            }
        }
    }
}

impl Key {
    /// The authority, with its key.
    pub(crate) fn authority(&self, directory: &Path) -> anyhow::Result<Authority> {
        let register = Directory::new(directory);
        let Some(certificate) = register.read(CA)? else {
            return Err(PkiError::from(Fault::told(
                register.place(CA),
                "is not there",
                "make a register with `portcullis cert init`",
            ))
            .into());
        };
        let (keys, name) = self.store(directory)?;
        let Some(text) = keys.read_private(&name)? else {
            let remedy = "name it with --ca-key, or run this where the key is";
            return Err(PkiError::from(Fault::told(
                keys.place(&name),
                "the authority's key is not there",
                remedy,
            ))
            .into());
        };
        let passphrase = if Authority::sealed(&text) { self.passphrase()? } else { None };
        if Authority::sealed(&text) && passphrase.is_none() {
            let remedy = "give its passphrase by --passphrase-fd, the systemd credential portcullis-ca-passphrase or PORTCULLIS_CA_PASSPHRASE";
            return Err(PkiError::from(Fault::told(keys.place(&name), "is encrypted", remedy)).into());
        }
        Authority::open_sealed(&certificate, &text, passphrase.as_deref()).map_err(|problem| {
            let remedy = "name the key that belongs to ca.pem with --ca-key, and the right passphrase";
            PkiError::from(Fault::told(keys.place(&name), problem, remedy)).into()
        })
    }

    /// The store the key is in, and its name there.
    pub(crate) fn store(&self, directory: &Path) -> anyhow::Result<(Directory, String)> {
        let Some(file) = &self.ca_key else { return Ok((Directory::new(directory), CA_KEY.to_owned())) };
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name
            .ok_or_else(|| refusal(format!("{} is no file", file.display()), "name a file with --ca-key"))?;
        Ok((Directory::new(parent), name.to_owned()))
    }

    /// The passphrase, where one is given.
    pub(crate) fn passphrase(&self) -> anyhow::Result<Option<String>> {
        if let Some(number) = self.passphrase_fd {
            let path = PathBuf::from(format!("/proc/self/fd/{number}"));
            return first_line(&path).map(Some).with_context(|| format!("file descriptor {number}"));
        }
        if let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            let path = Path::new(&directory).join("portcullis-ca-passphrase");
            if path.exists() {
                return first_line(&path).map(Some);
            }
        }
        Ok(std::env::var("PORTCULLIS_CA_PASSPHRASE").ok())
    }
}

fn first_line(path: &Path) -> anyhow::Result<String> {
    let bytes = read_file(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refusal("the passphrase is not UTF-8", "use letters and digits"))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line.is_empty() {
        return Err(refusal("the passphrase is empty", "write it on the first line"));
    }
    Ok(line)
}

/// A whole file of bounded size.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    };
    read().map_err(|error| {
        PkiError::from(Fault::told(
            path.display().to_string(),
            error.to_string(),
            "name a file that can be read",
        ))
        .into()
    })
}

/// Runs a command and says how it ended.
pub(crate) fn conclude(json: bool, done: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let error = match done {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    let known = error.chain().find_map(|cause| cause.downcast_ref::<PkiError>());
    let Some(known) = known else { return Err(error) };
    let message = format!("{error:#}");
    output::complain(&format!("error: {message}"));
    if let Some(remedy) = known.remedy() {
        output::complain(&format!("  = help: {remedy}"));
    }
    if json {
        output::say(&json!({ "error": { "message": message, "remedy": known.remedy() } }).to_string());
    }
    Ok(match known {
        PkiError::File(_) => Exit::Config,
        PkiError::Refused { .. } | PkiError::Foreign { .. } => Exit::Findings,
        _ => Exit::Internal,
    })
}

/// An error of the command's own.
pub(crate) fn refusal(problem: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    PkiError::Refused { problem: problem.into(), remedy: remedy.into() }.into()
}

pub(crate) fn id(text: &str) -> Result<CustomerId, String> {
    CustomerId::parse(text).map_err(|problem| format!("`{text}` {problem}"))
}

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Who runs this, for the trail: a name, which the caller may have chosen, and the user id, which not.
pub(crate) fn who() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    let uid = fs::metadata("/proc/self").map_or_else(|_| String::from("?"), |facts| facts.uid().to_string());
    format!("{} (uid {uid})", name.unwrap_or_else(|| String::from("unknown")))
}

/// A certificate's record as JSON.
pub(crate) fn record(customer: &str, record: &portcullis_pki::CertificateRecord) -> Value {
    json!({
        "customer": customer,
        "serial": record.serial.as_str(),
        "state": state(record),
        "identity": record.identity,
        "environment": record.environment,
        "not_before": show_moment(record.not_before),
        "not_after": show_moment(record.not_after),
        "issued": show_moment(record.issued),
        "sha256": record.sha256,
        "key": record.key.as_str(),
        "revoked": record.revocation.map(|revocation| show_moment(revocation.at)),
        "reason": record.revocation.map(|revocation| revocation.reason.as_str()),
    })
}

/// `live`, `expired` or `revoked`.
pub(crate) fn state(record: &portcullis_pki::CertificateRecord) -> &'static str {
    match record.revocation {
        Some(_) => "revoked",
        None if record.live(now()) => "live",
        None => "expired",
    }
}
