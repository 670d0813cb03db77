//! The engine of this workspace as a driver runs it.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use portcullis_diag::{Diagnostic, Sources, render};
use portcullis_seclang::{Loader, parse, wildcard_matches};
use portcullis_waf::{
    Clock, Collections, Connection, Disposition, Header, Mode, Options, Program, RequestHead, Transaction,
    Verdict,
};

use crate::driver::{self, Loaded, Request};

/// Loads the rules of a file.
///
/// # Errors
/// Every error of the rules, drawn.
pub fn load(rules: &str, options: Options) -> Result<Loaded<Portcullis>, String> {
    let text = std::fs::read(rules).map_err(|error| format!("{rules}: {error}"))?;
    let mut sources = Sources::new();
    let parsed = parse(rules, &text, &Disk, &mut sources);
    let compiled = portcullis_waf::compile_with(&parsed.document, &sources, &Disk, options);
    let told = parsed.diagnostics.iter().chain(&compiled.diagnostics);
    let errors: String =
        told.filter(|told| Diagnostic::is_error(told)).map(|told| render(&sources, told)).collect();
    let program = compiled.program.filter(|_| errors.is_empty()).ok_or(errors)?;
    let count = program.facts().rules;
    let engine = Portcullis {
        program: Arc::new(program),
        remembers: false,
        collections: Arc::new(Collections::new(1_024, 64)),
        clock: Arc::new(Standing),
    };
    Ok(Loaded { engine, name: format!("portcullis {}", env!("CARGO_PKG_VERSION")), rules: count })
}

/// The engine with its rules.
pub struct Portcullis {
    /// The rules.
    pub program: Arc<Program>,
    /// Values that come again are remembered.
    pub remembers: bool,
    collections: Arc<Collections>,
    clock: Arc<dyn Clock>,
}

impl driver::Engine for Portcullis {
    fn transaction(&mut self, request: &Request, ids: Option<&mut Vec<String>>) -> u16 {
        let connection = Connection {
            client: SocketAddr::from(([203, 0, 113, 7], 40_000)),
            server: SocketAddr::from(([192, 0, 2, 10], 443)),
            unique_id: "0197a5c2-7b1e-7c3d-9f00-5a1b2c3d4e5f".to_owned(),
        };
        let mut transaction = Transaction::begin(
            Arc::clone(&self.program),
            Mode::Block,
            connection,
            Arc::clone(&self.collections),
            Arc::clone(&self.clock),
        );
        if self.remembers {
            transaction.remember_verdicts();
        }
        let verdict = phases(&mut transaction, request);
        let report = transaction.finish();
        if let Some(ids) = ids {
            ids.extend(report.matched.iter().filter(|rule| rule.logged).map(|rule| rule.id.to_string()));
        }
        match verdict {
            Verdict::Pass => 0,
            Verdict::Intervene(intervention) => match intervention.disposition {
                Disposition::Deny(status) | Disposition::Redirect(status, _) => status,
                Disposition::Drop => 1,
            },
        }
    }
}

fn phases(transaction: &mut Transaction, request: &Request) -> Verdict {
    let headers = fields(&request.headers);
    let head = RequestHead {
        method: &request.method,
        target: &request.target,
        protocol: b"HTTP/1.1",
        headers: &headers,
    };
    let mut verdict = transaction.request_head(&head);
    if verdict == Verdict::Pass {
        verdict = transaction.request_body(&request.body);
    }
    if verdict == Verdict::Pass {
        verdict = transaction.response_head(200, b"HTTP/1.1", &fields(&request.response_headers));
    }
    if verdict == Verdict::Pass {
        verdict = transaction.response_body(&request.response_body);
    }
    verdict
}

fn fields(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<Header<'_>> {
    fields.iter().map(|(name, value)| Header { name, value }).collect()
}

/// A clock that always shows the same time.
struct Standing;

impl Clock for Standing {
    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

/// Reads rule and data files from the disk.
struct Disk;

impl Loader for Disk {
    fn resolve(&self, from: &str, reference: &str) -> String {
        let directory = Path::new(from).parent().unwrap_or(Path::new(""));
        directory.join(reference).to_string_lossy().into_owned()
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let path = Path::new(pattern);
        let last = path.file_name().unwrap_or_default().as_encoded_bytes();
        let directory = path.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
        let mut found: Vec<String> = entries
            .flatten()
            .filter(|entry| wildcard_matches(last, entry.file_name().as_encoded_bytes()))
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect();
        found.sort();
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(name).map_err(|error| error.to_string())
    }
}
