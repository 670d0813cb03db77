//! One request's way through the rules: five phases, a verdict after each, and a report at the end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

/// `SecRuleEngine`, or what the configuration puts over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Disruptive actions are carried out.
    #[default]
    Block,
    /// Everything runs, nothing is refused (`DetectionOnly`).
    Detect,
    /// No rule runs.
    Off,
}

/// The compiled rules. Immutable, shared by all workers.
#[derive(Debug, Default)]
pub struct Program {
    facts: ProgramFacts,
}

/// What a program is made of, for the `ready` line and `rules check`.
#[derive(Clone, Debug, Default)]
pub struct ProgramFacts {
    /// `SecRule` and `SecAction` heads.
    pub rules: usize,
    /// Chain links below them.
    pub links: usize,
    /// Values of `SecComponentSignature`, such as `OWASP_CRS/4.28.0`.
    pub signatures: Vec<String>,
}

impl Program {
    /// What it is made of.
    #[must_use]
    pub fn facts(&self) -> &ProgramFacts {
        &self.facts
    }
}

/// Persistent collections (`IP`, `SESSION`, `GLOBAL`, ..) of one edge: bounded, shared by all transactions, kept over reloads.
#[derive(Debug, Default)]
pub struct Collections {}

impl Collections {
    /// At most `records` records of at most `variables` variables each; the record that expires first makes room.
    #[must_use]
    pub fn new(records: usize, variables: usize) -> Self {
        let _ = (records, variables);
        Self {}
    }
}

/// Facts of the connection and the moment.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `REMOTE_ADDR`, `REMOTE_PORT`: the client as the edge believes it to be.
    pub client: SocketAddr,
    /// `SERVER_ADDR`, `SERVER_PORT`
    pub server: SocketAddr,
    /// `UNIQUE_ID`, the request id.
    pub unique_id: String,
}

/// Where the time comes from: `TIME*`, `DURATION` and the expiry of persistent collections ask it.
pub trait Clock: Send + Sync {
    /// Time since the Unix epoch.
    fn unix_time(&self) -> Duration;
}

/// A header field as received.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Name in its original case.
    pub name: &'a [u8],
    /// Value without surrounding whitespace.
    pub value: &'a [u8],
}

/// The head of a request as it was on the wire, before anything was normalised.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `REQUEST_METHOD`
    pub method: &'a [u8],
    /// Request target as received: `REQUEST_URI_RAW`.
    pub target: &'a [u8],
    /// `HTTP/1.1`, `HTTP/2.0`
    pub protocol: &'a [u8],
    /// In wire order. Over HTTP/2 the edge puts `:authority` here as `Host`, first.
    pub headers: &'a [Header<'a>],
}

/// What a phase decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Stop: the disruptive action of a rule is to be carried out.
    Intervene(Intervention),
}

/// A disruptive action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervention {
    /// Rule whose action it is.
    pub rule: u64,
    /// Phase it came in, 1 to 4.
    pub phase: u8,
    /// What to do.
    pub disposition: Disposition,
}

/// What to do with a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Answer with this status (`deny,status:403`).
    Deny(u16),
    /// Close the connection without an answer (`drop`).
    Drop,
    /// Answer with this status and location (`redirect`).
    Redirect(u16, Vec<u8>),
}

/// A rule that matched.
#[derive(Clone, Debug)]
pub struct MatchedRule {
    /// `id`
    pub id: u64,
    /// Phase it ran in.
    pub phase: u8,
    /// `severity`, 0 (emergency) to 7.
    pub severity: Option<u8>,
    /// `msg` as written, macros unexpanded: expansion may hold values.
    pub message: Arc<str>,
    /// `tag`s as written.
    pub tags: Arc<[Box<str>]>,
    /// Where the match was found. Names, offsets and lengths; never a value.
    pub targets: Vec<MatchedTarget>,
    /// `log` or `nolog`
    pub logged: bool,
    /// `auditlog` or `noauditlog`
    pub audited: bool,
    /// `logdata` with macros expanded, present only when [`Transaction::keep_values`] was asked for.
    pub log_data: Option<Vec<u8>>,
    /// `msg` with macros expanded, present only when [`Transaction::keep_values`] was asked for.
    pub expanded_message: Option<Vec<u8>>,
}

/// Where a rule matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedTarget {
    /// `ARGS:q`; the member's name is what the client sent, control bytes and bytes beyond ASCII escaped, cut after 128 bytes.
    pub variable: String,
    /// Byte offset of the match within the transformed value.
    pub offset: usize,
    /// Length of the match in bytes.
    pub length: usize,
}

/// Everything a transaction has to say about itself.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they matched; rules with `nolog` too.
    pub matched: Vec<MatchedRule>,
    /// The first disruptive action, also when [`Mode::Detect`] kept it from being carried out.
    pub intervention: Option<Intervention>,
    /// Whether the intervention was carried out.
    pub enforced: bool,
    /// `TX:BLOCKING_INBOUND_ANOMALY_SCORE` (CRS 4) or `TX:ANOMALY_SCORE` (CRS 3), if set.
    pub inbound_score: Option<i64>,
    /// `TX:BLOCKING_OUTBOUND_ANOMALY_SCORE` or `TX:OUTBOUND_ANOMALY_SCORE`, if set.
    pub outbound_score: Option<i64>,
    /// Whether the audit log wants this transaction (`SecAuditEngine`, relevant status, `ctl:auditEngine`).
    pub audit_wanted: bool,
}

/// A request under inspection. The phases are called in order; one that is left out is skipped.
#[derive(Debug)]
pub struct Transaction {
    program: Arc<Program>,
}

impl Transaction {
    /// Begins. `mode` may weaken what the rules say (`SecRuleEngine`), never strengthen it: `Off` there stays off.
    #[must_use]
    pub fn begin(
        program: Arc<Program>,
        mode: Mode,
        connection: Connection,
        collections: Arc<Collections>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let _ = (mode, connection, collections, clock);
        Self { program }
    }

    /// Keeps expanded `msg` and `logdata` in the report. They hold request values: for the conformance runner and `rules test` only.
    pub fn keep_values(&mut self) {}

    /// Phase 1.
    pub fn request_head(&mut self, head: &RequestHead<'_>) -> Verdict {
        let _ = head;
        Verdict::Pass
    }

    /// Whether phase 2 wants to see the body (`SecRequestBodyAccess`, `ctl:requestBodyAccess`).
    #[must_use]
    pub fn inspects_request_body(&self) -> bool {
        true
    }

    /// `SecRequestBodyLimit` in bytes. A longer body is the edge's to refuse.
    #[must_use]
    pub fn request_body_limit(&self) -> usize {
        let _ = &self.program;
        134_217_728
    }

    /// Phase 2; called with an empty body when there is none.
    pub fn request_body(&mut self, body: &[u8]) -> Verdict {
        let _ = body;
        Verdict::Pass
    }

    /// Phase 3. `status` and `headers` as the backend gave them.
    pub fn response_head(&mut self, status: u16, protocol: &[u8], headers: &[Header<'_>]) -> Verdict {
        let _ = (status, protocol, headers);
        Verdict::Pass
    }

    /// Whether phase 4 wants to see the body: `SecResponseBodyAccess` and the type is among `SecResponseBodyMimeType`.
    #[must_use]
    pub fn inspects_response_body(&self) -> bool {
        false
    }

    /// `SecResponseBodyLimit` in bytes: what is held of an answer.
    #[must_use]
    pub fn response_body_limit(&self) -> usize {
        524_288
    }

    /// Whether a longer answer is refused (`SecResponseBodyLimitAction Reject`) rather than inspected in part.
    #[must_use]
    pub fn rejects_long_response(&self) -> bool {
        false
    }

    /// Phase 4. `body` is the whole body or its first [`Transaction::response_body_limit`] bytes.
    pub fn response_body(&mut self, body: &[u8]) -> Verdict {
        let _ = body;
        Verdict::Pass
    }

    /// Phase 5; persistent collections are written back.
    pub fn finish(self) -> Report {
        Report::default()
    }
}
