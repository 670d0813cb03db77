//! The `portcullis` binary as a process: configuration written, started, waited for, signalled, and ended by its id.
//!
//! The text of `config.toml` is built in one place, [`EdgeConfig::text`], so that tests follow the schema together.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Authority, Client, Journal, RecordingUpstream, certificates};

/// How long a debug build may take to compile the whole rule set and say `ready`.
const START: Duration = Duration::from_secs(120);

/// A backend as the configuration names it.
#[derive(Clone, Debug)]
pub struct Backend {
    id: String,
    servers: Vec<SocketAddr>,
    tls: Option<(PathBuf, String)>,
}

/// What `config.toml` says. Every field has a default that a test may overwrite.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// TLS listener; a free port unless set.
    pub https: SocketAddr,
    /// Plain listener.
    pub http: Option<SocketAddr>,
    /// Metrics and readiness.
    pub admin: Option<SocketAddr>,
    /// `block`, `detect`, `off`
    pub mode: String,
    /// `auto`, `baseline`, `none`, or a directory.
    pub crs: String,
    /// Blocking and detection paranoia level.
    pub paranoia: u8,
    /// SecLang text read before the rule set.
    pub before: String,
    /// SecLang text read after the rule set.
    pub after: String,
    /// `refused`, `matched`, `all`
    pub audit_scope: String,
    /// Whether audit events hold expanded `msg` and `logdata`, which are request values.
    pub audit_values: bool,
    /// Backends.
    pub backends: Vec<Backend>,
    /// `(path prefix, backend id)`; one route for everything to the first backend unless set.
    pub routes: Vec<(String, String)>,
    /// Lines put into the table `[limits]`.
    pub limits: String,
    /// Lines put into the table `[waf]`.
    pub waf: String,
    /// Text put at the end, for keys that have no field here.
    pub tail: String,
    /// Further files beside `config.toml`, which only their owner may read.
    pub files: Vec<(String, String)>,
    /// `server.threads`
    pub threads: usize,
    /// Environment of the process.
    pub environment: Vec<(String, String)>,
}

/// A running edge. It is killed when dropped.
pub struct Edge {
    child: Child,
    dir: TempDir,
    config: EdgeConfig,
    authority: Arc<Authority>,
    log: Arc<Mutex<Vec<String>>>,
}

/// How a start ended that did not become ready.
#[derive(Debug)]
pub struct Start {
    /// Exit status, absent when it was still running after the deadline.
    pub status: Option<ExitStatus>,
    /// Standard error.
    pub log: String,
}

impl Backend {
    /// A plaintext backend, allowed in so many words.
    #[must_use]
    pub fn plain(id: &str, upstream: &RecordingUpstream) -> Self {
        Self { id: id.to_owned(), servers: vec![upstream.address()], tls: None }
    }

    /// The same for a server that is no [`RecordingUpstream`].
    #[must_use]
    pub fn plain_at(id: &str, address: SocketAddr) -> Self {
        Self { id: id.to_owned(), servers: vec![address], tls: None }
    }

    /// A TLS backend whose certificate must hold `name` and be signed by the authority in `ca`.
    #[must_use]
    pub fn tls(id: &str, upstream: &RecordingUpstream, ca: &Path, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            servers: vec![upstream.address()],
            tls: Some((ca.to_owned(), name.to_owned())),
        }
    }
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            https: free_port(),
            http: None,
            admin: None,
            mode: "block".to_owned(),
            crs: "baseline".to_owned(),
            paranoia: 1,
            before: String::new(),
            after: String::new(),
            audit_scope: "refused".to_owned(),
            audit_values: false,
            backends: Vec::new(),
            routes: Vec::new(),
            limits: String::new(),
            waf: String::new(),
            tail: String::new(),
            files: Vec::new(),
            threads: 2,
            environment: Vec::new(),
        }
    }
}

impl EdgeConfig {
    /// The default configuration with this backend.
    #[must_use]
    pub fn with_backend(backend: Backend) -> Self {
        Self { backends: vec![backend], ..Self::default() }
    }

    /// `config.toml` for files that lie in `dir`.
    #[must_use]
    pub fn text(&self, dir: &Path) -> String {
        let list = |addresses: &[SocketAddr]| {
            addresses.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ")
        };
        let file = |name: &str| toml_string(&dir.join(name).to_string_lossy());
        // Writing to a String cannot fail.
        let mut text = format!("environment = \"test\"\n\n[server]\nthreads = {}\n", self.threads);
        let _ = writeln!(text, "\n[listen]\nhttps = [{}]", list(&[self.https]));
        let _ = writeln!(text, "http = [{}]", list(self.http.as_slice()));
        let admin = self.admin.map_or_else(|| "off".to_owned(), |address| address.to_string());
        let _ = writeln!(text, "admin = \"{admin}\"");
        let _ = writeln!(text, "\n[tls]\ncertificate = {}\nkey = {}", file("edge.pem"), file("edge.key"));
        let _ = writeln!(text, "\n[limits]\n{}", self.limits);
        let _ = writeln!(text, "\n[waf]\nmode = \"{}\"\ncrs = {}", self.mode, toml_string(&self.crs));
        let _ = writeln!(text, "paranoia = {0}\ndetection_paranoia = {0}\n{1}", self.paranoia, self.waf);
        if !self.before.is_empty() {
            let _ = writeln!(text, "include_before = [{}]", file("before.conf"));
        }
        if !self.after.is_empty() {
            let _ = writeln!(text, "include_after = [{}]", file("after.conf"));
        }
        let _ = writeln!(text, "\n[log]\naccess = {}\naudit = {}", file("access.log"), file("audit.log"));
        let _ = writeln!(text, "audit_scope = \"{}\"", self.audit_scope);
        if self.audit_values {
            text.push_str("audit_values = true\n");
        }
        for backend in &self.backends {
            let servers = list(&backend.servers);
            let _ = writeln!(text, "\n[[upstream]]\nid = \"{}\"\nservers = [{servers}]", backend.id);
            let _ = match &backend.tls {
                None => writeln!(text, "allow_plaintext = true"),
                Some((ca, name)) => {
                    let ca = toml_string(&ca.to_string_lossy());
                    writeln!(text, "tls = {{ ca = {ca}, name = \"{name}\" }}")
                }
            };
        }
        for (index, (prefix, upstream)) in self.routes().iter().enumerate() {
            let _ = writeln!(
                text,
                "\n[[route]]\nid = \"r{index}\"\nhosts = []\npath_prefix = \"{prefix}\"\nupstream = \"{upstream}\""
            );
        }
        text + "\n" + &self.tail
    }

    fn routes(&self) -> Vec<(String, String)> {
        match (self.routes.is_empty(), self.backends.first()) {
            (true, Some(backend)) => vec![("/".to_owned(), backend.id.clone())],
            _ => self.routes.clone(),
        }
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        std::fs::write(dir.join("before.conf"), &self.before)?;
        std::fs::write(dir.join("after.conf"), &self.after)?;
        for (name, text) in &self.files {
            certificates::write_private(&dir.join(name), text)?;
        }
        std::fs::write(dir.join("config.toml"), self.text(dir))
    }
}

impl Edge {
    /// Writes the configuration, starts `binary run --config ..` and waits until it says `ready`.
    ///
    /// # Errors
    /// When it ends before, or is not ready within two minutes.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    pub fn start(binary: &Path, config: EdgeConfig) -> Result<Self, Start> {
        let authority = Arc::new(Authority::new("edge test authority"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        authority
            .leaf(&["localhost", "127.0.0.1", "*.customers.test"])
            .write(dir.path(), "edge")
            .expect("certificate files");
        config.write(dir.path()).expect("a configuration file");
        let mut child = Command::new(binary)
            .args(["run", "--config"])
            .arg(dir.path().join("config.toml"))
            .envs(config.environment.iter().cloned())
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Start { status: None, log: format!("{}: {error}", binary.display()) })?;
        let log = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
        let mut edge = Self { child, dir, config, authority, log };
        match edge.until_ready() {
            Ok(()) => Ok(edge),
            Err(status) => Err(Start { status, log: edge.log() }),
        }
    }

    fn until_ready(&mut self) -> Result<(), Option<ExitStatus>> {
        let deadline = Instant::now() + START;
        loop {
            // The line of that word alone: warnings may well say "already".
            let ready = |log: &Vec<String>| log.iter().any(|line| line.starts_with("ready "));
            if ready(&self.log.lock().unwrap_or_else(PoisonError::into_inner)) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                // The reader of standard error may still have lines to take.
                thread::sleep(Duration::from_millis(100));
                return Err(Some(status));
            }
            if Instant::now() > deadline {
                return Err(None);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its TLS listener.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.config.https
    }

    /// Its admin listener, where it has one.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.config.admin
    }

    /// The authority that signed its certificate.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The authority that signed its certificate, as a file for `curl --cacert`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn authority_file(&self) -> io::Result<PathBuf> {
        self.authority.write(self.dir(), "authority")
    }

    /// A client that trusts it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::tls(self.config.https, &self.authority, "localhost")
    }

    /// The same without a server name in its handshake (SNI): it may then send any `Host`.
    #[must_use]
    pub fn nameless_client(&self) -> Client {
        Client::tls(self.config.https, &self.authority, "127.0.0.1")
    }

    /// A client that trusts it and asks for this name.
    #[must_use]
    pub fn client_of(&self, name: &str) -> Client {
        Client::tls(self.config.https, &self.authority, name)
    }

    /// Standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Whether a line of standard error holds this text.
    #[must_use]
    pub fn logged(&self, text: &str) -> bool {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| line.contains(text))
    }

    /// Lines of standard error that hold this text.
    #[must_use]
    pub fn count_logged(&self, text: &str) -> usize {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }

    /// The access log.
    #[must_use]
    pub fn access(&self) -> Journal {
        Journal::new(&self.dir().join("access.log"))
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Journal {
        Journal::new(&self.dir().join("audit.log"))
    }

    /// Writes another configuration; [`Edge::signal`] with `HUP` makes the edge read it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn rewrite(&self, change: impl FnOnce(&mut EdgeConfig)) -> io::Result<()> {
        let mut config = self.config.clone();
        change(&mut config);
        config.write(self.dir())
    }

    /// Sends `HUP`, `TERM`, ..
    ///
    /// # Errors
    /// When `kill` cannot be run.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name}: {status}"))) }
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// When it has not ended after `patience`.
    pub fn wait(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of the edge\n{}\n---", self.log());
        }
    }
}

/// An address on loopback that nobody listened on a moment ago.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A TOML basic string.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_ends_at_once_is_reported_with_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("fake");
        std::fs::write(&script, "#!/bin/sh\necho \"$3: wrong\" >&2\nexit 78\n").unwrap();
        Command::new("chmod").arg("+x").arg(&script).status().unwrap();
        let start = Edge::start(&script, EdgeConfig::default()).err().unwrap();
        assert_eq!(start.status.unwrap().code(), Some(78));
        assert!(start.log.contains("config.toml: wrong"), "{}", start.log);
    }

    #[test]
    fn ports_are_on_loopback() {
        assert!(free_port().ip().is_loopback());
    }
}
