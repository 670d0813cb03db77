//! What the comparison stands on: the corpus, the rules for each engine, and the drivers, built into `target/peers`.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use portcullis_peers::corpus;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian's libmodsecurity, what all others are measured by.
    Libmodsecurity,
    /// This one.
    Portcullis,
    /// This one with its memory of values that come again.
    Remembering,
    /// This one with every rule asking every value: what it is compared with, never timed.
    Oracle,
    /// The package zentinel-modsec.
    Zentinel,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Libmodsecurity => "libmodsecurity",
            Self::Portcullis => "portcullis",
            Self::Remembering => "portcullis, verdict cache",
            Self::Oracle => "portcullis, plain",
            Self::Zentinel => "zentinel",
        })
    }
}

impl Kind {
    /// What its driver is told behind the rules and the corpus.
    pub(super) fn argument(self) -> Option<&'static str> {
        match self {
            Self::Oracle => Some("plain"),
            Self::Remembering => Some("remembering"),
            Self::Libmodsecurity | Self::Portcullis | Self::Zentinel => None,
        }
    }
}

/// The directory with the corpus and the rules.
pub(crate) struct Ground {
    workspace: PathBuf,
    target: PathBuf,
    directory: PathBuf,
}

impl Ground {
    /// Writes the corpus and, for every paranoia level, the rules.
    pub(crate) fn prepare(workspace: &Path, crs: Option<&Path>, levels: &[u8]) -> anyhow::Result<Self> {
        let crs = rule_set(workspace, crs)?;
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace.join("target"), |shared| workspace.join(shared));
        let directory = target.join("peers");
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let ground = Self { workspace: workspace.to_owned(), target, directory };
        fs::write(ground.corpus(), corpus::file(&corpus::exchanges()))?;
        for level in levels {
            for kind in [Kind::Libmodsecurity, Kind::Portcullis, Kind::Zentinel] {
                fs::write(ground.rules(kind, *level), rules(kind, &crs, *level))?;
            }
        }
        Ok(ground)
    }

    /// Where everything is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn corpus(&self) -> PathBuf {
        self.directory.join("corpus.bin")
    }

    /// The rules for an engine at a paranoia level.
    pub(crate) fn rules(&self, kind: Kind, level: u8) -> PathBuf {
        let kind = if matches!(kind, Kind::Remembering | Kind::Oracle) { Kind::Portcullis } else { kind };
        self.directory.join(format!("{kind}-{level}.conf"))
    }

    /// Builds the driver of this engine.
    pub(crate) fn ours(&self, profile: &str) -> anyhow::Result<PathBuf> {
        let mut cargo = cargo();
        cargo
            .args(["build", "--profile", profile, "--package", "portcullis-peers"])
            .current_dir(&self.workspace);
        run(&mut cargo)?;
        let directory = if profile == "dev" { "debug" } else { profile };
        Ok(self.target.join(directory).join("portcullis-peer"))
    }

    /// Builds the driver of libmodsecurity; installs Debian's package where there is none.
    pub(crate) fn libmodsecurity(&self) -> anyhow::Result<PathBuf> {
        if !Path::new("/usr/include/modsecurity/modsecurity.h").exists() || !answers("gcc") {
            apt(&["libmodsecurity-dev", "gcc", "libc6-dev"])?;
        }
        let driver = self.directory.join("libmodsecurity-peer");
        let source = self.workspace.join("benches/peers/libmodsecurity/driver.c");
        run(Command::new("gcc").arg("-O2").arg(source).arg("-o").arg(&driver).arg("-lmodsecurity"))?;
        Ok(driver)
    }

    /// Builds the driver of zentinel-modsec, whose dependencies stand in a lock file of their own.
    pub(crate) fn zentinel(&self) -> anyhow::Result<PathBuf> {
        let target = self.directory.join("zentinel");
        let mut cargo = cargo();
        cargo
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(&target)
            .current_dir(self.workspace.join("benches/peers/zentinel"));
        run(&mut cargo)?;
        Ok(target.join("release/zentinel-peer"))
    }
}

/// The rule set that is named, or the one that the data sets hold.
pub(crate) fn rule_set(workspace: &Path, named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("PORTCULLIS_DATA")
        .map_or_else(|| workspace.join("target/data"), |data| workspace.join(data));
    let crs = named.map_or_else(|| data.join("crs/4.28.0"), Path::to_owned);
    if !crs.join("rules").is_dir() {
        bail!(
            "{} has no rules; `cargo xtask data` fetches a release, --crs DIR names another",
            crs.display()
        );
    }
    Ok(crs.canonicalize()?)
}

/// Installs packages.
pub(crate) fn apt(packages: &[&str]) -> anyhow::Result<()> {
    println!("installing {}", packages.join(" "));
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}

/// Whether there is such a program.
pub(crate) fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.status().with_context(|| format!("{}", program.display()))?;
    if !status.success() {
        bail!("{}: {status}", program.display());
    }
    Ok(())
}

/// Settings, then the rule set: the same for all engines, except what one of them does not know.
fn rules(kind: Kind, crs: &Path, level: u8) -> String {
    let engine = match kind {
        Kind::Libmodsecurity => format!("{COMMON}{STRICT}{LIBMODSECURITY}"),
        Kind::Portcullis | Kind::Remembering | Kind::Oracle => format!("{COMMON}{STRICT}"),
        // It refuses MULTIPART_UNMATCHED_BOUNDARY and several directives.
        Kind::Zentinel => COMMON.to_owned(),
    };
    let crs = crs.display();
    let mut rules = format!(
        "{engine}Include {crs}/crs-setup.conf.example\n\
         SecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={level},setvar:tx.detection_paranoia_level={level}\"\n"
    );
    // One line a file: an engine may not expand wildcards.
    let entries = fs::read_dir(Path::new(&crs.to_string()).join("rules")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "conf")) {
        rules.push_str(&format!("Include {}\n", file.display()));
    }
    rules
}

const COMMON: &str = r#"SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
"#;

const STRICT: &str = r#"SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecRequestBodyLimitAction Reject
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'The request body cannot be read',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'The multipart body is not strict'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,status:400,msg:'A line may be a boundary'"
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecArgumentSeparator &
SecCookieFormat 0
SecAuditEngine Off
"#;

const LIBMODSECURITY: &str = "SecPcreMatchLimit 100000
SecPcreMatchLimitRecursion 100000
SecRequestBodyJsonDepthLimit 512
SecStatusEngine Off
SecTmpDir /tmp/
SecDataDir /tmp/
";
