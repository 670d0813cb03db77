//! Address lists as the configuration names them: read from its files, and read anew when those change.
//!
//! What a list holds is replaced as a whole, so a request sees the old list or the new one. A file that cannot be read, or has a line that
//! is no prefix, changes nothing.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use portcullis_config::{Access as Scope, AddressList, Config};
use portcullis_diag::{Diagnostic, Sources, Span};
use portcullis_policy::{Access, BreakGlass, Lists, PrefixSet};
use serde_json::json;
use tokio::time::sleep;

use crate::{clock, codes, edge::Edge, reload};

/// Time between two looks at the files.
const STEP: Duration = Duration::from_millis(250);

/// Bad lines that are told of one file.
const MOST_ERRORS: usize = 20;

/// The lists of one configuration.
#[derive(Debug)]
pub(crate) struct AddressLists {
    current: ArcSwap<Access>,
    loaded: Mutex<Vec<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    list: AddressList,
    /// The files as they were when they were read, or tried.
    stamps: Vec<Option<Stamp>>,
    set: Arc<PrefixSet>,
}

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// A list that has changed.
struct Change {
    id: String,
    before: usize,
    now: usize,
}

impl AddressLists {
    /// Reads all files. Problems with them are noted; what is made then is not to be used.
    pub(crate) fn load(config: &Config, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let loaded: Vec<Loaded> = config
            .address_lists
            .iter()
            .map(|list| {
                let stamps = stamps(list);
                let set = read(list, sources).unwrap_or_else(|problems| {
                    diagnostics.extend(problems);
                    PrefixSet::default()
                });
                Loaded { list: list.clone(), stamps, set: Arc::new(set) }
            })
            .collect();
        diagnostics.extend(ended(config, clock::unix_time()));
        Self { current: ArcSwap::from_pointee(access(config, &loaded)), loaded: Mutex::new(loaded) }
    }

    /// The lists as they are now.
    pub(crate) fn access(&self) -> arc_swap::Guard<Arc<Access>> {
        self.current.load()
    }

    /// Reads anew what has changed. The lists whose files were bad are kept, and the files not read again until they change.
    fn refresh(&self, config: &Config) -> (Vec<Change>, Vec<(Sources, Vec<Diagnostic>)>) {
        let (mut changes, mut problems) = (Vec::new(), Vec::new());
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in loaded.iter_mut() {
            let stamps = stamps(&entry.list);
            if stamps == entry.stamps {
                continue;
            }
            entry.stamps = stamps;
            let mut sources = Sources::new();
            match read(&entry.list, &mut sources) {
                Ok(set) => {
                    changes.push(Change {
                        id: entry.list.id.clone(),
                        before: entry.set.len(),
                        now: set.len(),
                    });
                    entry.set = Arc::new(set);
                }
                Err(diagnostics) => problems.push((sources, diagnostics)),
            }
        }
        if !changes.is_empty() {
            self.current.store(Arc::new(access(config, &loaded)));
        }
        (changes, problems)
    }
}

/// Watches the files of the lists in force until it is dropped. By looking: the kernel's notices miss network file systems and mounts
/// that are turned over as a whole.
pub(crate) async fn watch(edge: Arc<Edge>) {
    loop {
        sleep(STEP).await;
        let edge = Arc::clone(&edge);
        // A file system that does not answer holds this watch, and nothing else.
        let _ = tokio::task::spawn_blocking(move || look(&edge)).await;
    }
}

fn look(edge: &Edge) {
    let snapshot = edge.snapshot();
    let (changes, problems) = snapshot.access.refresh(&snapshot.config);
    for Change { id, before, now } in changes {
        edge.metrics.address_list("ok");
        tracing::info!(list = id, before, now, "an address list has changed");
        let time = clock::rfc3339(Duration::ZERO);
        let event = json!({ "time": time, "type": "address_list", "list": id, "before": before, "now": now });
        snapshot.logs.audit.event(&event);
    }
    for (sources, mut diagnostics) in problems {
        edge.metrics.address_list("failed");
        for diagnostic in &mut diagnostics {
            // The configuration's text is not at hand any more; the message names the file.
            diagnostic.span = diagnostic.span.filter(|_| diagnostic.code == codes::BAD_LIST_LINE);
        }
        reload::tell(&sources, &diagnostics);
        tracing::error!("an address list cannot be read, the one before it is kept");
    }
}

fn access(config: &Config, loaded: &[Loaded]) -> Access {
    let sets = |ids: &[String]| -> Vec<Arc<PrefixSet>> {
        let listed = loaded.iter().filter(|entry| ids.contains(&entry.list.id));
        listed.map(|entry| Arc::clone(&entry.set)).collect()
    };
    let lists = |scope: &Scope| Lists { allow: sets(&scope.allow), deny: sets(&scope.deny) };
    let limited = config.routes.iter().filter(|route| route.access != Scope::default());
    Access {
        everybody: lists(&config.access),
        routes: limited.map(|route| (route.id.clone(), lists(&route.access))).collect(),
        break_glass: config
            .break_glass
            .iter()
            .map(|entry| BreakGlass {
                prefixes: entry.prefixes.iter().copied().collect(),
                routes: entry.routes.clone(),
                customers: entry.customers.clone(),
                expires: entry.expires,
            })
            .collect(),
    }
}

/// Break-glass entries that let nobody in any more.
fn ended(config: &Config, now: Duration) -> impl Iterator<Item = Diagnostic> {
    config.break_glass.iter().filter(move |entry| entry.expires <= now).map(|entry| {
        let message =
            format!("break-glass entry `{}` ({}) has ended and lets nobody in", entry.id, entry.ticket);
        let mut diagnostic = Diagnostic::warning(codes::BREAK_GLASS_ENDED, message)
            .help("remove it; if it is still needed, have it approved again");
        diagnostic.span = entry.expires_span;
        diagnostic
    })
}

fn stamps(list: &AddressList) -> Vec<Option<Stamp>> {
    let stamp = |metadata: Metadata| Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        changed: (metadata.mtime(), metadata.mtime_nsec()),
    };
    list.files.iter().map(|file| fs::metadata(file).ok().map(stamp)).collect()
}

fn read(list: &AddressList, sources: &mut Sources) -> Result<PrefixSet, Vec<Diagnostic>> {
    let mut set: PrefixSet = list.prefixes.iter().copied().collect();
    let mut problems = Vec::new();
    for file in &list.files {
        match fs::read(file) {
            Ok(bytes) => match parse(&bytes) {
                Ok(prefixes) => set.extend(prefixes),
                Err(lines) => problems.extend(draw(file, &bytes, &lines, sources)),
            },
            Err(error) => {
                let message = format!("{}: {error}", file.display());
                let mut diagnostic = Diagnostic::error(codes::UNREADABLE_LIST, message)
                    .help("an empty file is a list of nobody");
                diagnostic.span = list.files_span;
                problems.push(diagnostic);
            }
        }
    }
    if problems.is_empty() { Ok(set) } else { Err(problems) }
}

/// A line that is no prefix: where its text begins and ends, and what to write instead.
#[derive(Debug)]
struct BadLine {
    start: usize,
    end: usize,
    help: String,
}

fn parse(bytes: &[u8]) -> Result<Vec<IpNet>, Vec<BadLine>> {
    let (mut prefixes, mut bad) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let text = line.split(|byte| *byte == b'#').next().unwrap_or(&[]);
        let leading = text.len() - text.trim_ascii_start().len();
        let text = text.trim_ascii();
        if !text.is_empty() {
            let read = std::str::from_utf8(text)
                .map_err(|_| "not text".to_owned())
                .and_then(portcullis_config::prefix);
            match read {
                Ok(prefix) => prefixes.push(prefix),
                Err(help) => {
                    let start = start + leading;
                    bad.push(BadLine { start, end: start + text.len(), help });
                }
            }
        }
        start += line.len() + 1;
    }
    if bad.is_empty() { Ok(prefixes) } else { Err(bad) }
}

fn draw(file: &Path, bytes: &[u8], lines: &[BadLine], sources: &mut Sources) -> Vec<Diagnostic> {
    let source = sources.add(file.display().to_string(), bytes.to_vec());
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let mut problems: Vec<Diagnostic> = lines
        .iter()
        .take(MOST_ERRORS)
        .map(|line| {
            let mut diagnostic =
                Diagnostic::error(codes::BAD_LIST_LINE, "not an address or a prefix").help(&*line.help);
            diagnostic.span = Some(Span { source, start: number(line.start), end: number(line.end) });
            diagnostic
        })
        .collect();
    if let Some(more) = lines.len().checked_sub(MOST_ERRORS).filter(|more| *more > 0) {
        let message = format!("{}: {more} more lines are no prefixes", file.display());
        problems.push(Diagnostic::error(codes::BAD_LIST_LINE, message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_comments_and_without() {
        let text = b"# office\n192.0.2.0/24\r\n\n  2001:db8::/32   # tunnel\n198.51.100.7";
        let prefixes: Vec<String> = parse(text).unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(prefixes, ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]);
    }

    #[test]
    fn a_bad_line_is_pointed_at() {
        let text = b"192.0.2.0/24\n  192.0.2.9/24 # host bits\nexample.com\n";
        let bad = parse(text).expect_err("two bad lines");
        let drawn = bad.iter().map(|line| String::from_utf8_lossy(&text[line.start..line.end]).into_owned());
        assert_eq!(drawn.collect::<Vec<_>>(), ["192.0.2.9/24", "example.com"]);
        let mut sources = Sources::new();
        let problems = draw(Path::new("lists/office.txt"), text, &bad, &mut sources);
        let text = portcullis_diag::render(&sources, &problems[0]);
        assert!(text.contains("lists/office.txt:2:3") && text.contains("192.0.2.0/24"), "{text}");
    }
}
