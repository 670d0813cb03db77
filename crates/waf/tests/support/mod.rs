//! What several tests share: a loader over the file system, a clock that stands, and a way to run one request.

#![allow(dead_code, unreachable_pub, reason = "a module of several tests, each of which uses its part")]

pub mod corpus;

pub mod geo;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use portcullis_diag::{Sources, render};
use portcullis_seclang::{Loader, MemoryLoader};
use portcullis_waf::{
    Clock, Collections, Connection, Header, Mode, Options, Program, RequestHead, Transaction, Verdict,
};

/// Reads rule and data files from the disk.
pub struct Disk;

impl Loader for Disk {
    fn resolve(&self, from: &str, reference: &str) -> String {
        let directory = Path::new(from).parent().unwrap_or(Path::new(""));
        directory.join(reference).to_string_lossy().into_owned()
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let path = Path::new(pattern);
        let last = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut found: Vec<String> = std::fs::read_dir(directory)
            .map_err(|error| error.to_string())?
            .flatten()
            .filter(|entry| {
                portcullis_seclang::wildcard_matches(last.as_bytes(), entry.file_name().as_encoded_bytes())
            })
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect();
        found.sort();
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(name).map_err(|error| error.to_string())
    }
}

/// Compiles rules; the diagnostics as drawn when an error is among them.
pub fn compile(text: &str, loader: &dyn Loader) -> Result<(Arc<Program>, String), String> {
    compile_with(text, loader, Options::default())
}

/// [`compile`] with options.
pub fn compile_with(
    text: &str,
    loader: &dyn Loader,
    options: Options,
) -> Result<(Arc<Program>, String), String> {
    let mut sources = Sources::new();
    let parsed = portcullis_seclang::parse("test.conf", text.as_bytes(), loader, &mut sources);
    let draw = |all: &[portcullis_diag::Diagnostic]| -> String {
        all.iter().map(|diagnostic| render(&sources, diagnostic)).collect()
    };
    if parsed.diagnostics.iter().any(portcullis_diag::Diagnostic::is_error) {
        return Err(draw(&parsed.diagnostics));
    }
    let compiled = portcullis_waf::compile_with(&parsed.document, &sources, loader, options);
    let drawn = draw(&compiled.diagnostics);
    match compiled.program {
        Some(program) => Ok((Arc::new(program), drawn)),
        None => Err(drawn),
    }
}

/// Compiles rules that need no files.
pub fn program(text: &str) -> Arc<Program> {
    match compile(text, &MemoryLoader::new()) {
        Ok((program, _)) => program,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

/// A clock that always shows the same time.
pub struct Standing(pub Duration);

impl Clock for Standing {
    fn unix_time(&self) -> Duration {
        self.0
    }
}

pub fn connection() -> Connection {
    Connection {
        client: SocketAddr::from(([192, 0, 2, 7], 4711)),
        server: SocketAddr::from(([198, 51, 100, 1], 443)),
        unique_id: "aZ0123456789".to_owned(),
    }
}

pub fn begin(program: &Arc<Program>, mode: Mode) -> Transaction {
    let clock = Arc::new(Standing(Duration::from_secs(1_700_000_000)));
    Transaction::begin(Arc::clone(program), mode, connection(), Arc::new(Collections::new(64, 64)), clock)
}

/// A request as text: head lines, an empty line, the body. Lines end with LF here and are cut there.
pub struct Request<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub protocol: &'a [u8],
    pub headers: Vec<Header<'a>>,
    pub body: &'a [u8],
}

impl Request<'_> {
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method,
            target: self.target,
            protocol: self.protocol,
            headers: &self.headers,
        }
    }
}

/// Runs the request phases.
pub fn run_request(transaction: &mut Transaction, request: &Request<'_>) -> Verdict {
    match transaction.request_head(&request.head()) {
        Verdict::Pass => transaction.request_body(request.body),
        refused => refused,
    }
}
