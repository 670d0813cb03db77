//! An edge that blocks, in front of a backend that answers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use portcullis_testkit::{Backend, Client, Edge, EdgeConfig, RecordingUpstream};
use serde_json::Value;

use crate::{
    backend,
    records::Records,
    run::{LIMITS, SETTINGS},
};

use super::{DecisionOptions, judge::Seen};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running edge.
pub(super) struct Site {
    client: Client,
    records: Records,
    /// Ended with the site.
    _edge: Edge,
    /// See `_edge`.
    _upstream: RecordingUpstream,
}

impl Site {
    /// With the settings that the suite asks for.
    pub(super) fn of_the_suite(options: &DecisionOptions, level: u8) -> Result<Self, String> {
        Self::start(options, level, SETTINGS.to_owned())
    }

    /// As released, with `rules/api` before the rule set or without.
    pub(super) fn of_benign(options: &DecisionOptions, level: u8, with_api: bool) -> Result<Self, String> {
        let api = absolute(&options.api)?;
        let before = format!("Include {0}/settings.conf\nInclude {0}/*-crs4.conf\n", api.display());
        Self::start(options, level, if with_api { before } else { String::new() })
    }

    fn start(options: &DecisionOptions, level: u8, before: String) -> Result<Self, String> {
        let upstream = RecordingUpstream::plain(backend::reply).map_err(|error| error.to_string())?;
        let config = EdgeConfig {
            mode: "block".to_owned(),
            crs: absolute(&options.crs)?.to_string_lossy().into_owned(),
            paranoia: level,
            before,
            limits: LIMITS.to_owned(),
            ..EdgeConfig::with_backend(Backend::plain("suite", &upstream))
        };
        let edge = Edge::start(&absolute(&options.binary)?, config)
            .map_err(|start| format!("the edge did not start ({:?}):\n{}", start.status, start.log))?;
        let (client, records) = (edge.nameless_client().timeout(PATIENCE), Records::new(edge.dir()));
        Ok(Self { client, records, _edge: edge, _upstream: upstream })
    }

    /// Sends a request on a connection of its own and gives what became of it.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<Seen, String> {
        let logs = |error| format!("logs: {error}");
        let mut wire = self.client.connect().map_err(|error| format!("cannot connect: {error}"))?;
        let address = wire.local_address().map_err(|error| error.to_string())?;
        self.records.forget(address).map_err(logs)?;
        // A peer that answers and closes before it read everything breaks the sending, and its answer still counts.
        let sent = wire.send(bytes);
        let status = wire
            .answer()
            .map(|answer| answer.status)
            .map_err(|error| sent.err().unwrap_or(error).to_string());
        drop(wire);
        let lines = self.records.lines(address).map_err(logs)?;
        // A request that is followed by another in its bytes has two lines; the first is about it.
        let line = lines.into_iter().next().unwrap_or(Value::Null);
        let waf = &line["waf"];
        Ok(Seen {
            status,
            inbound: waf["score"].as_u64(),
            outbound: waf["outbound_score"].as_u64(),
            rules: waf["rules"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect(),
            blocked: waf["blocked"] == Value::Bool(true),
            refusal: line["refusal"].as_str().map(str::to_owned),
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}
