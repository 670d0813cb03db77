//! The table of all keys: what may be written, what it must look like, what stands in when it is left out.
//!
//! The reader, the messages, the "did you mean" and the tests all go by this table; a key that is not here cannot be read.

/// A table of the file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// `limits`; empty for the top of the file, dotted for a table within a table.
    pub name: &'static str,
    /// Written `[[name]]`, any number of times.
    pub many: bool,
    /// One line about it.
    pub doc: &'static str,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// [`Table::name`] it stands in.
    pub table: &'static str,
    /// As written.
    pub name: &'static str,
    /// What it must look like.
    pub kind: Kind,
    /// What stands in.
    pub absent: Absent,
    /// One line about it.
    pub doc: &'static str,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Count(u64, u64),
    /// Bytes with a unit (`"10MiB"`) within these bounds.
    Size(u64, u64),
    /// A time with a unit (`"30s"`) within these bounds, in milliseconds.
    Duration(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or directory.
    Path,
    /// A list of files, wildcards allowed.
    Paths,
    /// One of these words, or a path, which has a slash.
    WordOrPath(&'static [&'static str]),
    /// `"address:port"`, or `"off"`.
    SocketOrOff,
    /// A list of `"address:port"`.
    Sockets,
    /// A moment with its offset, `2026-12-01T18:00:00Z`.
    Moment,
    /// A list of addresses and prefixes, `"192.0.2.0/24"`.
    Prefixes,
    /// A list of ids of rules, ranges of them and tags: `942100`, `"942130-942200"`, `"tag:attack-sqli"`.
    Rules,
    /// An inline table of this name.
    Inline(&'static str),
}

/// What stands in for a key that is left out.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// It must be written.
    Required,
    /// These words say what then holds.
    Otherwise(&'static str),
    /// This TOML value.
    Default(&'static str),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Tables, in the order in which the default file has them.
pub const TABLES: &[Table] = &[
    Table { name: "", many: false, doc: "What this edge is" },
    Table { name: "listen", many: false, doc: "Sockets" },
    Table { name: "tls", many: false, doc: "The server's certificate" },
    Table {
        name: "certificate",
        many: true,
        doc: "A further certificate, chosen by the name a client asks for",
    },
    Table { name: "pki", many: false, doc: "Certificates of customers" },
    Table {
        name: "authority",
        many: true,
        doc: "An external authority whose certificates customers may show",
    },
    Table { name: "host", many: true, doc: "Hosts with a policy of their own" },
    Table {
        name: "hsts",
        many: false,
        doc: "Strict-Transport-Security (RFC 6797), on every answer over HTTPS",
    },
    Table { name: "limits", many: false, doc: "What a stranger may use" },
    Table { name: "client", many: false, doc: "Who is believed about where a request comes from" },
    Table { name: "access", many: false, doc: "Which addresses may come in" },
    Table { name: "address_list", many: true, doc: "Addresses under one name" },
    Table {
        name: "break_glass",
        many: true,
        doc: "Addresses that come in for a while whatever the lists say",
    },
    Table { name: "rate_limits", many: false, doc: "How limits count" },
    Table { name: "rate_limit", many: true, doc: "How much one client may ask" },
    Table { name: "waf", many: false, doc: "The rule engine" },
    Table {
        name: "rule_exclusion",
        many: true,
        doc: "Rules, or targets of rules, that are left out for a while",
    },
    Table { name: "log", many: false, doc: "Records" },
    Table { name: "server", many: false, doc: "The process" },
    Table { name: "upstream", many: true, doc: "A backend" },
    Table { name: "upstream.tls", many: false, doc: "How a backend's certificate is verified" },
    Table { name: "route", many: true, doc: "Which requests go to which backend" },
    Table { name: "route.waf", many: false, doc: "What the engine does on this route" },
];

const fn key(table: &'static str, name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Key {
    Key { table, name, kind, absent, doc }
}

/// Keys, in the order in which the default file has them.
pub const KEYS: &[Key] = {
    use Absent::{Default, Otherwise, Required};
    use Kind::{
        Choice, Count, Duration, Flag, Inline, Moment, Path, Paths, Prefixes, Rules, Size, SocketOrOff,
        Sockets, Text, Texts, WordOrPath,
    };
    &[
        key("", "environment", Text, Default("\"development\""), "label of this environment"),
        key("listen", "https", Sockets, Default("[\"127.0.0.1:8443\"]"), "TLS listeners, at least one"),
        key(
            "listen",
            "http",
            Sockets,
            Default("[\"127.0.0.1:8080\"]"),
            "plain listeners, which redirect to https",
        ),
        key("listen", "admin", SocketOrOff, Default("\"127.0.0.1:9145\""), "metrics, liveness, readiness"),
        key(
            "listen",
            "admin_public",
            Flag,
            Default("false"),
            "allows admin on an address that is not loopback",
        ),
        key(
            "listen",
            "public_https_port",
            Count(1, 65535),
            Otherwise("the port of the first https listener"),
            "port named in redirects",
        ),
        key("tls", "certificate", Path, Default("\"certs/server.pem\""), "PEM file, leaf first"),
        key("tls", "key", Path, Default("\"certs/server.key\""), "PEM file of its private key"),
        key("certificate", "certificate", Path, Required, "PEM file, leaf first"),
        key("certificate", "key", Path, Required, "PEM file of its private key"),
        key("tls", "min_version", Choice(&["1.2", "1.3"]), Default("\"1.2\""), "oldest TLS version spoken"),
        key(
            "pki",
            "dir",
            Path,
            Otherwise("no client is asked for a certificate"),
            "the register that `portcullis cert` and `portcullis customer` keep",
        ),
        key(
            "pki",
            "grace",
            Duration(0, 30 * DAY),
            Default("\"1h\""),
            "how long the last good state counts when the register, a bundle or a CRL cannot be used",
        ),
        key(
            "pki",
            "customer_field",
            Text,
            Default("\"x-customer-id\""),
            "header field that tells a backend the customer",
        ),
        key("authority", "id", Text, Required, "name for records and metrics"),
        key(
            "authority",
            "bundle",
            Path,
            Required,
            "PEM file or directory: certificates of authorities that issue",
        ),
        key("authority", "crl", Path, Required, "PEM file or directory: a CRL of each of them"),
        key("host", "names", Texts, Required, "host names as in routes"),
        key(
            "host",
            "client_cert",
            Choice(CLIENT_CERT),
            Required,
            "whether a client is asked for its certificate, or must have one",
        ),
        key(
            "hsts",
            "max_age",
            Duration(0, 3650 * DAY),
            Default("\"365d\""),
            "how long a browser remembers; zero revokes",
        ),
        key("hsts", "include_subdomains", Flag, Default("false"), "the same for all subdomains"),
        key("hsts", "preload", Flag, Default("false"), "consent to browsers' preload lists"),
        key("limits", "connections", Count(1, 1_000_000), Default("10000"), "connections open at once"),
        key(
            "limits",
            "connections_per_address",
            Count(1, 1_000_000),
            Default("256"),
            "connections open at once from one address, or IPv6 /64",
        ),
        key(
            "limits",
            "handshake_timeout",
            Duration(100, 300 * SECOND),
            Default("\"10s\""),
            "total time of a TLS handshake",
        ),
        key(
            "limits",
            "head_timeout",
            Duration(100, 300 * SECOND),
            Default("\"10s\""),
            "total time of a request head",
        ),
        key(
            "limits",
            "idle_timeout",
            Duration(100, HOUR),
            Default("\"60s\""),
            "idle time before a request on a kept connection",
        ),
        key(
            "limits",
            "body_timeout",
            Duration(100, 24 * HOUR),
            Default("\"60s\""),
            "total time of a request body",
        ),
        key(
            "limits",
            "body_rate",
            Size(0, GIB),
            Default("\"1KiB\""),
            "least bytes a second of a request body; zero for none",
        ),
        key(
            "limits",
            "body_grace",
            Duration(100, HOUR),
            Default("\"10s\""),
            "time before that rate is asked for",
        ),
        key(
            "limits",
            "write_timeout",
            Duration(100, HOUR),
            Default("\"30s\""),
            "time without progress while an answer is written",
        ),
        key(
            "limits",
            "answer_rate",
            Size(0, GIB),
            Default("\"1KiB\""),
            "least bytes a second while a client is waited for; zero for none",
        ),
        key("limits", "answer_timeout", Duration(100, 7 * DAY), Default("\"1h\""), "total time of an answer"),
        key(
            "limits",
            "requests_per_connection",
            Count(1, 1_000_000),
            Default("1000"),
            "requests before a connection is closed",
        ),
        key("limits", "head_bytes", Size(KIB, MIB), Default("\"32KiB\""), "bytes of a request head"),
        key("limits", "header_fields", Count(1, 250), Default("100"), "header fields of a request"),
        key("limits", "header_line_bytes", Size(64, MIB), Default("\"16KiB\""), "bytes of one header line"),
        key("limits", "target_bytes", Size(64, 64 * KIB), Default("\"8KiB\""), "bytes of a request target"),
        key("limits", "body_bytes", Size(0, 4 * GIB), Default("\"10MiB\""), "bytes of a request body"),
        key(
            "limits",
            "buffered_bytes",
            Size(MIB, 1024 * GIB),
            Default("\"512MiB\""),
            "bytes of bodies and answers held at once, all together",
        ),
        key(
            "limits",
            "queue_time",
            Duration(10, 60 * SECOND),
            Default("\"250ms\""),
            "time that work may wait for a processor before requests are turned away",
        ),
        key(
            "limits",
            "h2_streams",
            Count(1, 10_000),
            Default("100"),
            "concurrent HTTP/2 streams of a connection",
        ),
        key(
            "limits",
            "h2_resets",
            Count(1, 1_000_000),
            Default("200"),
            "HTTP/2 streams that a client may take back in a minute",
        ),
        key(
            "limits",
            "h2_control_frames",
            Count(10, 1_000_000),
            Default("1000"),
            "other HTTP/2 frames without content in a minute",
        ),
        key(
            "client",
            "proxy_protocol_from",
            Prefixes,
            Default("[]"),
            "peers whose connections begin with a PROXY protocol header",
        ),
        key(
            "client",
            "trusted_proxies",
            Prefixes,
            Default("[]"),
            "proxies whose forwarding field is believed",
        ),
        key(
            "client",
            "forwarded_field",
            Choice(&["x-forwarded-for", "forwarded"]),
            Default("\"x-forwarded-for\""),
            "the field they write",
        ),
        key(
            "access",
            "allow",
            Texts,
            Default("[]"),
            "address lists that everybody must be on; none lets all in",
        ),
        key("access", "deny", Texts, Default("[]"), "address lists that nobody may be on"),
        key("address_list", "id", Text, Required, "name for routes and for records"),
        key("address_list", "prefixes", Prefixes, Default("[]"), "addresses and prefixes"),
        key(
            "address_list",
            "files",
            Paths,
            Default("[]"),
            "files of more, one in each line, which are watched",
        ),
        key("break_glass", "id", Text, Required, "name for records"),
        key("break_glass", "prefixes", Prefixes, Required, "addresses that are let in"),
        key("break_glass", "routes", Texts, Default("[]"), "ids of the routes it holds for; empty is all"),
        key(
            "break_glass",
            "customers",
            Texts,
            Default("[]"),
            "customers whose own networks it lets past as well; empty is nobody's",
        ),
        key("break_glass", "expires", Moment, Required, "when it ends"),
        key("break_glass", "reason", Text, Required, "why it is needed"),
        key("break_glass", "ticket", Text, Required, "where that is kept"),
        key("break_glass", "approved_by", Text, Required, "who allowed it"),
        key(
            "rate_limits",
            "ipv4_prefix",
            Count(8, 32),
            Default("32"),
            "bits of an IPv4 address that are one client",
        ),
        key(
            "rate_limits",
            "ipv6_prefix",
            Count(16, 128),
            Default("64"),
            "bits of an IPv6 address that are one client",
        ),
        key(
            "rate_limits",
            "store",
            Text,
            Otherwise("each edge counts for itself"),
            "a Redis that edges share, \"redis://host:port/number\", \"rediss://\" for TLS",
        ),
        key(
            "rate_limits",
            "store_ca",
            Path,
            Otherwise("rediss:// needs it"),
            "PEM file of the authorities that may have signed its certificate",
        ),
        key("rate_limits", "store_user", Text, Otherwise("the default user"), "user to log in as"),
        key(
            "rate_limits",
            "store_password_file",
            Path,
            Otherwise("no password"),
            "file that holds the password",
        ),
        key(
            "rate_limits",
            "store_secret_file",
            Path,
            Otherwise("store needs it"),
            "file with a secret of 16 bytes or more that edges share, by which keys are hashed",
        ),
        key(
            "rate_limits",
            "store_timeout",
            Duration(1, 10 * SECOND),
            Default("\"20ms\""),
            "what it may add to a request",
        ),
        key(
            "rate_limits",
            "on_store_failure",
            Choice(&["local", "refuse"]),
            Default("\"local\""),
            "what holds while it is away",
        ),
        key("rate_limit", "id", Text, Required, "name for clients, records and metrics"),
        key("rate_limit", "key", Texts, Default("[\"address\"]"), "what is counted by"),
        key("rate_limit", "routes", Texts, Default("[]"), "ids of the routes it holds for; empty is all"),
        key("rate_limit", "customers", Texts, Default("[]"), "customers it holds for; empty is everybody"),
        key("rate_limit", "requests", Count(1, 1_000_000), Otherwise("no rate"), "requests in each period"),
        key("rate_limit", "period", Duration(SECOND, DAY), Default("\"1s\""), "the period"),
        key(
            "rate_limit",
            "burst",
            Count(1, 1_000_000),
            Otherwise("the value of requests"),
            "requests at once after a rest",
        ),
        key(
            "rate_limit",
            "concurrent",
            Count(1, 1_000_000),
            Otherwise("no bound"),
            "requests being served at once",
        ),
        key(
            "rate_limit",
            "keys",
            Count(8, 10_000_000),
            Default("100000"),
            "clients whose rate is remembered",
        ),
        key(
            "rate_limit",
            "mode",
            Choice(&["enforce", "shadow"]),
            Default("\"enforce\""),
            "whether it refuses or only tells",
        ),
        key("waf", "mode", Choice(MODES), Default("\"block\""), "what a match leads to"),
        key(
            "waf",
            "crs",
            WordOrPath(&["auto", "baseline", "none"]),
            Default("\"auto\""),
            "where the rule set comes from",
        ),
        key("waf", "paranoia", Count(1, 4), Default("1"), "paranoia level whose rules block"),
        key(
            "waf",
            "detection_paranoia",
            Count(1, 4),
            Otherwise("the value of paranoia"),
            "paranoia level whose rules are recorded",
        ),
        key(
            "waf",
            "inbound_threshold",
            Count(1, 100_000),
            Default("5"),
            "anomaly score at which a request is refused",
        ),
        key(
            "waf",
            "outbound_threshold",
            Count(1, 100_000),
            Default("4"),
            "anomaly score at which an answer is refused",
        ),
        key(
            "waf",
            "engine",
            Path,
            Otherwise("the engine settings built in"),
            "SecLang file of engine settings",
        ),
        key("waf", "include_before", Paths, Default("[]"), "SecLang files read before the rule set"),
        key("waf", "include_after", Paths, Default("[]"), "SecLang files read after it"),
        key("waf", "inspect_responses", Flag, Default("true"), "whether answers are inspected"),
        key(
            "waf",
            "work_budget",
            Count(0, 10_000_000_000),
            Default("200_000_000"),
            "units of work for one request; 0 is no bound",
        ),
        key(
            "waf",
            "work_spent",
            Choice(&["refuse", "detect"]),
            Default("\"refuse\""),
            "what happens to a request that needs more",
        ),
        key(
            "waf",
            "verdict_cache",
            Flag,
            Default("true"),
            "whether rules remember header fields and names that come again",
        ),
        key("rule_exclusion", "rules", Rules, Required, "ids of rules, ranges of ids, tags"),
        key(
            "rule_exclusion",
            "targets",
            Texts,
            Default("[]"),
            "what they do not look at, in SecLang's words; empty leaves the rules out whole",
        ),
        key("rule_exclusion", "routes", Texts, Default("[]"), "ids of the routes it holds for; empty is all"),
        key("rule_exclusion", "reason", Text, Required, "why"),
        key("rule_exclusion", "owner", Text, Required, "who answers for it"),
        key("rule_exclusion", "expires", Moment, Required, "when it ends"),
        key("log", "access", WordOrPath(SINKS), Default("\"stdout\""), "one line for each request"),
        key("log", "audit", WordOrPath(SINKS), Default("\"stdout\""), "one event for each refusal"),
        key(
            "log",
            "audit_scope",
            Choice(&["refused", "matched", "all"]),
            Default("\"refused\""),
            "which requests the audit log gets",
        ),
        key(
            "log",
            "audit_values",
            Flag,
            Default("false"),
            "audit events hold values of requests: for tests of rules",
        ),
        key(
            "log",
            "level",
            Choice(&["error", "warn", "info", "debug"]),
            Default("\"info\""),
            "the process' own log, on stderr",
        ),
        key("server", "threads", Count(0, 1024), Default("0"), "worker threads; 0 is one for each processor"),
        key(
            "server",
            "drain_timeout",
            Duration(0, HOUR),
            Default("\"30s\""),
            "time for requests in flight after SIGTERM",
        ),
        key("upstream", "id", Text, Required, "name for routes, records and metrics"),
        key("upstream", "servers", Texts, Required, "\"host:port\", used in turn"),
        key(
            "upstream",
            "tls",
            Inline("upstream.tls"),
            Otherwise("allow_plaintext must be true"),
            "TLS to the backend",
        ),
        key("upstream", "allow_plaintext", Flag, Default("false"), "speak to it without TLS"),
        key(
            "upstream",
            "connect_timeout",
            Duration(10, 300 * SECOND),
            Default("\"5s\""),
            "time to connect, TLS included",
        ),
        key(
            "upstream",
            "read_timeout",
            Duration(100, 24 * HOUR),
            Default("\"60s\""),
            "time without a byte of an answer",
        ),
        key(
            "upstream",
            "write_timeout",
            Duration(100, HOUR),
            Default("\"30s\""),
            "time without progress while a request is sent",
        ),
        key(
            "upstream",
            "idle_timeout",
            Duration(0, HOUR),
            Default("\"60s\""),
            "idle time of a kept connection",
        ),
        key("upstream", "http", Choice(&["1.1", "2", "auto"]), Default("\"1.1\""), "HTTP version asked for"),
        key(
            "upstream.tls",
            "ca",
            Path,
            Required,
            "PEM file of the authorities that may have signed its certificate",
        ),
        key(
            "upstream.tls",
            "name",
            Text,
            Otherwise("the host of the server"),
            "name its certificate must hold",
        ),
        key("route", "id", Text, Required, "name for records and metrics"),
        key(
            "route",
            "hosts",
            Texts,
            Default("[]"),
            "host names, \"*.example.com\" for one label more; empty is any",
        ),
        key("route", "path_prefix", Text, Default("\"/\""), "fits whole segments"),
        key("route", "upstream", Text, Required, "id of an upstream"),
        key(
            "route",
            "client_cert",
            Choice(CLIENT_CERT),
            Otherwise("that of its host"),
            "whether a client may show a certificate, or must",
        ),
        key("route", "customers", Texts, Default("[]"), "customers that are served; empty is everybody"),
        key(
            "route",
            "allow",
            Texts,
            Default("[]"),
            "address lists that clients must be on here; none lets all in",
        ),
        key("route", "deny", Texts, Default("[]"), "address lists that clients may not be on here"),
        key("route", "waf", Inline("route.waf"), Otherwise("as [waf] says"), "what the engine does here"),
        key(
            "route",
            "body_limit",
            Size(0, 4 * GIB),
            Otherwise("the value of limits.body_bytes"),
            "bytes of a request body here",
        ),
        key("route.waf", "mode", Choice(MODES), Otherwise("the value of waf.mode"), "what a match leads to"),
        key(
            "route.waf",
            "paranoia",
            Count(1, 4),
            Otherwise("the value of waf.paranoia"),
            "paranoia level whose rules block",
        ),
        key(
            "route.waf",
            "detection_paranoia",
            Count(1, 4),
            Otherwise("the value of waf.detection_paranoia, and at least paranoia"),
            "paranoia level whose rules are recorded",
        ),
        key(
            "route.waf",
            "inbound_threshold",
            Count(1, 100_000),
            Otherwise("the value of waf.inbound_threshold"),
            "anomaly score at which a request is refused",
        ),
        key(
            "route.waf",
            "outbound_threshold",
            Count(1, 100_000),
            Otherwise("the value of waf.outbound_threshold"),
            "anomaly score at which an answer is refused",
        ),
    ]
};

const MODES: &[&str] = &["block", "detect", "off"];
const CLIENT_CERT: &[&str] = &["off", "optional", "required"];
const SINKS: &[&str] = &["off", "stdout", "stderr"];

/// The keys of one table.
pub fn keys_of(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

/// One key.
#[must_use]
pub fn find(table: &str, name: &str) -> Option<&'static Key> {
    keys_of(table).find(|key| key.name == name)
}

/// The tables that stand at the top of the file.
pub fn top_tables() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| !table.name.is_empty() && !table.name.contains('.'))
}
