//! The decision suite: in blocking mode, is what must be refused refused, and does what is ordinary pass?
//!
//! The regression suite asks which rules match; whoever runs a WAF asks what happens to a request. At every paranoia level each test of
//! the suite goes through an edge that blocks, and the decision must be what the anomaly score says, the score what the matched rules
//! add up to. A benign set of our own goes through an edge without the suite's settings; what is refused of it stands in the set's file
//! with the rules that fired.

mod benign;
mod judge;
mod scores;
mod site;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use portcullis_vectors::Ledger;

use crate::{
    request,
    suite::{self, Case, Stage},
};

use benign::{Benign, Part};
use judge::Judgement;
use scores::Scores;
use site::Site;

/// What to run.
#[derive(Clone, Debug)]
pub struct DecisionOptions {
    /// The `portcullis` binary.
    pub binary: PathBuf,
    /// A release of the Core Rule Set, 4.x, with its `tests` directory.
    pub crs: PathBuf,
    /// The benign set, `crates/conformance/decisions/benign.toml`.
    pub benign: PathBuf,
    /// The directory `rules/api`.
    pub api: PathBuf,
    /// Cases of the suite that are known not to hold.
    pub ledger: Option<PathBuf>,
    /// Paranoia levels.
    pub levels: Vec<u8>,
    /// Every so many-th case of the suite: 1 runs all.
    pub every: usize,
    /// Connections at once.
    pub connections: usize,
}

/// How the run went.
#[derive(Debug)]
pub struct Decisions {
    /// Decisions that are wrong.
    pub problems: Vec<String>,
    /// What was refused although nothing wanted it refused, with the rules that fired.
    pub notes: Vec<String>,
    /// Level, positives refused, negatives passed, benign requests passed.
    pub table: String,
}

/// Runs the suite.
///
/// # Errors
/// When a file cannot be read or an edge does not start.
pub fn decisions(options: &DecisionOptions) -> Result<Decisions, String> {
    let cases: Vec<Case> = suite::read(&options.crs.join("tests/regression/tests"))?
        .into_iter()
        .step_by(options.every.max(1))
        .collect();
    let scores = Scores::read(&options.crs.join("rules"))?;
    let benign = benign::read(&options.benign)?;
    let ledger = options.ledger.as_deref().map(Ledger::read).transpose()?.unwrap_or_default();
    let mut run =
        Run { options, scores, ledger, problems: Vec::new(), notes: Vec::new(), table: String::new() };
    // Writing to a String cannot fail.
    let heads = [
        "",
        "positives",
        "score reached",
        "refused",
        "score below",
        "by the edge",
        "negatives passed",
        "benign passed",
    ];
    run.row(heads.map(str::to_owned));
    for level in &options.levels {
        let suite = run.suite(*level, &cases)?;
        let passed = run.benign(*level, &benign, false)?;
        run.row([
            format!("paranoia {level}"),
            suite.positives.to_string(),
            suite.reached.to_string(),
            suite.refused.to_string(),
            suite.below.to_string(),
            (suite.positives - suite.reached - suite.below).to_string(),
            format!("{} of {}", suite.passed, suite.negatives),
            passed,
        ]);
    }
    let passed = run.benign(1, &benign, true)?;
    let empty = String::new;
    run.row([
        "paranoia 1, rules/api".to_owned(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        passed,
    ]);
    Ok(Decisions { problems: run.problems, notes: run.notes, table: run.table })
}

struct Run<'a> {
    options: &'a DecisionOptions,
    scores: Scores,
    ledger: Ledger,
    problems: Vec<String>,
    notes: Vec<String>,
    table: String,
}

/// Sums over the suite at one level.
#[derive(Default)]
struct Sums {
    positives: usize,
    /// With a score at the threshold or above.
    reached: usize,
    /// Of these.
    refused: usize,
    /// With a lower score, and passed.
    below: usize,
    negatives: usize,
    passed: usize,
}

impl Run<'_> {
    fn row(&mut self, cells: [String; 8]) {
        let [place, rest @ ..] = cells;
        // Writing to a String cannot fail.
        let _ = write!(self.table, "{place:<22}");
        for cell in rest {
            let _ = write!(self.table, "{cell:>17}");
        }
        self.table.push('\n');
    }

    fn suite(&mut self, level: u8, cases: &[Case]) -> Result<Sums, String> {
        let site = Site::of_the_suite(self.options, level)?;
        let stages: Vec<(&str, &Stage)> = cases
            .iter()
            .flat_map(|case| case.stages.iter().map(|stage| (case.name.as_str(), stage)))
            .collect();
        let seen = in_parallel(self.options.connections, &stages, |(_, stage)| {
            request::bytes(&stage.input).and_then(|bytes| site.send(&bytes))
        });
        let mut sums = Sums::default();
        let mut fired: BTreeMap<String, usize> = BTreeMap::new();
        for ((name, stage), seen) in stages.iter().zip(seen) {
            let judged = seen.and_then(|seen| judge::stage(&stage.output, &seen, level, &self.scores));
            match judged {
                Ok(judgement) => sums.book(&judgement, &mut fired),
                Err(_) if self.ledger.excuses(name) => {}
                Err(how) => self.problems.push(format!("paranoia {level}: {name}: {how}")),
            }
        }
        if level == 1 {
            for (rules, count) in fired {
                self.notes.push(format!("paranoia 1: {count} negative tests refused by {rules}"));
            }
        }
        Ok(sums)
    }

    /// Sends the benign set; gives `passed of all`.
    fn benign(&mut self, level: u8, benign: &[Benign], with_api: bool) -> Result<String, String> {
        let site = Site::of_benign(self.options, level, with_api)?;
        let seen = in_parallel(self.options.connections, benign, |request| site.send(&request.bytes()));
        let mut passed = 0;
        for (request, seen) in benign.iter().zip(seen) {
            let seen = seen.map_err(|how| format!("{}: {how}", request.name))?;
            passed += usize::from(!seen.refused());
            let held = if with_api { request.held_with_api(&seen) } else { request.held(level, &seen) };
            let place = if with_api { "paranoia 1, with rules/api" } else { &format!("paranoia {level}") };
            match held {
                Err(how) => self.problems.push(format!("{place}: {}: {how}", request.name)),
                Ok(()) if seen.refused() && level == 1 => {
                    let part = if request.part == Part::Api { "API" } else { "web" };
                    self.notes.push(format!("{place}: {part}: {} refused by {}", request.name, seen.why()));
                }
                Ok(()) => {}
            }
        }
        Ok(format!("{passed} of {}", benign.len()))
    }
}

impl Sums {
    fn book(&mut self, judgement: &Judgement, fired: &mut BTreeMap<String, usize>) {
        match judgement {
            Judgement::Positive { reached, refused } => {
                self.positives += 1;
                self.reached += usize::from(*reached);
                self.refused += usize::from(*reached && *refused);
                self.below += usize::from(!*reached && !*refused);
            }
            Judgement::Negative { refused_by: None } => {
                self.negatives += 1;
                self.passed += 1;
            }
            Judgement::Negative { refused_by: Some(rules) } => {
                self.negatives += 1;
                *fired.entry(rules.clone()).or_default() += 1;
            }
            Judgement::Neither => {}
        }
    }
}

/// Results in the order of the items.
fn in_parallel<T: Sync, R: Send>(connections: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..connections.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
