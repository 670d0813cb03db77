//! Counts that edges share: a Redis or Valkey that all of them ask.
//!
//! One request asks once, for all of its limits, by a script that counts and decides in one step, so that edges cannot race each other.
//! A store that does not answer in its time is away: from then on nobody waits for it, each edge goes on by its own counts (or refuses,
//! if the configuration says so), and a probe finds out when it is back.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_config::LimitStore;
use portcullis_diag::Diagnostic;
use portcullis_policy::rates::Charge;
use portcullis_telemetry::Metrics;
use redis::{
    Client, IntoConnectionInfo as _, RedisResult, Script, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};

use crate::codes;

/// Connections of one edge. Each carries many requests at once; more than one, so that no reply waits for a long one before it.
const CONNECTIONS: usize = 4;

/// Time between two looks for a store that is away, and the time each may take.
const PROBE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));

/// Bytes of the shared secret, below which it can be guessed.
const LEAST_SECRET: usize = 16;

/// The generic cell rate by the store's own clock, for each key: interval in microseconds, burst, and whether the limit only tells. The
/// time a key recovers at is kept until then and no longer. Times are counted from 2023, so that fractions of microseconds fit a double.
const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = (t[1] - 1700000000) * 1000000 + t[2]
local out = {}
for i = 1, #KEYS do
  local interval = tonumber(ARGV[i * 3 - 2])
  local burst = tonumber(ARGV[i * 3 - 1])
  local recovered = tonumber(redis.call('GET', KEYS[i]) or '0')
  if recovered < now then recovered = now end
  local wait = recovered + interval - burst * interval - now
  if wait > 0.01 then
    out[i] = { 0, 0, math.ceil(wait) }
    if ARGV[i * 3] == '0' then break end
  else
    recovered = recovered + interval
    redis.call('SET', KEYS[i], string.format('%.3f', recovered), 'PX', math.ceil((recovered - now) / 1000) + 1)
    out[i] = { 1, math.floor((now + burst * interval - recovered) / interval + 0.001), 0 }
  end
end
return out
";

/// What a connection to the store needs, read from its files.
pub(crate) struct Prepared {
    settings: LimitStore,
    client: Client,
    secret: [u8; 16],
    /// Digest of password and authority, to tell when they change.
    files: [u8; 16],
}

/// A store and the connections to it.
pub(crate) struct Store {
    prepared: Prepared,
    script: Script,
    metrics: Arc<Metrics>,
    connections: OnceLock<Vec<ConnectionManager>>,
    next: AtomicUsize,
    away: AtomicBool,
}

/// What the store says of one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// So many more could come at once.
    Counted(u32),
    /// One more will be admitted after this time.
    Exceeded(Duration),
}

/// The store did not answer in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

impl Prepared {
    /// Reads the files that the settings name; connects to nobody.
    pub(crate) fn read(settings: &LimitStore, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let mut problem = |message: String, help: &str| {
            let mut problem = Diagnostic::error(codes::BAD_STORE, message).help(help);
            problem.span = settings.span;
            diagnostics.push(problem);
        };
        let mut read = |path: &Path| match fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let help = "the store's secret, password and authority are files that the edge can read";
                problem(format!("{}: {error}", path.display()), help);
                None
            }
        };
        let secret = read(&settings.secret_file)?;
        let password = match &settings.password_file {
            Some(path) => Some(String::from_utf8_lossy(&read(path)?).trim().to_owned()),
            None => None,
        };
        let authority = match &settings.ca {
            Some(path) => Some(read(path)?),
            None => None,
        };
        if secret.trim_ascii().len() < LEAST_SECRET {
            let message = format!("{}: shorter than {LEAST_SECRET} bytes", settings.secret_file.display());
            problem(message, "write 32 random bytes in hexadecimal there, the same for all edges");
            return None;
        }
        let files = [password.as_deref().unwrap_or("").as_bytes(), authority.as_deref().unwrap_or(&[])];
        let files = derive(&files.join(&0));
        match client(settings, password.as_deref(), authority) {
            Ok(client) => {
                let secret = derive(secret.trim_ascii());
                Some(Self { settings: settings.clone(), client, secret, files })
            }
            Err(error) => {
                let help = "look at `store` and at the file that `store_ca` names";
                problem(format!("`rate_limits.store`: {error}"), help);
                None
            }
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        let without_span = |settings: &LimitStore| LimitStore { span: None, ..settings.clone() };
        without_span(&self.settings) == without_span(&other.settings)
            && self.secret == other.secret
            && self.files == other.files
    }
}

impl Store {
    /// The one before, with its connections, where nothing about it has changed.
    pub(crate) fn new(prepared: Prepared, previous: Option<&Arc<Self>>, metrics: &Arc<Metrics>) -> Arc<Self> {
        if let Some(previous) = previous.filter(|previous| previous.prepared.same_as(&prepared)) {
            return Arc::clone(previous);
        }
        Arc::new(Self {
            prepared,
            script: Script::new(SCRIPT),
            metrics: Arc::clone(metrics),
            connections: OnceLock::new(),
            next: AtomicUsize::new(0),
            away: AtomicBool::new(false),
        })
    }

    /// By what keys are made: the same on all edges that share the secret.
    pub(crate) fn secret(&self) -> [u8; 16] {
        self.prepared.secret
    }

    /// Whether an edge that cannot ask refuses.
    pub(crate) fn refuses_when_away(&self) -> bool {
        self.prepared.settings.refuse_when_away
    }

    /// Counts for all edges, each charge under the id of its limit. Ends with the first limit that is exceeded and enforced, so there may be fewer verdicts than charges.
    ///
    /// # Errors
    /// The store is away, or was not fast enough.
    pub(crate) async fn take(self: &Arc<Self>, charges: &[(Charge, &str)]) -> Result<Vec<Verdict>, Away> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Away);
        }
        let mut call = self.script.prepare_invoke();
        for (Charge { quota, shadow, key, .. }, id) in charges {
            let interval = quota.interval().as_nanos();
            // One hash tag, so that a cluster keeps them together. A rate that changes begins anew, as it does with each edge: what
            // was owed under a slow one would take hours to be forgotten under a fast one.
            call.key(format!("{{portcullis}}:{id}:{interval}:{}:{key:032x}", quota.burst));
            call.arg(interval as f64 / 1000.0).arg(quota.burst.get()).arg(u8::from(*shadow));
        }
        let mut connection = self.connection().ok_or(Away)?;
        let answer = timeout(
            self.prepared.settings.timeout,
            call.invoke_async::<Vec<(u8, u32, u64)>>(&mut connection),
        )
        .await;
        match answer {
            Ok(Ok(verdicts)) => Ok(verdicts.into_iter().map(verdict).collect()),
            Ok(Err(error)) => self.lost(&error.to_string()),
            Err(_) => self.lost("no answer in time"),
        }
    }

    fn lost(self: &Arc<Self>, why: &str) -> Result<Vec<Verdict>, Away> {
        self.metrics.limit_store_failed();
        if !self.away.swap(true, Ordering::Relaxed) {
            self.metrics.limit_store_up(false);
            let goes_on = if self.prepared.settings.refuse_when_away {
                "requests are refused"
            } else {
                "limits hold for this edge alone"
            };
            tracing::error!("the store of rate limits is away ({why}): {goes_on} until it is back");
            tokio::spawn(Arc::clone(self).probe());
        }
        Err(Away)
    }

    async fn probe(self: Arc<Self>) {
        let (pause, patience) = PROBE;
        loop {
            sleep(pause).await;
            let Some(mut connection) = self.connection() else { continue };
            let ping = redis::cmd("PING");
            if let Ok(Ok(())) = timeout(patience, ping.exec_async(&mut connection)).await {
                break;
            }
            // Nobody else holds it any more: a reload has replaced it.
            if Arc::strong_count(&self) == 1 {
                return;
            }
        }
        self.away.store(false, Ordering::Relaxed);
        self.metrics.limit_store_up(true);
        tracing::warn!("the store of rate limits is back");
    }

    /// One of the connections, in turn; they are made with the first request, within the runtime.
    fn connection(&self) -> Option<ConnectionManager> {
        let connections = self.connections.get_or_init(|| {
            self.metrics.limit_store_up(true);
            let (_, patience) = PROBE;
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(patience))
                .set_response_timeout(Some(patience))
                .set_number_of_retries(1)
                .set_max_delay(patience);
            let connect = |_| {
                ConnectionManager::new_lazy_with_config(self.prepared.client.clone(), config.clone()).ok()
            };
            (0..CONNECTIONS).filter_map(connect).collect()
        });
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        connections.get(turn % connections.len().max(1)).cloned()
    }
}

/// Neither secrets nor what the client knows of them.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("away", &self.away).finish_non_exhaustive()
    }
}

fn verdict((counted, remaining, wait): (u8, u32, u64)) -> Verdict {
    if counted == 1 { Verdict::Counted(remaining) } else { Verdict::Exceeded(Duration::from_micros(wait)) }
}

fn client(settings: &LimitStore, password: Option<&str>, authority: Option<Vec<u8>>) -> RedisResult<Client> {
    let info = settings.url.as_str().into_connection_info()?;
    let mut login = info.redis_settings().clone();
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    let info = info.set_redis_settings(login);
    match authority {
        Some(root_cert) => {
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
        }
        None => Client::open(info),
    }
}

fn derive(secret: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest([&b"portcullis rate limits\0"[..], secret].concat());
    std::array::from_fn(|index| digest.get(index).copied().unwrap_or(0))
}
