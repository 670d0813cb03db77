//! One edge for one test: its rules, certificates, configuration and logs.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use portcullis_config::{
    Access, AuditScope, CertificateFiles, Config, CrsSource, Hsts, Limits, Listen, Loaded, Log, Pki,
    RateLimits, Route, Sink, Tls, Transport, Upstream, UpstreamHttp, Waf, WafMode, WafPolicy,
};
use portcullis_edge::{ConfigSource, Running, StartError};
use portcullis_testkit::{Authority, Client, Journal, RecordingUpstream};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The name that the edge's certificate holds.
pub(crate) const NAME: &str = "edge.test";

/// HSTS as the tests configure it.
pub(crate) const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Small rules that show which phase saw what.
const RULES: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 134217728
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecResponseBodyLimit 65536
SecResponseBodyLimitAction ProcessPartial
SecAuditEngine RelevantOnly
SecRule REQUEST_URI_RAW|REQUEST_HEADERS:X-Probe "@contains evil" "id:101,phase:1,deny,status:403,log,auditlog,msg:'Evil head'"
SecRule REQUEST_URI_RAW "@contains <" "id:102,phase:1,pass,log,auditlog,msg:'Raw bracket'"
SecRule REQUEST_HEADERS:X-Probe "@streq drop" "id:103,phase:1,drop,log,auditlog,msg:'Dropped'"
SecRule &REQUEST_HEADERS:Host "@eq 0" "id:104,phase:1,pass,log,auditlog,msg:'No host'"
SecRule REQUEST_BODY "@contains EVIL" "id:201,phase:2,deny,status:403,log,auditlog,msg:'Evil body'"
SecRule ARGS "@contains attack" "id:202,phase:2,deny,status:403,log,auditlog,msg:'Evil argument'"
SecRule RESPONSE_HEADERS:X-Leak "@rx ." "id:301,phase:3,deny,status:403,log,auditlog,msg:'Leaking head'"
SecRule RESPONSE_BODY "@contains SECRET" "id:401,phase:4,deny,status:403,log,auditlog,msg:'Leaking body'"
"#;

/// How a WebSocket is asked for (RFC 6455, section 4.1).
pub(crate) const HANDSHAKE: &str = "GET /socket HTTP/1.1\r\nHost: edge.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) struct Site {
    runtime: Runtime,
    running: Option<Running>,
    config: Arc<Mutex<Config>>,
    pub(crate) dir: TempDir,
    pub(crate) authority: Authority,
}

impl Site {
    /// An edge in front of this backend, spoken to without TLS.
    pub(crate) fn before(backend: &RecordingUpstream) -> Self {
        Self::with(backend, |_, _| {})
    }

    /// The same after a change of its configuration.
    pub(crate) fn with(backend: &RecordingUpstream, change: impl FnOnce(&mut Config, &Path)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = Authority::new("clients trust this");
        authority.leaf(&[NAME, "other.test"]).write(dir.path(), "server").expect("written");
        std::fs::write(dir.path().join("rules.conf"), RULES).expect("written");
        let mut config = config(dir.path(), backend);
        change(&mut config, dir.path());
        let config = Arc::new(Mutex::new(config));
        let of_source = Arc::clone(&config);
        let source = ConfigSource::function(dir.path(), move |_| Loaded {
            config: Some(of_source.lock().expect("not poisoned").clone()),
            diagnostics: Vec::new(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let running = match runtime.block_on(portcullis_edge::start(source)) {
            Ok(running) => running,
            Err(error) => panic!("{}", told(&error)),
        };
        Self { runtime, running: Some(running), config, dir, authority }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("not drained")
    }

    /// A client that trusts the edge.
    pub(crate) fn client(&self) -> Client {
        self.client_of(NAME)
    }

    /// A client whose handshake is for this host.
    pub(crate) fn client_of(&self, host: &str) -> Client {
        let address = self.running().addresses().https[0];
        Client::tls(address, &self.authority, host).timeout(Duration::from_secs(20))
    }

    pub(crate) fn plain_client(&self) -> Client {
        Client::plain(self.running().addresses().http[0]).timeout(Duration::from_secs(20))
    }

    pub(crate) fn admin_client(&self) -> Client {
        Client::plain(self.running().addresses().admin.expect("an admin listener"))
    }

    pub(crate) fn metrics(&self) -> String {
        self.admin_client().get("/metrics").expect("metrics").text()
    }

    pub(crate) fn access(&self) -> Journal {
        Journal::new(&self.dir.path().join("access.log"))
    }

    pub(crate) fn audit(&self) -> Journal {
        Journal::new(&self.dir.path().join("audit.log"))
    }

    /// Changes what the next reload reads.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config.lock().expect("not poisoned"));
    }

    pub(crate) fn reload(&self) -> Result<(), StartError> {
        self.runtime.block_on(self.running().reload())
    }

    /// Begins a drain on a thread of its own; the handle tells whether it ended in time.
    pub(crate) fn drain(&mut self) -> std::thread::JoinHandle<bool> {
        let running = self.running.take().expect("not drained before");
        let handle = self.runtime.handle().clone();
        std::thread::spawn(move || handle.block_on(running.drain()))
    }

    /// Runs beside the edge, on its workers.
    pub(crate) fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(work)
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// Everything an error has to say.
pub(crate) fn told(error: &StartError) -> String {
    match error {
        StartError::Config { sources, diagnostics } => {
            diagnostics.iter().map(|diagnostic| portcullis_diag::render(sources, diagnostic)).collect()
        }
        StartError::Machine { .. } => error.to_string(),
    }
}

pub(crate) fn upstream(id: &str, servers: &[String], transport: Transport) -> Upstream {
    Upstream {
        id: id.to_owned(),
        servers: servers.to_vec(),
        transport,
        connect_timeout: Duration::from_secs(3),
        read_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(30),
        http: UpstreamHttp::Http1,
    }
}

/// What the engine does on every route.
const WAF: WafPolicy = WafPolicy {
    mode: WafMode::Block,
    paranoia: 1,
    detection_paranoia: 1,
    inbound_threshold: 5,
    outbound_threshold: 4,
};

pub(crate) fn route(id: &str, hosts: &[&str], path_prefix: &str, upstream: &str) -> Route {
    Route {
        id: id.to_owned(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        path_prefix: path_prefix.to_owned(),
        upstream: upstream.to_owned(),
        client_cert: None,
        customers: Vec::new(),
        waf: WAF,
        access: Access::default(),
        body_bytes: 8 << 20,
    }
}

fn config(dir: &Path, backend: &RecordingUpstream) -> Config {
    let any = "127.0.0.1:0".parse().expect("an address");
    Config {
        environment: "test".to_owned(),
        listen: Listen { https: vec![any], http: vec![any], public_https_port: 8443, admin: Some(any) },
        tls: Tls {
            certificates: vec![CertificateFiles {
                certificate: dir.join("server.pem"),
                key: dir.join("server.key"),
                ..CertificateFiles::default()
            }],
            allow_tls12: true,
        },
        pki: Pki {
            dir: None,
            dir_span: None,
            grace: Duration::from_secs(60),
            customer_field: "x-customer-id".to_owned(),
            authorities: Vec::new(),
        },
        hosts: Vec::new(),
        hsts: Hsts { max_age: Duration::from_secs(63_072_000), include_subdomains: true, preload: false },
        limits: Limits {
            connections: 64,
            connections_per_address: 64,
            handshake_timeout: Duration::from_secs(2),
            head_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(2),
            body_timeout: Duration::from_secs(3),
            body_rate: 1024,
            body_grace: Duration::from_secs(2),
            write_timeout: Duration::from_secs(5),
            answer_rate: 1024,
            answer_timeout: Duration::from_secs(60),
            requests_per_connection: 100,
            head_bytes: 16 << 10,
            header_fields: 64,
            header_line_bytes: 8 << 10,
            target_bytes: 4 << 10,
            body_bytes: 8 << 20,
            buffered_bytes: 64 << 20,
            queue_time: Duration::from_secs(30),
            h2_streams: 100,
            h2_resets: 200,
            h2_control_frames: 1000,
        },
        client: portcullis_config::Client {
            proxy_protocol_from: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_field: portcullis_config::ForwardedField::XForwardedFor,
        },
        access: Access::default(),
        address_lists: Vec::new(),
        break_glass: Vec::new(),
        rate_limits: RateLimits { ipv4_prefix: 32, ipv6_prefix: 64, store: None, limits: Vec::new() },
        waf: Waf {
            mode: WAF.mode,
            engine: Some(dir.join("rules.conf")),
            crs: CrsSource::None,
            paranoia: WAF.paranoia,
            detection_paranoia: WAF.detection_paranoia,
            inbound_threshold: WAF.inbound_threshold,
            outbound_threshold: WAF.outbound_threshold,
            include_before: Vec::new(),
            include_after: Vec::new(),
            inspect_responses: true,
            work_budget: None,
            verdict_cache: true,
        },
        rule_exclusions: Vec::new(),
        log: Log {
            access: Sink::File(dir.join("access.log")),
            audit: Sink::File(dir.join("audit.log")),
            audit_scope: AuditScope::Matched,
            level: "warn".to_owned(),
            audit_values: false,
        },
        upstreams: vec![upstream("app", &[backend.address().to_string()], Transport::Plaintext)],
        routes: vec![route("all", &[NAME], "/", "app"), route("elsewhere", &["other.test"], "/app", "app")],
        drain_timeout: Duration::from_secs(5),
        threads: 2,
    }
}
