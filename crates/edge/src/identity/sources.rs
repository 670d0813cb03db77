//! Where the judgement comes from: the register and the files of external authorities, each with its own standing.
//!
//! A source that cannot be used any more keeps its last good state for the grace, loudly, and is lost after that: nothing that needs it
//! is then let in. The same holds for a CRL whose next one should have been there.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portcullis_config::{Authority, Pki};
use portcullis_diag::Diagnostic;
use portcullis_pki::{Directory, Register, Stamp, Trust};
use time::OffsetDateTime;

use super::moment;
use crate::{
    codes,
    tls::{Stamps, at},
};

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    pub(super) register: Source<Register>,
    pub(super) authorities: Vec<Source<Trust>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Source<T> {
    pub(super) name: String,
    /// The last state that could be used.
    pub(super) good: Arc<T>,
    /// Since when its files cannot be used, and why.
    broken: Option<(Duration, String)>,
    /// When one of its CRLs should have been replaced.
    fresh_until: Duration,
}

/// Whether a source is as it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    broken: Option<&'a (Duration, String)>,
    fresh_until: Duration,
}

/// What the watch remembers between two looks.
#[derive(Debug)]
pub(super) struct Watched {
    register: Directory,
    environment: String,
    register_stamp: Option<Stamp>,
    authorities: Vec<(Authority, Stamps)>,
    /// What was told.
    told: Vec<Fault>,
}

/// A change of what is wrong, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) source: String,
    /// `None`: it is well again.
    pub(crate) problem: Option<String>,
}

impl<T> Source<T> {
    pub(super) fn standing(&self) -> Standing<'_> {
        Standing { broken: self.broken.as_ref(), fresh_until: self.fresh_until }
    }
}

impl Standing<'_> {
    /// Whether nothing may be let in by it any more.
    pub(super) fn is_lost(&self, grace: Duration, now: Duration) -> bool {
        let since = self.broken.map_or(self.fresh_until, |(since, _)| self.fresh_until.min(*since));
        now > since.saturating_add(grace)
    }

    pub(super) fn fault(&self, now: Duration) -> Option<String> {
        match self.broken {
            Some((_, problem)) => Some(problem.clone()),
            None if now > self.fresh_until => Some(format!(
                "a CRL is stale: the next one should have been there at {}",
                moment(self.fresh_until)
            )),
            None => None,
        }
    }
}

/// Reads all of them for a start or a reload: nothing may be wrong, but for a CRL that is stale within the grace.
pub(super) fn load(
    settings: &Pki,
    environment: &str,
    now: Duration,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Sources, Watched)> {
    let dir = settings.dir.as_ref()?;
    let directory = Directory::new(dir);
    // Before anything is read: what changes meanwhile is seen by the next look.
    let register_stamp = directory.stamp().ok();
    let watched: Vec<_> =
        settings.authorities.iter().map(|authority| (authority.clone(), stamps(authority))).collect();
    let mut complain = |error: &str, span| {
        let diagnostic = Diagnostic::error(codes::UNUSABLE_TRUST, error)
            .help("without it nobody could tell whose certificate counts, so none would");
        diagnostics.push(at(diagnostic, span));
    };
    let register = match read_register(&directory, environment) {
        Ok(register) => Some(Source::of_register(dir, register)),
        Err(error) => {
            complain(&error, settings.dir_span);
            None
        }
    };
    let mut authorities = Vec::new();
    for authority in &settings.authorities {
        match read_authority(authority, now) {
            Ok(trust) => authorities.push(Source::of_authority(authority, trust)),
            Err(error) => complain(&error, authority.bundle_span),
        }
    }
    let all_read = authorities.len() == settings.authorities.len();
    let sources = Sources { register: register?, authorities };
    let standings = std::iter::once((&sources.register.name, sources.register.standing()))
        .chain(sources.authorities.iter().map(|source| (&source.name, source.standing())));
    let mut lost = false;
    for (name, standing) in standings {
        let Some(problem) = standing.fault(now) else { continue };
        let message = format!("{name}: {problem}");
        let is_lost = standing.is_lost(settings.grace, now);
        lost |= is_lost;
        diagnostics.push(match is_lost {
            true => Diagnostic::error(codes::UNUSABLE_TRUST, message),
            false => Diagnostic::warning(codes::STALE_CRL, message),
        });
        if let Some(diagnostic) = diagnostics.last_mut() {
            diagnostic
                .help
                .push(String::from("`portcullis cert crl refresh` makes a new one for a register"));
        }
    }
    let watched = Watched {
        register: directory,
        environment: environment.to_owned(),
        register_stamp,
        authorities: watched,
        told: Vec::new(),
    };
    (all_read && !lost).then_some((sources, watched))
}

/// Looks at all files. New sources when one of them changed or broke, and what is to be told of it.
pub(super) fn look(watched: &mut Watched, current: &Sources, now: Duration) -> (Option<Sources>, Vec<Fault>) {
    let mut next = current.clone();
    let mut changed = false;
    let stamp = watched.register.stamp().ok();
    if stamp != watched.register_stamp || next.register.broken.is_some() {
        changed = true;
        let outcome = read_register(&watched.register, &watched.environment);
        let name = next.register.name.clone();
        next.register =
            next.register.renewed(outcome.map(|good| Source::of_register(name.as_ref(), good)), now);
        watched.register_stamp = stamp;
    }
    for ((authority, seen), source) in watched.authorities.iter_mut().zip(&mut next.authorities) {
        let stamps = stamps(authority);
        if stamps != *seen || source.broken.is_some() {
            changed = true;
            let outcome = read_authority(authority, now);
            *source = source.renewed(outcome.map(|good| Source::of_authority(authority, good)), now);
            *seen = stamps;
        }
    }
    let told = watched.tell(&next, now);
    (changed.then_some(next), told)
}

impl Watched {
    /// What is wrong now and was not told, and what was and is well again.
    fn tell(&mut self, sources: &Sources, now: Duration) -> Vec<Fault> {
        let register = std::iter::once((&sources.register.name, sources.register.standing()));
        let authorities = sources.authorities.iter().map(|source| (&source.name, source.standing()));
        let all: Vec<Fault> = register
            .chain(authorities)
            .map(|(name, standing)| Fault { source: name.clone(), problem: standing.fault(now) })
            .collect();
        let known = |fault: &Fault| match &fault.problem {
            Some(_) => self.told.contains(fault),
            None => !self.told.iter().any(|told| told.source == fault.source && told.problem.is_some()),
        };
        let news = all.iter().filter(|fault| !known(fault)).cloned().collect();
        self.told = all;
        news
    }
}

impl<T> Source<T> {
    /// The new state, or the old one with what is wrong.
    fn renewed(&self, outcome: Result<Self, String>, now: Duration) -> Self {
        match outcome {
            Ok(source) => source,
            Err(error) => {
                let since = self.broken.as_ref().map_or(now, |(since, _)| *since);
                Self {
                    name: self.name.clone(),
                    good: Arc::clone(&self.good),
                    broken: Some((since, error)),
                    fresh_until: self.fresh_until,
                }
            }
        }
    }
}

impl Source<Register> {
    fn of_register(dir: &Path, register: Register) -> Self {
        let fresh_until = since_epoch(register.fresh_until());
        Self { name: dir.display().to_string(), good: Arc::new(register), broken: None, fresh_until }
    }
}

impl Source<Trust> {
    fn of_authority(authority: &Authority, trust: Trust) -> Self {
        let fresh_until = trust.fresh_until().map_or(Duration::ZERO, since_epoch);
        Self { name: authority.id.clone(), good: Arc::new(trust), broken: None, fresh_until }
    }
}

fn read_register(directory: &Directory, environment: &str) -> Result<Register, String> {
    let register = Register::load(directory).map_err(|error| error.to_string())?;
    if register.environment() == environment {
        return Ok(register);
    }
    let place = directory.path().join(portcullis_pki::REGISTER);
    let theirs = register.environment();
    Err(format!("{}: is for environment `{theirs}`, and this edge is `{environment}`", place.display()))
}

fn read_authority(authority: &Authority, now: Duration) -> Result<Trust, String> {
    let text = |path: &PathBuf| path.display().to_string();
    let files = Directory::new(Path::new(""));
    Trust::load(&files, &text(&authority.bundle), &[text(&authority.crl)], moment(now))
        .map_err(|error| error.to_string())
}

fn stamps(authority: &Authority) -> Stamps {
    let mut paths = Vec::new();
    for path in [&authority.bundle, &authority.crl] {
        paths.push(path.clone());
        let mut inside: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        inside.sort();
        paths.append(&mut inside);
    }
    Stamps::of(paths.iter().map(PathBuf::as_path))
}

fn since_epoch(moment: OffsetDateTime) -> Duration {
    Duration::from_secs(u64::try_from(moment.unix_timestamp()).unwrap_or(0))
}
