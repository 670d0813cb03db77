//! What a configuration means. Whoever holds one of these needs to check nothing but the files it names.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use ipnet::IpNet;
use portcullis_diag::Span;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Label of this environment (`development`, `integration`, `production`).
    pub environment: String,
    /// Sockets.
    pub listen: Listen,
    /// Server certificates.
    pub tls: Tls,
    /// Certificates of customers.
    pub pki: Pki,
    /// Hosts with a policy of their own.
    pub hosts: Vec<Host>,
    /// `Strict-Transport-Security`.
    pub hsts: Hsts,
    /// Bounds on what a stranger may use.
    pub limits: Limits,
    /// Who is believed about where a request comes from.
    pub client: Client,
    /// Address lists that hold for everybody.
    pub access: Access,
    /// Address lists by id.
    pub address_lists: Vec<AddressList>,
    /// Exceptions from address lists.
    pub break_glass: Vec<BreakGlass>,
    /// How much clients may ask.
    pub rate_limits: RateLimits,
    /// The rule engine.
    pub waf: Waf,
    /// Rules, or targets of rules, that are left out for a while.
    pub rule_exclusions: Vec<RuleExclusion>,
    /// Records.
    pub log: Log,
    /// Backends by id.
    pub upstreams: Vec<Upstream>,
    /// In order of precedence: exact hosts, then wildcards, then any host; among those, longer path prefix before shorter. A route
    /// that was written with both exact and wildcard hosts stands here twice, once for each.
    pub routes: Vec<Route>,
    /// How long a drain may take after SIGTERM.
    pub drain_timeout: Duration,
    /// Worker threads, at least one.
    pub threads: usize,
}

/// Sockets.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// TLS listeners, at least one.
    pub https: Vec<SocketAddr>,
    /// Plain listeners; they answer 308 to https and nothing else.
    pub http: Vec<SocketAddr>,
    /// Port named in redirects; the first https port unless set (behind a port mapping).
    pub public_https_port: u16,
    /// Metrics, liveness, readiness. Loopback unless the configuration says otherwise in so many words.
    pub admin: Option<SocketAddr>,
}

/// How the server shows itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// At least one. The first is the default: it is shown to whoever asks for a name that none of them holds, or for none.
    pub certificates: Vec<CertificateFiles>,
    /// `true` allows 1.2 and 1.3, `false` 1.3 only.
    pub allow_tls12: bool,
}

/// A certificate and its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CertificateFiles {
    /// PEM file, leaf first, then what is between it and an authority that clients know.
    pub certificate: PathBuf,
    /// PEM file, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Where each was named, for diagnostics about the files.
    pub certificate_span: Option<Span>,
    /// See `certificate_span`.
    pub key_span: Option<Span>,
}

/// Certificates of customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Pki {
    /// The register. Without it no host and no route asks for a certificate.
    pub dir: Option<PathBuf>,
    /// Where it was named.
    pub dir_span: Option<Span>,
    /// How long the last good state counts when a file of it cannot be used any more.
    pub grace: Duration,
    /// Field that tells a backend the customer, lower case.
    pub customer_field: String,
    /// External authorities.
    pub authorities: Vec<Authority>,
}

/// An external authority, or several of one company.
#[derive(Clone, Debug, PartialEq)]
pub struct Authority {
    /// Unique id.
    pub id: String,
    /// Certificates of all that issue, a file or a directory.
    pub bundle: PathBuf,
    /// Where it was named.
    pub bundle_span: Option<Span>,
    /// A CRL of each of them, a file or a directory.
    pub crl: PathBuf,
}

/// Whether clients show certificates, weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientCert {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked and may have none.
    Optional,
    /// Without one there is no handshake (for a host) or an answer of 401 (for a route).
    Required,
}

/// Hosts with a policy of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// As in a route.
    pub names: Vec<String>,
    /// For the handshake.
    pub client_cert: ClientCert,
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Clone, Debug, PartialEq)]
pub struct Hsts {
    /// `max-age`; zero turns the header into a revocation, as the RFC says.
    pub max_age: Duration,
    /// `includeSubDomains`
    pub include_subdomains: bool,
    /// `preload`
    pub preload: bool,
}

/// Bounds on what a stranger may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one address; of IPv6, from one /64.
    pub connections_per_address: usize,
    /// Total time for a TLS handshake, `ClientHello` included.
    pub handshake_timeout: Duration,
    /// Total time for a request head, from its first byte.
    pub head_timeout: Duration,
    /// Idle time before a request on a kept connection.
    pub idle_timeout: Duration,
    /// Total time for a request body.
    pub body_timeout: Duration,
    /// Least bytes a second of a request body; zero for none.
    pub body_rate: usize,
    /// Time before that rate is asked for.
    pub body_grace: Duration,
    /// Time without progress while an answer is written.
    pub write_timeout: Duration,
    /// Least bytes a second while waiting for a client to take its answer; zero for none.
    pub answer_rate: usize,
    /// Total time for an answer, from the backend's head on.
    pub answer_timeout: Duration,
    /// Requests served on one connection before it is closed.
    pub requests_per_connection: u32,
    /// Bytes of a request head.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of one header line.
    pub header_line_bytes: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of all bodies and answers held at once, over all connections.
    pub buffered_bytes: usize,
    /// Time that work may wait for a processor before requests are turned away.
    pub queue_time: Duration,
    /// Concurrent HTTP/2 streams of one connection.
    pub h2_streams: u32,
    /// Streams that a client may take back in a minute.
    pub h2_resets: u32,
    /// Other HTTP/2 frames without content in a minute.
    pub h2_control_frames: u32,
}

/// Who is believed about where a request comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Peers whose connections begin with a PROXY protocol header, and must.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Proxies whose forwarding field is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The field they write.
    pub forwarded_field: ForwardedField,
}

/// The field in which proxies tell whom they forward for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedField {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// Address lists of one scope, by id; known to exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// Clients must be on one of them, where there are any.
    pub allow: Vec<String>,
    /// Clients may be on none of them.
    pub deny: Vec<String>,
}

/// Addresses under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressList {
    /// Unique id.
    pub id: String,
    /// Written in place.
    pub prefixes: Vec<IpNet>,
    /// Files of more, one prefix in each line; watched.
    pub files: Vec<PathBuf>,
    /// Where the files are named.
    pub files_span: Option<Span>,
}

/// Addresses that come in for a while whatever the lists say.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakGlass {
    /// Unique id.
    pub id: String,
    /// Whom it lets in.
    pub prefixes: Vec<IpNet>,
    /// Ids of the routes it holds for; none for all.
    pub routes: Vec<String>,
    /// Ids of the customers whose own networks it lets past as well; none for nobody's.
    pub customers: Vec<String>,
    /// Unix time at which it ends.
    pub expires: Duration,
    /// Where that was written.
    pub expires_span: Option<Span>,
    /// Why it is needed.
    pub reason: String,
    /// Where that is kept.
    pub ticket: String,
    /// Who allowed it.
    pub approved_by: String,
}

/// How much clients may ask.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimits {
    /// Bits of an IPv4 address that are one client.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that are one client.
    pub ipv6_prefix: u8,
    /// Where edges count together; without one each counts for itself.
    pub store: Option<LimitStore>,
    /// In the order in which they are asked.
    pub limits: Vec<RateLimit>,
}

/// A Redis or Valkey in which edges count together.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitStore {
    /// `redis://host:port/number`, or `rediss://` for TLS; no user or password in it.
    pub url: String,
    /// Where it was written.
    pub span: Option<Span>,
    /// PEM file of the authorities that may have signed its certificate; there with `rediss://`.
    pub ca: Option<PathBuf>,
    /// User to log in as.
    pub user: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// File with the secret that edges share.
    pub secret_file: PathBuf,
    /// What it may add to a request.
    pub timeout: Duration,
    /// Requests are refused while it is away, rather than counted by each edge.
    pub refuse_when_away: bool,
}

/// One limit: a rate, a number of requests at once, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// Unique id.
    pub id: String,
    /// What it counts by; nothing for one count over all.
    pub key: Vec<RateKey>,
    /// Ids of the routes it holds for; none for all.
    pub routes: Vec<String>,
    /// Ids of the customers it holds for; none for everybody.
    pub customers: Vec<String>,
    /// Requests in each period, the period, and requests at once after a rest.
    pub rate: Option<(NonZeroU32, Duration, NonZeroU32)>,
    /// Requests being served at once.
    pub concurrent: Option<u32>,
    /// Clients whose rate is remembered.
    pub keys: usize,
    /// It tells, but refuses nobody.
    pub shadow: bool,
}

/// What a limit counts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// The client's address.
    Address,
    /// The customer; a request of nobody's is not counted.
    Customer,
    /// The route.
    Route,
    /// The value of a header field, name in lower case.
    Header(String),
}

/// Engine mode, weakest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WafMode {
    /// Refuse.
    Block,
    /// Inspect and record, never refuse.
    Detect,
    /// Do not inspect.
    Off,
}

/// Where the Core Rule Set comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum CrsSource {
    /// `rules/crs` beside the configuration, else Debian's package, else the embedded baseline.
    Auto,
    /// A directory with `crs-setup.conf(.example)`, `rules/` and maybe `plugins/`; an error when it is not there.
    Directory(PathBuf),
    /// The embedded baseline.
    Baseline,
    /// Only what `include` names.
    None,
}

/// The rule engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Waf {
    /// For all routes that do not say otherwise.
    pub mode: WafMode,
    /// Engine defaults, a SecLang file; the embedded `rules/portcullis.conf` unless set.
    pub engine: Option<PathBuf>,
    /// The rule set.
    pub crs: CrsSource,
    /// `tx.blocking_paranoia_level`, 1 to 4.
    pub paranoia: u8,
    /// `tx.detection_paranoia_level`, not below `paranoia`.
    pub detection_paranoia: u8,
    /// `tx.inbound_anomaly_score_threshold`
    pub inbound_threshold: u32,
    /// `tx.outbound_anomaly_score_threshold`
    pub outbound_threshold: u32,
    /// SecLang files (globs) read before the rule set: settings and exclusions by `ctl`.
    pub include_before: Vec<String>,
    /// SecLang files (globs) read after it: own rules and `SecRuleUpdateTargetById`.
    pub include_after: Vec<String>,
    /// Whether response phases run.
    pub inspect_responses: bool,
    /// Most work that the engine does for one request; unbounded without.
    pub work_budget: Option<WorkBudget>,
    /// Whether each thread remembers what values that come again match.
    pub verdict_cache: bool,
}

/// What the engine does with the requests of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WafPolicy {
    /// What a match leads to.
    pub mode: WafMode,
    /// `tx.blocking_paranoia_level`, 1 to 4.
    pub paranoia: u8,
    /// `tx.detection_paranoia_level`, not below `paranoia`.
    pub detection_paranoia: u8,
    /// `tx.inbound_anomaly_score_threshold`
    pub inbound_threshold: u32,
    /// `tx.outbound_anomaly_score_threshold`
    pub outbound_threshold: u32,
}

impl Waf {
    /// What holds where no route says otherwise.
    #[must_use]
    pub fn policy(&self) -> WafPolicy {
        WafPolicy {
            mode: self.mode,
            paranoia: self.paranoia,
            detection_paranoia: self.detection_paranoia,
            inbound_threshold: self.inbound_threshold,
            outbound_threshold: self.outbound_threshold,
        }
    }
}

/// Rules, or targets of rules, that are left out for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleExclusion {
    /// Which rules, and where each was written; at least one.
    pub rules: Vec<(RuleName, Option<Span>)>,
    /// What they do not look at, in SecLang's words; without any they are left out whole.
    pub targets: Vec<(String, Option<Span>)>,
    /// Ids of the routes it holds for; none for all.
    pub routes: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Unix time at which it ends.
    pub expires: Duration,
    /// Where that was written.
    pub expires_span: Option<Span>,
}

/// How rules are named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleName {
    /// All from one id to another.
    Ids(u64, u64),
    /// All with a tag.
    Tag(String),
}

/// Most work that the engine does for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkBudget {
    /// About one for a byte that goes through one automaton. The same request takes the same number on every machine.
    pub units: u64,
    /// What happens to a request that needs more.
    pub action: WorkSpent,
}

/// What happens to a request that needs more work than it may cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkSpent {
    /// It is refused, where the engine blocks.
    Refuse,
    /// It goes on without further inspection, which is counted and logged.
    Detect,
}

/// Records.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// One line per request.
    pub access: Sink,
    /// One event per refusal.
    pub audit: Sink,
    /// Which transactions the audit log gets.
    pub audit_scope: AuditScope,
    /// `error`, `warn`, `info`, `debug`
    pub level: String,
    /// Whether audit events hold `msg` and `logdata` expanded, which are values of requests: for tests of rules only.
    pub audit_values: bool,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq)]
pub enum Sink {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error, beside the process' own log.
    Stderr,
    /// A file, appended to; reopened on reload.
    File(PathBuf),
}

/// Which transactions the audit log gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// Refused ones, and in detect mode those that would have been.
    Refused,
    /// Every one in which a rule with `log` matched.
    Matched,
    /// Every one, `nolog` rules listed too: for tests of rules.
    All,
}

/// A backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Unique id.
    pub id: String,
    /// `host:port` or `address:port`, at least one; used in turn.
    pub servers: Vec<String>,
    /// How to speak to it.
    pub transport: Transport,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Time without a byte of an answer.
    pub read_timeout: Duration,
    /// Time without progress while a request is sent.
    pub write_timeout: Duration,
    /// Idle time of a pooled connection.
    pub idle_timeout: Duration,
    /// HTTP version asked for.
    pub http: UpstreamHttp,
}

/// HTTP version asked of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamHttp {
    /// HTTP/1.1
    Http1,
    /// HTTP/2, by ALPN over TLS.
    Http2,
    /// HTTP/2 where the backend offers it by ALPN.
    Auto,
}

/// How to speak to a backend.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// TLS, the certificate verified. There is no way to switch verification off.
    Tls {
        /// PEM file of the authorities that may have signed it.
        ca: PathBuf,
        /// Where it was named.
        ca_span: Option<Span>,
        /// Name the certificate must hold; the server's host name unless set.
        name: Option<String>,
    },
    /// Plaintext, asked for with `allow_plaintext = true`.
    Plaintext,
}

/// A route: the first in order that fits gets the request; a request that fits none is answered 421 (host) or 404 (path).
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Unique id.
    pub id: String,
    /// Host names, lower case; empty means any. `*.example.com` fits one label. IPv6 addresses have brackets, as in requests.
    pub hosts: Vec<String>,
    /// Path prefix, fits whole segments only.
    pub path_prefix: String,
    /// Id of an upstream; known to exist.
    pub upstream: String,
    /// Unless set, that of the host.
    pub client_cert: Option<ClientCert>,
    /// Ids of the customers that are served; empty is everybody.
    pub customers: Vec<String>,
    /// What the engine does here.
    pub waf: WafPolicy,
    /// Address lists for this route.
    pub access: Access,
    /// Body limit for this route in bytes.
    pub body_bytes: usize,
}
