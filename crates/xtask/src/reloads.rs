//! `cargo xtask reloads`: the full rule set is reloaded over and over under load, and the memory of the process must stay as it was.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use portcullis_testkit::{Backend, Client, Edge, EdgeConfig, RecordingUpstream, Reply, resident_kib};

use crate::{bench_peers::build::rule_set, conformance};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A release of the Core Rule Set; PORTCULLIS_DATA/crs/4.28.0 or target/data/crs/4.28.0 unless given
    #[arg(long)]
    pub(crate) crs: Option<PathBuf>,
    /// The binary to test; builds the release binary unless given
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
    /// Reloads
    #[arg(long, default_value_t = 1_000)]
    pub(crate) count: usize,
}

/// More growth than this, in percent, is a leak.
const TOLERATED_PERCENT: u64 = 5;
/// Parts that the run is cut into; the first is for warming up, the second is what the last is compared with.
const PARTS: usize = 5;
/// How long one reload may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two requests of a client: what is tested is the memory, not the speed.
const PAUSE: Duration = Duration::from_millis(2);

/// Whether memory stays as it was and no request fails.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let crs = rule_set(workspace, arguments.crs.as_deref())?;
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => conformance::build(workspace)?,
    };
    let upstream = RecordingUpstream::plain(|_| Reply::new(200, "ok").header("content-type", "text/plain"))?;
    let config = EdgeConfig {
        crs: crs.to_string_lossy().into_owned(),
        ..EdgeConfig::with_backend(Backend::plain("backend", &upstream))
    };
    let edge = Edge::start(&binary, config)
        .map_err(|start| anyhow::anyhow!("not ready ({:?}):\n{}", start.status, start.log))?;
    let (stop, sent, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let sizes = thread::scope(|scope| {
        scope.spawn(|| load(&edge.client(), &upstream, &stop, &sent, &failed));
        let sizes = reload(&edge, arguments.count);
        stop.store(true, Ordering::Relaxed);
        sizes
    })?;
    let (sent, failed) = (sent.into_inner(), failed.into_inner());
    println!("{} reloads, {sent} requests meanwhile, {failed} failed", arguments.count);
    let (line, flat) = judge(&sizes);
    println!("{line}");
    Ok(flat && failed == 0 && sent > 0)
}

/// Reloads, one after the other, and tells the resident memory after each, in KiB.
fn reload(edge: &Edge, count: usize) -> anyhow::Result<Vec<u64>> {
    let mut sizes = Vec::with_capacity(count);
    for number in 0..count {
        let before = edge.count_logged("reloaded");
        // A rule that changes: a reload that finds nothing new might do nothing.
        edge.rewrite(|config| {
            config.after = format!("SecAction \"id:{},phase:1,pass,nolog\"\n", 10_000_000 + number);
        })?;
        edge.signal("HUP")?;
        let deadline = Instant::now() + PATIENCE;
        while edge.count_logged("reloaded") == before {
            if Instant::now() > deadline {
                bail!("reload {number} did not happen:\n{}", edge.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
        sizes.push(resident_kib(edge.pid()).context("the edge's memory")?);
    }
    Ok(sizes)
}

fn load(
    client: &Client,
    upstream: &RecordingUpstream,
    stop: &AtomicBool,
    sent: &AtomicUsize,
    failed: &AtomicUsize,
) {
    let request = b"GET /load?q=an+ordinary+question HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n";
    let mut wire = None;
    while !stop.load(Ordering::Relaxed) {
        let answer = match wire.take().map_or_else(|| client.connect(), Ok) {
            Ok(mut open) => open.send(request).and_then(|()| open.answer()).map(|answer| (answer, open)),
            Err(error) => Err(error),
        };
        match answer {
            Ok((answer, open)) if answer.status == 200 => {
                sent.fetch_add(1, Ordering::Relaxed);
                let closes = answer.header("connection").is_some_and(|value| value == "close");
                wire = (!closes).then_some(open);
            }
            other => {
                failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("{:?}", other.map(|(answer, _)| answer));
            }
        }
        if sent.load(Ordering::Relaxed).is_multiple_of(1_000) {
            upstream.forget();
        }
        thread::sleep(PAUSE);
    }
}

/// What is to be said of sizes over time, and whether they stay: medians, as one sample may fall into the middle of a reload.
fn judge(sizes: &[u64]) -> (String, bool) {
    let part = (sizes.len() / PARTS).max(1);
    let median = |number: usize| {
        let mut part: Vec<u64> = sizes.iter().copied().skip(number * part).take(part).collect();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(0)
    };
    let medians: Vec<u64> = (0..PARTS).map(median).collect();
    let (begin, end) = (median(1), median(PARTS - 1));
    let line = format!(
        "resident memory {begin} KiB after the first fifth, {end} KiB in the last (KiB by fifths: {medians:?})"
    );
    (line, end * 100 <= begin * (100 + TOLERATED_PERCENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_warming_up() {
        let warm: Vec<u64> = (0..100).map(|at| 100_000 + at.min(20) * 2_000).collect();
        assert!(judge(&warm).1);
        let leak: Vec<u64> = (0..100).map(|at| 100_000 + at * 150).collect();
        assert!(!judge(&leak).1);
        let spikes: Vec<u64> = (0..100).map(|at| if at % 7 == 0 { 200_000 } else { 100_000 }).collect();
        assert!(judge(&spikes).1);
    }
}
