//! Backends: their addresses, found without ever blocking a request, and the connection each wants.

mod peer;
mod resolve;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use pingora_core::upstreams::peer::HttpPeer;
use portcullis_config as config;
use portcullis_diag::Diagnostic;

use crate::codes;

pub(crate) use resolve::refresh;

use peer::Template;
use resolve::Server;

/// Servers that one request may try.
const MOST_TRIES: usize = 4;

/// One backend of the configuration.
#[derive(Debug)]
pub(crate) struct Upstream {
    id: String,
    servers: Vec<Server>,
    template: Template,
    connect_timeout: std::time::Duration,
    turn: AtomicUsize,
}

impl Upstream {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_plaintext(&self) -> bool {
        self.template.is_plaintext()
    }

    /// All addresses known now, the one whose turn it is first; the next request begins with the one after it.
    async fn in_turn(&self) -> Vec<(usize, SocketAddr)> {
        let mut all = Vec::new();
        for (index, server) in self.servers.iter().enumerate() {
            all.extend(server.addresses(self.connect_timeout).await.iter().map(|address| (index, *address)));
        }
        if !all.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % all.len();
            all.rotate_left(first);
        }
        all
    }
}

/// One request's dealings with its backend.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) upstream: Arc<Upstream>,
    candidates: Vec<(usize, SocketAddr)>,
    current: usize,
    pub(crate) began: Instant,
    /// Whether a connection stood at last.
    pub(crate) connected: bool,
    /// Status of the backend's answer.
    pub(crate) status: Option<u16>,
}

impl Attempt {
    /// `None` when no server's name could be resolved.
    pub(crate) async fn begin(upstream: &Arc<Upstream>) -> Option<Self> {
        let began = Instant::now();
        let candidates = upstream.in_turn().await;
        (!candidates.is_empty()).then(|| Self {
            upstream: Arc::clone(upstream),
            candidates,
            current: 0,
            began,
            connected: false,
            status: None,
        })
    }

    /// Goes on to the next server. `false` when there is none, or enough were tried.
    pub(crate) fn next(&mut self) -> bool {
        self.current += 1;
        self.current < self.candidates.len().min(MOST_TRIES)
    }

    /// Address of the server asked last.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let last = self.current.min(self.candidates.len().min(MOST_TRIES).saturating_sub(1));
        self.candidates.get(last).map(|(_, address)| *address)
    }

    pub(crate) fn peer(&self) -> HttpPeer {
        let (index, address) =
            self.candidates.get(self.current).or(self.candidates.first()).copied().unwrap_or((
                0,
                // Not reached: an attempt has candidates. Port zero connects to nobody.
                SocketAddr::from(([0, 0, 0, 0], 0)),
            ));
        let host = self.upstream.servers.get(index).map_or("", |server| server.host());
        self.upstream.template.peer(address, host)
    }
}

/// Reads what the configuration says of all backends, their authorities' files included.
pub(crate) fn load_all(
    upstreams: &[config::Upstream],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Arc<Upstream>> {
    upstreams.iter().filter_map(|upstream| load(upstream, diagnostics).map(Arc::new)).collect()
}

fn load(settings: &config::Upstream, diagnostics: &mut Vec<Diagnostic>) -> Option<Upstream> {
    let template = Template::load(settings, diagnostics);
    let mut servers = Vec::with_capacity(settings.servers.len());
    for text in &settings.servers {
        match Server::parse(text) {
            Some(server) => servers.push(server),
            None => {
                let message = format!("upstream `{}`: `{text}` is not host:port", settings.id);
                diagnostics.push(Diagnostic::error(codes::BAD_SERVER, message));
            }
        }
    }
    Some(Upstream {
        id: settings.id.clone(),
        servers,
        template: template?,
        connect_timeout: settings.connect_timeout,
        turn: AtomicUsize::new(0),
    })
}
