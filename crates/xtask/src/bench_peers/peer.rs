//! A driver as a process: commands go in, one line of JSON each comes back. It ends with its input.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::build::Kind;

/// A driver that has loaded its rules.
pub(super) struct Peer {
    pub(super) kind: Kind,
    /// Name, version, number of rules, time and memory of loading.
    pub(super) loaded: Value,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// CPU time of a transaction, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing(pub(super) f64);

impl Peer {
    /// Starts a driver and waits until its rules are loaded.
    pub(super) fn start(kind: Kind, driver: &Path, rules: &Path, corpus: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(driver)
            .arg(rules)
            .arg(corpus)
            .args(kind.argument())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| driver.display().to_string())?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("no output")?;
        let mut peer = Self { kind, loaded: Value::Null, process, input, output: BufReader::new(output) };
        peer.loaded = peer.line()?;
        Ok(peer)
    }

    /// The status of a refusal or 0, and the ids of the logged rules that matched, sorted.
    pub(super) fn ids(&mut self, name: &str) -> anyhow::Result<(u64, Vec<String>)> {
        let answer = self.ask(&format!("ids {name}"))?;
        let mut ids: Vec<String> =
            answer["ids"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        ids.sort();
        // An engine that logs an intervention beside the rule names it twice.
        ids.dedup();
        Ok((answer["status"].as_u64().context("no status")?, ids))
    }

    pub(super) fn time(&mut self, name: &str, varied: bool, seconds: f64) -> anyhow::Result<Timing> {
        let corpus = if varied { "varied" } else { "fixed" };
        let answer = self.ask(&format!("time {name} {corpus} {seconds}"))?;
        Ok(Timing(answer["us"].as_f64().context("no time")?))
    }

    /// What loading took, and the memory now.
    pub(super) fn facts(&mut self) -> anyhow::Result<String> {
        let now = self.ask("rss")?["rss_kb"].as_u64().unwrap_or(0);
        let number = |name: &str| self.loaded[name].as_f64().unwrap_or(0.0);
        Ok(format!(
            "{}: {} rules loaded in {:.0} ms, {:.1} MiB of memory, {:.1} MiB after the run",
            self.loaded["engine"].as_str().unwrap_or_default(),
            number("rules"),
            number("load_ms"),
            (number("rss_loaded_kb") - number("rss_before_kb")) / 1024.0,
            now as f64 / 1024.0
        ))
    }

    fn ask(&mut self, command: &str) -> anyhow::Result<Value> {
        let input = self.input.as_mut().context("no input")?;
        writeln!(input, "{command}").with_context(|| format!("{}: {command}", self.kind))?;
        let answer = self.line()?;
        match answer["error"].as_str() {
            Some(error) => bail!("{}: {command}: {error}", self.kind),
            None => Ok(answer),
        }
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("{}: the driver ended; what it said stands above", self.kind);
        }
        serde_json::from_str(&line).with_context(|| format!("{}: {line}", self.kind))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
