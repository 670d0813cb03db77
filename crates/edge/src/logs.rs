//! The two record logs of a snapshot. A reload that leaves their settings alone keeps them and opens the files anew.

use std::sync::Arc;

use portcullis_config::{Log, Sink};
use portcullis_telemetry::{Metrics, Target, Writer};

/// Access and audit log.
#[derive(Debug)]
pub(crate) struct Logs {
    settings: Log,
    /// One line per request.
    pub(crate) access: Writer,
    /// One event per refusal, or as the audit scope says.
    pub(crate) audit: Writer,
}

impl Logs {
    /// Opens what the configuration names, or hands back `previous` where it names the same.
    ///
    /// # Errors
    /// A file cannot be opened: its setting's name, and why.
    pub(crate) fn open(
        settings: &Log,
        previous: Option<&Arc<Self>>,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, (&'static str, std::io::Error)> {
        if let Some(previous) = previous.filter(|previous| previous.settings == *settings) {
            previous.access.reopen();
            previous.audit.reopen();
            return Ok(Arc::clone(previous));
        }
        let open = |name, sink: &Sink| {
            Writer::open(name, &target(sink), metrics.log_dropped(name)).map_err(|error| (name, error))
        };
        Ok(Arc::new(Self {
            access: open("access", &settings.access)?,
            audit: open("audit", &settings.audit)?,
            settings: settings.clone(),
        }))
    }
}

fn target(sink: &Sink) -> Target {
    match sink {
        Sink::Off => Target::Off,
        Sink::Stdout => Target::Stdout,
        Sink::Stderr => Target::Stderr,
        Sink::File(path) => Target::File(path.clone()),
    }
}
