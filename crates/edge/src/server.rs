//! The process: assemble, bind, serve, reload, drain.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use pingora_core::server::configuration::ServerConf;
use pingora_proxy::http_proxy;
use portcullis_config::{Config, Transport};
use portcullis_telemetry::{Build, Metrics};
use tokio::{
    runtime,
    sync::{Mutex, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing_subscriber::EnvFilter;

use crate::{
    access,
    assemble::{Assembled, ConfigSource, assemble},
    clock,
    connection::Connections,
    edge::Edge,
    listener::{self, Bound},
    load,
    pipeline::Pipeline,
    plain::{Plain, Purpose},
    problem::StartError,
    refusal::Refusal,
    reload,
    signals::{Hangup, Signals},
    snapshot::mode_name,
    tls, upstream,
};

/// How often a drain looks whether it is done.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// Time that logs get to be written out at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// What `run` needs to know.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The configuration file.
    pub config_path: PathBuf,
}

/// Addresses that an edge listens on; where the configuration says port zero, the port it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// TLS.
    pub https: Vec<SocketAddr>,
    /// Plain, redirecting.
    pub http: Vec<SocketAddr>,
    /// Metrics, liveness, readiness.
    pub admin: Option<SocketAddr>,
}

/// Runs an edge until SIGTERM or SIGINT, in a runtime of its own. Writes `ready` to standard error once it serves.
///
/// # Errors
/// Before it serves: a configuration that does not hold, an address that cannot be bound.
pub fn run(options: &RunOptions) -> Result<(), StartError> {
    let hangup = Hangup::catch()?;
    let prepared = Prepared::new(ConfigSource::file(&options.config_path))?;
    let snapshot = prepared.edge.snapshot();
    log_to_stderr(&snapshot.config.log.level);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(snapshot.config.threads.max(1))
        .thread_name("edge")
        .enable_all()
        .build()
        .map_err(|error| StartError::machine("cannot start threads", error))?;
    drop(snapshot);
    let ended = runtime.block_on(async {
        let signals = Signals::catch(hangup)?;
        let running = prepared.serve();
        eprintln!("{}", running.ready_line());
        signals.serve(&running).await;
        running.drain().await;
        Ok(())
    });
    // Ends what the drain did not wait for. Merely dropped, the runtime would wait for a name look-up that nobody answers.
    runtime.shutdown_timeout(FLUSH);
    ended
}

/// Starts an edge within the caller's runtime; for tests and for programs that embed one.
///
/// # Errors
/// As with [`run`].
pub async fn start(source: ConfigSource) -> Result<Running, StartError> {
    let prepared = tokio::task::spawn_blocking(move || Prepared::new(source)).await;
    let prepared = prepared
        .map_err(|panic| StartError::machine("the start stopped halfway", std::io::Error::other(panic)))??;
    Ok(prepared.serve())
}

/// Everything that can fail has been done.
struct Prepared {
    edge: Arc<Edge>,
    source: ConfigSource,
    https: Vec<Bound>,
    http: Vec<Bound>,
    admin: Option<Bound>,
    warnings: Assembled,
}

impl Prepared {
    fn new(source: ConfigSource) -> Result<Self, StartError> {
        let revision = option_env!("PORTCULLIS_REVISION").unwrap_or("unknown");
        let metrics = Metrics::new(Build { version: env!("CARGO_PKG_VERSION"), revision })
            .map_err(|error| StartError::machine("metrics", std::io::Error::other(error)))?;
        Refusal::REASONS.iter().for_each(|reason| metrics.reason(reason));
        tls::install_provider();
        let assembled = assemble(&source, None, &metrics)?;
        metrics.reload_succeeded(clock::unix_time());
        let listen = &assembled.snapshot.config.listen;
        let https = listen.https.iter().copied().map(listener::bind).collect::<Result<_, _>>()?;
        let http = listen.http.iter().copied().map(listener::bind).collect::<Result<_, _>>()?;
        let admin = listen.admin.map(listener::bind).transpose()?;
        let edge = Arc::new(Edge::new(Arc::clone(&assembled.snapshot), metrics));
        Ok(Self { edge, source, https, http, admin, warnings: assembled })
    }

    fn serve(self) -> Running {
        let Self { edge, source, https, http, admin, warnings } = self;
        reload::tell(&warnings.sources, &warnings.warnings);
        upstream::refresh(warnings.snapshot.upstreams());
        edge.metrics.certificates_taken(&warnings.snapshot.tls.expiries());
        load::measure(&edge);
        let addresses = Addresses {
            https: https.iter().map(|bound| bound.address).collect(),
            http: http.iter().map(|bound| bound.address).collect(),
            admin: admin.as_ref().map(|bound| bound.address),
        };
        let (shutdown, watch) = watch::channel(false);
        let mut services = JoinSet::new();
        let pipeline = Pipeline { edge: Arc::clone(&edge) };
        let proxy = http_proxy(&Arc::new(engine_room(&warnings.snapshot.config)), pipeline);
        let connections = Connections { edge: Arc::clone(&edge), proxy: Arc::new(proxy) };
        services.spawn(tls::watch(Arc::clone(&edge)));
        services.spawn(access::watch(Arc::clone(&edge)));
        services.spawn(listener::serve("https", https, connections, watch.clone()));
        let redirect = Plain { edge: Arc::clone(&edge), purpose: Purpose::Redirect };
        services.spawn(listener::serve("http", http, redirect, watch));
        // The admin listener outlives the drain: it is where one sees it.
        let (admin_shutdown, admin_watch) = watch::channel(false);
        let plain = Plain { edge: Arc::clone(&edge), purpose: Purpose::Admin };
        services.spawn(listener::serve("admin", admin.into_iter().collect(), plain, admin_watch));
        Running { addresses, edge, source, shutdown, admin_shutdown, services, reloading: Mutex::new(()) }
    }
}

/// A serving edge. Dropping it stops its listeners.
#[derive(Debug)]
pub struct Running {
    addresses: Addresses,
    edge: Arc<Edge>,
    source: ConfigSource,
    shutdown: watch::Sender<bool>,
    admin_shutdown: watch::Sender<bool>,
    services: JoinSet<()>,
    reloading: Mutex<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Reads the configuration anew and takes it, or keeps the one in force.
    ///
    /// # Errors
    /// All problems of the new one.
    pub async fn reload(&self) -> Result<(), StartError> {
        let _one_at_a_time = self.reloading.lock().await;
        reload::reload(&self.edge, &self.source).await
    }

    /// Accepts no more, lets requests in flight end, closes what is idle. `false` when the configured time was not enough.
    pub async fn drain(mut self) -> bool {
        let patience = self.edge.snapshot().config.drain_timeout;
        self.edge.drain();
        let _ = self.shutdown.send(true);
        let deadline = Instant::now() + patience;
        while self.edge.connections.used() > 0 && Instant::now() < deadline {
            sleep(DRAIN_STEP).await;
        }
        let left = self.edge.connections.used();
        if left > 0 {
            tracing::warn!(connections = left, "the drain's time is over");
        }
        let _ = self.admin_shutdown.send(true);
        self.services.abort_all();
        while self.services.join_next().await.is_some() {}
        let snapshot = self.edge.snapshot();
        let flushed = tokio::task::spawn_blocking(move || {
            snapshot.logs.access.flush(FLUSH) & snapshot.logs.audit.flush(FLUSH)
        });
        // Logs of snapshots that are not in force any more are written when these are dropped.
        let tidied = timeout(FLUSH, self.edge.workshop.tidied()).await.is_ok();
        if !flushed.await.unwrap_or(false) || !tidied {
            tracing::warn!("not all records could be written");
        }
        left == 0
    }

    /// One line that says what is served, by which rules.
    #[must_use]
    pub fn ready_line(&self) -> String {
        let snapshot = self.edge.snapshot();
        let facts = snapshot.program.facts();
        let list = |addresses: &[SocketAddr], scheme: &str| -> Vec<String> {
            addresses.iter().map(|address| format!("{scheme}://{address}")).collect()
        };
        let mut listeners = list(&self.addresses.https, "https");
        listeners.extend(list(&self.addresses.http, "http"));
        let admin = self.addresses.admin.map_or("off".into(), |address| format!("http://{address}"));
        let place = match &snapshot.rule_set.place {
            Some(place) => format!(" from {}", place.display()),
            None => String::new(),
        };
        format!(
            "ready listeners={} admin={admin} mode={} rules=\"{}{place}, {} rules, {} links\"",
            listeners.join(","),
            mode_name(snapshot.config.waf.mode),
            snapshot.rule_set.name,
            facts.rules,
            facts.links,
        )
    }
}

/// Pingora's own settings, as far as it is not told per request.
fn engine_room(config: &Config) -> ServerConf {
    // Every TLS backend names its authority; this one only keeps pingora from reading the system's, which it panics over when one
    // of them is broken.
    let ca_file = config.upstreams.iter().find_map(|upstream| match &upstream.transport {
        Transport::Tls { ca, .. } => Some(ca.display().to_string()),
        Transport::Plaintext => None,
    });
    ServerConf { threads: config.threads.max(1), ca_file, ..ServerConf::default() }
}

/// Libraries are silent at any level: what they say holds URLs and header values.
fn log_to_stderr(level: &str) {
    let filter = EnvFilter::new(format!("{level},pingora=off,h2=off,rustls=off,tokio_rustls=off"));
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
}
