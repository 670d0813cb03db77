//! Configuration in, [`Snapshot`] out: reads every file the configuration names, and collects every problem before it gives up.
//!
//! Runs off the request path, at start, at reload and for `check`. It changes nothing but the logs it opens.

mod embedded;
mod loader;
mod rules;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use portcullis_config::{Config, Loaded, Log, Sink, Surroundings, WafMode};
use portcullis_diag::{Diagnostic, Sources};
use portcullis_telemetry::Metrics;

use crate::{
    access::AddressLists,
    clock, codes,
    identity::Identities,
    limits::RateLimits,
    logs::Logs,
    overlay::{CustomerOverlays, Overlays},
    problem::StartError,
    snapshot::{Admission, Snapshot, Terms},
    store, tls,
    upstream::{self, Upstream},
};

pub use loader::FileLoader;
pub(crate) use rules::FIRST_SETTING;
pub use rules::{LoadedRules, RuleSet, load_rules};

/// Where a configuration comes from; asked again at every reload.
#[derive(Clone)]
pub struct ConfigSource {
    base: PathBuf,
    load: Arc<dyn Fn(&mut Sources) -> Loaded + Send + Sync>,
}

impl ConfigSource {
    /// A `config.toml`. `rules/crs` is looked for beside it.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let path = path.to_owned();
        Self { base, load: Arc::new(move |sources| load_file(&path, sources)) }
    }

    /// A configuration made by code. `base` stands for the directory of the file.
    #[must_use]
    pub fn function(base: &Path, load: impl Fn(&mut Sources) -> Loaded + Send + Sync + 'static) -> Self {
        Self { base: base.to_owned(), load: Arc::new(load) }
    }

    pub(crate) fn load(&self, sources: &mut Sources) -> Loaded {
        (self.load)(sources)
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }
}

impl std::fmt::Debug for ConfigSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigSource").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Reads a configuration and everything it names, and reports; nothing is opened for writing and no socket is bound.
#[must_use]
pub fn check(config_path: &Path) -> (Sources, Vec<Diagnostic>) {
    let source = ConfigSource::file(config_path);
    let mut sources = Sources::new();
    let mut loaded = source.load(&mut sources);
    if let Some(config) = loaded.config {
        let parts = Parts::read(config, source.base(), &mut sources);
        loaded.diagnostics.extend(parts.diagnostics);
    }
    (sources, loaded.diagnostics)
}

/// The rules of a configuration, as an edge would run them; its certificates and logs are not looked at.
#[must_use]
pub fn configured_rules(config_path: &Path, sources: &mut Sources) -> LoadedRules {
    let source = ConfigSource::file(config_path);
    let loaded = source.load(sources);
    match loaded.config {
        Some(config) => load_rules(&config.waf, source.base(), sources),
        None => LoadedRules { program: None, diagnostics: loaded.diagnostics, ..LoadedRules::nothing() },
    }
}

/// A new snapshot and the warnings that came with it.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) sources: Sources,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Makes a snapshot. `previous` is the one in force: its logs are kept where their settings are the same, and what only a restart
/// can change must be as it was.
///
/// # Errors
/// All problems found.
pub(crate) fn assemble(
    source: &ConfigSource,
    previous: Option<&Snapshot>,
    metrics: &Arc<Metrics>,
) -> Result<Assembled, StartError> {
    let mut sources = Sources::new();
    let Loaded { config, mut diagnostics } = source.load(&mut sources);
    let Some(config) = config else { return Err(StartError::Config { sources, diagnostics }) };
    if let Some(previous) = previous {
        diagnostics.extend(needs_restart(&previous.config, &config));
    }
    let parts = Parts::read(config, source.base(), &mut sources);
    diagnostics.extend(parts.diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(StartError::Config { sources, diagnostics });
    }
    let (Some(tls), Some((overlays, rule_set))) = (parts.tls, parts.rules) else {
        return Err(StartError::Config { sources, diagnostics });
    };
    let logs = match Logs::open(&parts.config.log, previous.map(|previous| &previous.logs), metrics) {
        Ok(logs) => logs,
        Err((name, error)) => {
            let message = format!("the {name} log cannot be opened: {error}");
            let remedy = "make its directory, or give the edge the right to write there";
            diagnostics.push(Diagnostic::error(codes::UNWRITABLE_LOG, message).help(remedy));
            return Err(StartError::Config { sources, diagnostics });
        }
    };
    if let (Some(identities), Some(before)) =
        (&parts.identities, previous.and_then(|previous| previous.identities.as_ref()))
    {
        identities.succeed(before);
    }
    let limits =
        RateLimits::new(&parts.config, parts.store, previous.map(|previous| &previous.limits), metrics);
    match &parts.identities {
        Some(identities) => identities.plan(),
        None => overlays.plan(&CustomerOverlays::default()),
    }
    let terms = Terms { identities: parts.identities, tls };
    let admission = Admission { access: parts.access, limits };
    let snapshot =
        Arc::new(Snapshot::new(parts.config, terms, admission, overlays, rule_set, parts.upstreams, logs));
    Ok(Assembled { snapshot, sources, warnings: diagnostics })
}

/// What the files said, as far as they could be read.
struct Parts {
    config: Config,
    identities: Option<Arc<Identities>>,
    tls: Option<tls::Server>,
    rules: Option<(Arc<Overlays>, RuleSet)>,
    upstreams: Vec<Arc<Upstream>>,
    access: AddressLists,
    store: Option<store::Prepared>,
    diagnostics: Vec<Diagnostic>,
}

impl Parts {
    fn read(config: Config, base: &Path, sources: &mut Sources) -> Self {
        let mut diagnostics = Vec::new();
        let now = clock::unix_time();
        let identities =
            Identities::load(&config.pki, &config.environment, tls::algorithms(), now, &mut diagnostics)
                .map(Arc::new);
        let tls = tls::Server::load(&config.tls, identities.as_ref(), now, &mut diagnostics);
        diagnostics.extend(places_of_logs(&config.log));
        let upstreams = upstream::load_all(&config.upstreams, &mut diagnostics);
        let access = AddressLists::load(&config, sources, &mut diagnostics);
        let store = config.rate_limits.store.as_ref();
        let store = store.and_then(|settings| store::Prepared::read(settings, &mut diagnostics));
        let loaded = match inspects(&config) {
            true => load_rules(&config.waf, base, sources),
            false => LoadedRules::nothing(),
        };
        diagnostics.extend(loaded.diagnostics);
        let rules = loaded.program.map(|program| {
            let overlays = Overlays::read(&config, &Arc::new(program), inspects(&config), &mut diagnostics);
            (Arc::new(overlays), loaded.rule_set)
        });
        if let (Some(identities), Some((overlays, _))) = (&identities, &rules) {
            diagnostics.extend(identities.join(overlays, now));
        }
        Self { config, identities, tls, rules, upstreams, access, store, diagnostics }
    }
}

/// A log is opened only by an edge that serves; that its directory is there is seen before.
fn places_of_logs(log: &Log) -> Vec<Diagnostic> {
    let problem = |(name, sink): (&str, &Sink)| {
        let Sink::File(path) = sink else { return None };
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let fault = match directory {
            Some(directory) if !directory.is_dir() => format!("{}: no such directory", directory.display()),
            _ if path.is_dir() => format!("{}: is a directory", path.display()),
            _ => return None,
        };
        let message = format!("the {name} log cannot be opened: {fault}");
        let remedy = "make the directory, or name a file in one that is there";
        Some(Diagnostic::error(codes::UNWRITABLE_LOG, message).help(remedy))
    };
    [("access", &log.access), ("audit", &log.audit)].into_iter().filter_map(problem).collect()
}

/// With every route switched off, not even a broken rule file is an error: it is never used.
fn inspects(config: &Config) -> bool {
    config.waf.mode != WafMode::Off || config.routes.iter().any(|route| route.waf.mode != WafMode::Off)
}

fn needs_restart(old: &Config, new: &Config) -> Option<Diagnostic> {
    let what = if old.listen != new.listen {
        "listeners"
    } else if old.threads != new.threads {
        "worker threads"
    } else {
        return None;
    };
    let message = format!("the {what} differ from those the edge was started with");
    Some(
        Diagnostic::error(codes::NEEDS_RESTART, message)
            .help("restart the edge to change them, or set them back to reload the rest"),
    )
}

fn load_file(path: &Path, sources: &mut Sources) -> Loaded {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| error.to_string()).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| {
            format!("byte {} is not UTF-8, which TOML files are", error.utf8_error().valid_up_to())
        })
    });
    match text {
        Ok(text) => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let variable = |name: &str| std::env::var(name).ok();
            portcullis_config::load(&name, &text, Surroundings { variable: &variable, processors }, sources)
        }
        Err(error) => Loaded {
            config: None,
            diagnostics: vec![
                Diagnostic::error(codes::UNREADABLE_CONFIG, format!("{name}: {error}"))
                    .help("name the configuration with --config FILE"),
            ],
        },
    }
}
