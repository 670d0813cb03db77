//! The run: an edge in detect mode at paranoia level 4 in front of the suite's backend, cases sent by a few connections at once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use portcullis_testkit::{Backend, Client, Edge, EdgeConfig, RecordingUpstream};
use portcullis_vectors::Ledger;

use crate::{
    backend,
    check::{Seen, check},
    records::Records,
    request,
    suite::{self, Case, Input, Stage},
};

/// What the suite's documentation asks of an engine under test, besides the paranoia level.
pub(crate) const SETTINGS: &str = r#"# Settings of the regression suite; the answers' types are those its backend sends.
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecAction "id:1000,phase:1,pass,nolog,t:none,\
    setvar:tx.crs_validate_utf8_encoding=1,\
    setvar:tx.arg_name_length=100,\
    setvar:tx.arg_length=400,\
    setvar:tx.total_arg_length=64000,\
    setvar:tx.max_num_args=255,\
    setvar:tx.max_file_size=64100,\
    setvar:tx.combined_file_sizes=65535"
"#;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long ftw waits for one; a case of its suite counts on it.
const PATIENCE_OF_FTW: Duration = Duration::from_secs(5);

/// Limits of an edge under test: on a busy machine it must not turn requests away for that.
pub(crate) const LIMITS: &str = "queue_time = \"60s\"\n";

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `portcullis` binary.
    pub binary: PathBuf,
    /// The rule set: a release's directory, or where Debian's package puts it.
    pub crs: PathBuf,
    /// The release whose tests are run, with its `tests` directory.
    pub tests: PathBuf,
    /// Names of cases, `*` and `?` as in a shell; all unless set.
    pub only: Option<String>,
    /// Every so many-th case: 1 runs all.
    pub every: usize,
    /// Excused cases.
    pub ledger: Option<PathBuf>,
    /// Connections at once.
    pub connections: usize,
}

/// How the run went.
#[derive(Debug)]
pub struct Outcome {
    /// `case: what was expected and what was seen`, and broken excuses.
    pub problems: Vec<String>,
    /// `N passed, M failed, K excused`
    pub line: String,
}

/// Runs the suite.
///
/// # Errors
/// When the suite cannot be read or the edge does not start.
pub fn run(options: &Options) -> Result<Outcome, String> {
    let mut ledger = options.ledger.as_deref().map_or_else(|| Ok(Ledger::default()), Ledger::read)?;
    let tests = options.tests.join("tests/regression/tests");
    let all = suite::read(&tests)?;
    let wanted = |case: &Case| options.only.as_deref().is_none_or(|glob| fits(glob, &case.name));
    let cases: Vec<Case> = all.into_iter().filter(wanted).step_by(options.every.max(1)).collect();
    if options.only.is_some() || options.every > 1 {
        ledger.restrict(|name| cases.iter().any(|case| case.name == name));
    }
    if cases.is_empty() {
        return Err(format!("no case in {} fits", tests.display()));
    }
    let results = send_all(&cases, options)?;
    for (case, result) in cases.iter().zip(results) {
        ledger.book(&case.name, result);
    }
    let (problems, line) = ledger.close();
    Ok(Outcome { problems, line })
}

fn send_all(cases: &[Case], options: &Options) -> Result<Vec<Result<(), String>>, String> {
    let upstream = RecordingUpstream::plain(backend::reply).map_err(|error| error.to_string())?;
    let edge = start(options, &upstream)?;
    let target = Target {
        client: edge.nameless_client().timeout(PATIENCE),
        hasty: edge.nameless_client().timeout(PATIENCE_OF_FTW),
        records: Records::new(edge.dir()),
    };
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<(), String>>>> = Mutex::new(vec![None; cases.len()]);
    thread::scope(|scope| {
        for _ in 0..options.connections.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    let result = target.run(case);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().map(|result| result.unwrap_or_else(|| Err("not run".to_owned()))).collect())
}

fn start(options: &Options, upstream: &RecordingUpstream) -> Result<Edge, String> {
    let absolute = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let config = EdgeConfig {
        mode: "detect".to_owned(),
        crs: absolute(&options.crs)?.to_string_lossy().into_owned(),
        paranoia: 4,
        before: SETTINGS.to_owned(),
        limits: LIMITS.to_owned(),
        audit_scope: "all".to_owned(),
        audit_values: true,
        ..EdgeConfig::with_backend(Backend::plain("suite", upstream))
    };
    Edge::start(&absolute(&options.binary)?, config).map_err(|start| match start.status {
        Some(status) => format!("the edge ended with {status}:\n{}", start.log),
        None => format!("the edge did not become ready:\n{}", start.log),
    })
}

/// The edge under test.
struct Target {
    client: Client,
    /// For cases of ftw.
    hasty: Client,
    records: Records,
}

impl Target {
    fn run(&self, case: &Case) -> Result<(), String> {
        for (index, stage) in case.stages.iter().enumerate() {
            let mut result = self.stage(stage);
            if result.is_err() && stage.output.retry_once {
                result = self.stage(stage);
            }
            result.map_err(|how| match case.stages.len() {
                1 => how,
                _ => format!("stage {}: {how}", index + 1),
            })?;
        }
        Ok(())
    }

    fn stage(&self, stage: &Stage) -> Result<(), String> {
        let bytes = request::bytes(&stage.input)?;
        let client = match stage.input {
            Input::Ftw(_) => &self.hasty,
            Input::GoFtw(_) => &self.client,
        };
        let (client, status) = self.exchange(client, &bytes)?;
        let rules = self.records.rules(client).map_err(|error| format!("logs: {error}"))?;
        check(&stage.output, &Seen { status, rules })
    }

    /// Sends a request on a connection of its own; the address tells which records are about it.
    fn exchange(&self, client: &Client, bytes: &[u8]) -> Result<(SocketAddr, Result<u16, String>), String> {
        let mut wire = client.connect().map_err(|error| format!("cannot connect: {error}"))?;
        let client = wire.local_address().map_err(|error| error.to_string())?;
        self.records.forget(client).map_err(|error| format!("logs: {error}"))?;
        // A peer that answers and closes before it read everything breaks the sending, and its answer still counts.
        let sent = wire.send(bytes);
        let status = match wire.answer() {
            Ok(answer) => Ok(answer.status),
            Err(error) => Err(sent.err().unwrap_or(error).to_string()),
        };
        Ok((client, status))
    }
}

/// Shell pattern of `*` and `?`.
fn fits(glob: &str, name: &str) -> bool {
    let mut rest = name;
    let mut parts = glob.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(after) = strip(first, rest) else { return false };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(after) = (0..=rest.len()).find_map(|at| strip(part, rest.get(at..)?)) else { return false };
        rest = after;
    }
    rest.len() >= last.len()
        && rest.get(rest.len() - last.len()..).is_some_and(|end| strip(last, end).is_some())
}

fn strip<'a>(part: &str, text: &'a str) -> Option<&'a str> {
    let fits = part.len() <= text.len()
        && part.bytes().zip(text.bytes()).all(|(wanted, found)| wanted == b'?' || wanted == found);
    if fits { text.get(part.len()..) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_choose_cases() {
        for (glob, name, expected) in [
            ("*", "942100-1", true),
            ("942*", "942100-1", true),
            ("942*", "941100-1", false),
            ("942100-?", "942100-1", true),
            ("942100-?", "942100-12", false),
            ("9*0-1*", "942100-12", true),
            ("*-1", "942100-1", true),
            ("*-1", "942100-2", false),
            ("942100-1", "942100-1", true),
            ("942100-1", "942100-11", false),
        ] {
            assert_eq!(fits(glob, name), expected, "{glob} {name}");
        }
    }
}
