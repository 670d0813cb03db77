//! Load by wrk, and what it cost the server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use portcullis_peers::corpus::Exchange;

use super::servers::Server;

/// What a server did under load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// As wrk counted them. What else runs on the machine shows here.
    pub(super) requests_per_second: f64,
    /// CPU time of the server.
    pub(super) micros_per_request: f64,
}

impl Measured {
    /// The median of each figure; nothing for no rounds.
    pub(super) fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            let middle = |at: usize| figures.get(at).copied().unwrap_or_default();
            f64::midpoint(middle(figures.len().saturating_sub(1) / 2), middle(figures.len() / 2))
        };
        Self {
            requests_per_second: of(|round| round.requests_per_second),
            micros_per_request: of(|round| round.micros_per_request),
        }
    }
}

/// Ticks of `/proc/PID/stat` in a second, on every Linux that Rust supports.
pub(crate) const TICKS: f64 = 100.0;

/// One request, sent over and over.
pub(super) struct Load {
    script: PathBuf,
    connections: u32,
}

impl Load {
    pub(super) fn new(exchange: &Exchange, scratch: &Path, connections: u32) -> anyhow::Result<Self> {
        let script = scratch.join(format!("{}.lua", exchange.name));
        fs::write(&script, lua(exchange))?;
        Ok(Self { script, connections })
    }

    /// What is built on first use is there afterwards.
    pub(super) fn warm_up(&self, server: &Server) -> anyhow::Result<()> {
        self.wrk(server, 1).map(drop)
    }

    /// Fails when one of the answers is not good.
    pub(super) fn measure(&self, server: &Server, seconds: u32) -> anyhow::Result<Measured> {
        let before = ticks(server.pid())?;
        let (requests, requests_per_second) = self.wrk(server, seconds)?;
        let spent = (ticks(server.pid())? - before) as f64 / TICKS;
        Ok(Measured { requests_per_second, micros_per_request: spent * 1e6 / requests })
    }

    fn wrk(&self, server: &Server, seconds: u32) -> anyhow::Result<(f64, f64)> {
        let connections = self.connections;
        let output = Command::new("taskset")
            .args(["-c", "1", "wrk", "-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"])
            .arg(&self.script)
            .arg(format!("https://localhost:{}/", server.port()))
            .output()
            .context("wrk")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || text.contains("Non-2xx") {
            bail!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        understood(&text).with_context(|| text.clone())
    }
}

/// How many requests, and how many a second.
fn understood(text: &str) -> Option<(f64, f64)> {
    let requests = text.lines().find(|line| line.contains(" requests in "))?;
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
    Some((requests.split_whitespace().next()?.parse().ok()?, rate.trim().parse().ok()?))
}

/// CPU time of a process so far: fields 14 and 15, behind the name, which may hold anything.
pub(crate) fn ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().context("no number")).sum()
}

/// A script of wrk's. The host is that of the server name in the handshake.
fn lua(exchange: &Exchange) -> String {
    let mut script = format!("wrk.method = {}\n", quoted(exchange.method.as_bytes()));
    script.push_str("wrk.headers[\"Host\"] = \"localhost\"\n");
    let kept =
        |name: &&str| !["host", "content-length", "connection"].contains(&name.to_ascii_lowercase().as_str());
    for (name, value) in exchange.headers.iter().filter(|(name, _)| kept(name)) {
        script.push_str(&format!("wrk.headers[{}] = {}\n", quoted(name.as_bytes()), quoted(&value.bytes)));
    }
    script.push_str(&format!("wrk.path = {}\n", quoted(&exchange.target.bytes)));
    if !exchange.body.bytes.is_empty() {
        script.push_str(&format!("wrk.body = {}\n", quoted(&exchange.body.bytes)));
    }
    script
}

fn quoted(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(*byte)),
            b' '..=b'~' => char::from(*byte).to_string(),
            _ => format!("\\{byte:03}"),
        })
        .collect();
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let text = "Running 8s test\n  1 threads and 32 connections\n  53042 requests in 8.01s, 9.12MB read\nRequests/sec:   6621.97\n";
        assert_eq!(understood(text), Some((53042.0, 6621.97)));
        assert_eq!(understood("unable to connect"), None);
    }

    #[test]
    fn a_slow_round_does_not_count() {
        let round = |figure| Measured { requests_per_second: figure, micros_per_request: 1.0 / figure };
        assert_eq!(Measured::median(&[round(4.0), round(0.25), round(2.0)]), round(2.0));
        assert_eq!(Measured::median(&[round(4.0), round(4.0)]), round(4.0));
        assert_eq!(Measured::median(&[]).micros_per_request, 0.0);
    }

    #[test]
    fn bytes_stand_in_a_script_as_they_are() {
        assert_eq!(quoted(b"a\"b\\c\r\n\xff"), "\"a\\\"b\\\\c\\013\\010\\255\"");
    }

    #[test]
    fn time_of_this_process_is_told() {
        assert!(ticks(std::process::id()).is_ok());
    }
}
