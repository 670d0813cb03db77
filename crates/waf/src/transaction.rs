//! One request's way through the rules: five phases, a verdict after each, and a report at the end.

use std::{fmt, net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use bytes::Bytes;
use portcullis_body::Limits;

use crate::{
    collections::Collections,
    ir::{AuditEngine, LimitAction, Program},
    matches::Matches,
    reference::{Outcome, Run},
    removal::Removal,
    state::{Name, Processor, Request, State, Value, decimal, hide, number},
    variant::Variant,
};

/// `SecRuleEngine`, or what the configuration puts over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Disruptive actions are carried out.
    #[default]
    Block,
    /// Everything runs, nothing is refused (`DetectionOnly`).
    Detect,
    /// No rule runs.
    Off,
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

/// What happens to a request that has used up its work ([`Transaction::limit_work`]). Either way nothing more of it is inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenSpent {
    /// It is refused, by the engine itself: rule 0, status 403.
    #[default]
    Refuse,
    /// It goes on uninspected, and the report says so.
    Detect,
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
    /// Rule whose action it is; 0 for the engine itself, when a limit was passed.
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
    pub targets: Targets,
    /// `log` or `nolog`
    pub logged: bool,
    /// `auditlog` or `noauditlog`
    pub audited: bool,
    /// `logdata` with macros expanded, present only when [`Transaction::keep_values`] was asked for.
    pub log_data: Option<Vec<u8>>,
    /// `msg` with macros expanded, present only when [`Transaction::keep_values`] was asked for.
    pub expanded_message: Option<Vec<u8>>,
}

/// The places of one match. Most rules that match in every request say the same each time, so they are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(Arc<[MatchedTarget]>);

impl Deref for Targets {
    type Target = [MatchedTarget];

    fn deref(&self) -> &[MatchedTarget] {
        &self.0
    }
}

impl FromIterator<MatchedTarget> for Targets {
    fn from_iter<I: IntoIterator<Item = MatchedTarget>>(targets: I) -> Self {
        Self(targets.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Targets {
    type Item = &'a MatchedTarget;
    type IntoIter = std::slice::Iter<'a, MatchedTarget>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Where a rule matched.
#[derive(Clone)]
pub struct MatchedTarget {
    pub(crate) name: Name,
    /// Byte offset of the match within the transformed value.
    pub offset: usize,
    /// Length of the match in bytes.
    pub length: usize,
}

impl MatchedTarget {
    /// `ARGS:q`; the member's name is what the client sent, control bytes and bytes beyond ASCII escaped, cut after 128 bytes.
    #[must_use]
    pub fn variable(&self) -> String {
        self.name.printable()
    }
}

impl PartialEq for MatchedTarget {
    fn eq(&self, other: &Self) -> bool {
        (self.offset, self.length) == (other.offset, other.length) && self.variable() == other.variable()
    }
}

impl Eq for MatchedTarget {}

impl fmt::Debug for MatchedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}+{}", self.variable(), self.offset, self.length)
    }
}

/// Everything a transaction has to say about itself.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they matched; rules with `nolog` too.
    pub matched: Matches,
    /// The first disruptive action, also when [`Mode::Detect`] kept it from being carried out.
    pub intervention: Option<Intervention>,
    /// Whether the intervention was carried out.
    pub enforced: bool,
    /// `TX:BLOCKING_INBOUND_ANOMALY_SCORE` (CRS 4) or `TX:ANOMALY_SCORE` (CRS 3), if set.
    pub inbound_score: Option<i64>,
    /// `TX:BLOCKING_OUTBOUND_ANOMALY_SCORE` or `TX:OUTBOUND_ANOMALY_SCORE`, if set.
    pub outbound_score: Option<i64>,
    /// Units of work that were used, phase 5 not counted.
    pub work: u64,
    /// Whether the work was used up, so that not everything was inspected.
    pub work_spent: bool,
    /// Whether the audit log wants this transaction (`SecAuditEngine`, relevant status, `ctl:auditEngine`).
    pub audit_wanted: bool,
}

/// A request under inspection. The phases are called in order; one that is left out is skipped.
///
/// After an enforced intervention every further phase but the last gives it again without running a rule.
#[derive(Debug)]
pub struct Transaction {
    /// In its own place, as it is large and its owner moves it.
    run: Box<Run>,
}

/// Units of work for a byte of a body that is parsed.
const PARSING: u32 = 4;

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
        let plan = program.plan.clone();
        Self { run: Box::new(Run::new(State::new(program, plan, connection, collections, clock), mode)) }
    }

    /// Begins with other values in the program's settings.
    #[must_use]
    pub fn begin_variant(
        variant: &Arc<Variant>,
        mode: Mode,
        connection: Connection,
        collections: Arc<Collections>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (program, plan) = (Arc::clone(variant.program()), variant.plan().cloned());
        let mut run = Box::new(Run::new(State::new(program, plan, connection, collections, clock), mode));
        run.variant = Some(Arc::clone(variant));
        Self { run }
    }

    /// Leaves rules out, or targets of them; called before phase 1. A removal of another program is passed over: more is inspected then,
    /// never less.
    pub fn leave_out(&mut self, removal: &Removal) {
        if Arc::ptr_eq(&removal.program, &self.run.state.program) {
            self.run.state.controls.leave_out(removal);
        }
    }

    /// Keeps expanded `msg` and `logdata` in the report. They hold request values: for the conformance runner and `rules test` only.
    pub fn keep_values(&mut self) {
        self.run.keep_values();
    }

    /// Bounds the work of phases 1 to 4, in units: about one for a byte that goes through one automaton. Unlimited when nothing is said.
    pub fn limit_work(&mut self, units: u64, when_spent: WhenSpent) {
        self.run.state.work.limit(units);
        self.run.when_spent = when_spent;
    }

    /// Remembers, in the thread, which rules may match values that come again: header fields, names, paths. What it finds does not change,
    /// only what it costs. Values of arguments and cookies, and fields that hold credentials, are never remembered.
    pub fn remember_verdicts(&mut self) {
        self.run.state.remembers = true;
    }

    /// Whether the work was used up: if the request was refused by rule 0, that is why.
    #[must_use]
    pub fn work_is_spent(&self) -> bool {
        self.run.exhausted
    }

    /// Phase 1.
    pub fn request_head(&mut self, head: &RequestHead<'_>) -> Verdict {
        if self.run.mode() == Mode::Off {
            return Verdict::Pass;
        }
        let state = &mut self.run.state;
        let settings = state.program.settings();
        let limits = Limits { fields: settings.arguments_limit, ..Limits::default() };
        state.request = Request::read(head, settings.argument_separator, &limits);
        if state.request.too_many_args {
            // Not all arguments were read: the rule on REQBODY_ERROR refuses such a request, as with a body's.
            state.body.fail(format!("more than {} arguments", limits.fields));
        }
        if state.request.content_types_differ {
            // The backend may go by another one than the engine does.
            state.body.fail("several content types".to_owned());
        }
        state.body.processor =
            state.request.content_type().and_then(|value| Processor::of_content_type(value));
        self.run.phase(1)
    }

    /// Whether phase 2 wants to see the body (`SecRequestBodyAccess`, `ctl:requestBodyAccess`).
    #[must_use]
    pub fn inspects_request_body(&self) -> bool {
        self.run.mode() != Mode::Off && self.run.state.controls.request_body_access
    }

    /// `SecRequestBodyLimit` in bytes. A longer body is the edge's to refuse.
    #[must_use]
    pub fn request_body_limit(&self) -> usize {
        self.settings().request_body_limit
    }

    /// Whether a longer body is refused (`SecRequestBodyLimitAction Reject`) rather than inspected in part.
    #[must_use]
    pub fn rejects_long_request(&self) -> bool {
        self.settings().request_body_limit_action == LimitAction::Reject
    }

    /// Phase 2; called with an empty body when there is none.
    ///
    /// It runs whether or not the body is inspected (trap 25: v2 and Coraza; v3 would skip every rule of the phase). A body beyond the
    /// limit is refused with 413 (trap 41: Coraza; v3 answers 403) or, with `ProcessPartial`, inspected as far as the limit goes.
    pub fn request_body(&mut self, body: &[u8]) -> Verdict {
        let copied = if self.inspects_request_body() { body } else { &[] };
        self.request_body_shared(&Bytes::copy_from_slice(copied))
    }

    /// [`Transaction::request_body`] without a copy: the values of the body share its bytes.
    pub fn request_body_shared(&mut self, body: &Bytes) -> Verdict {
        if self.run.mode() == Mode::Off {
            return Verdict::Pass;
        }
        if self.inspects_request_body() {
            let limit = self.request_body_limit();
            let held = body.slice(..limit.min(body.len()));
            let state = &mut self.run.state;
            state.body.beyond_limit = held.len() < body.len();
            state.body.processor = state.controls.processor.or(state.body.processor);
            let content_type = state.request.content_type().cloned().unwrap_or_default();
            let program = Arc::clone(&state.program);
            state.work.charge_value(held.len(), PARSING);
            if !held.is_empty() && state.body.processor.is_some() && state.request.is_packed() {
                state.body.fail("a body with a content coding".to_owned());
            }
            state.body.read(&held, &content_type, program.settings());
            if state.body.beyond_limit && self.rejects_long_request() {
                let refused = self.run.refuse(2, 413);
                if refused != Verdict::Pass {
                    return refused;
                }
            }
        }
        self.run.phase(2)
    }

    /// Phase 3. `status` and `headers` as the backend gave them.
    pub fn response_head(&mut self, status: u16, protocol: &[u8], headers: &[Header<'_>]) -> Verdict {
        self.run.state.response.read_head(status, protocol, headers);
        self.run.phase(3)
    }

    /// Whether phase 4 wants to see the body: `SecResponseBodyAccess` and the type is among `SecResponseBodyMimeType`.
    #[must_use]
    pub fn inspects_response_body(&self) -> bool {
        let state = &self.run.state;
        self.run.mode() != Mode::Off
            && state.controls.response_body_access
            && state.response.in_scope(&self.settings().response_body_mime_types)
    }

    /// `SecResponseBodyLimit` in bytes: what is held of an answer.
    #[must_use]
    pub fn response_body_limit(&self) -> usize {
        self.settings().response_body_limit
    }

    /// Whether a longer answer is refused (`SecResponseBodyLimitAction Reject`) rather than inspected in part.
    #[must_use]
    pub fn rejects_long_response(&self) -> bool {
        self.settings().response_body_limit_action == LimitAction::Reject
    }

    /// Phase 4. `body` is the whole body or its first [`Transaction::response_body_limit`] bytes.
    ///
    /// Its rules run even if the body is not inspected: some look at the status only.
    pub fn response_body(&mut self, body: &[u8]) -> Verdict {
        let copied = if self.inspects_response_body() { body } else { &[] };
        self.response_body_shared(&Bytes::copy_from_slice(copied))
    }

    /// [`Transaction::response_body`] without a copy.
    pub fn response_body_shared(&mut self, body: &Bytes) -> Verdict {
        if self.inspects_response_body() {
            let held = body.slice(..self.response_body_limit().min(body.len()));
            self.run.state.response.beyond_limit = held.len() < body.len();
            self.run.state.response.body = Some(Value::shared(held));
            if self.run.state.response.beyond_limit && self.rejects_long_response() {
                let refused = self.run.refuse(4, 500);
                if refused != Verdict::Pass {
                    return refused;
                }
            }
        }
        self.run.phase(4)
    }

    /// Phase 5. Persistent collections need no writing back: every change was made at once.
    pub fn finish(self) -> Report {
        let mut run = self.run;
        let (work, work_spent) = (run.state.work.used(), run.exhausted);
        // What phase 5 decides comes too late; the verdict is that of the phases before.
        let _ = run.phase(5);
        let Outcome { mut matched, intervention, enforced, audited } = run.outcome();
        run.forecast.put_back();
        let state = &run.state;
        hide(state, &mut matched);
        let score = |names: [&[u8]; 2]| {
            names.iter().find_map(|name| state.tx.find(name)).map(|member| number(&member.value))
        };
        let status = match intervention.as_ref().filter(|_| enforced).map(|refused| &refused.disposition) {
            Some(Disposition::Deny(status) | Disposition::Redirect(status, _)) => Some(*status),
            Some(Disposition::Drop) => None,
            None => state.response.head.as_ref().map(|head| head.number),
        };
        let relevant = || {
            let regex = state.program.settings().audit_relevant_status.as_ref();
            regex.zip(status).is_some_and(|(regex, status)| regex.is_match(&decimal(status)))
        };
        let audit_wanted = match state.controls.audit_engine {
            AuditEngine::On => true,
            AuditEngine::Off => false,
            AuditEngine::RelevantOnly => audited || enforced || work_spent || relevant(),
        };
        Report {
            inbound_score: score([b"blocking_inbound_anomaly_score", b"anomaly_score"]),
            outbound_score: score([b"blocking_outbound_anomaly_score", b"outbound_anomaly_score"]),
            matched,
            intervention,
            enforced,
            work,
            work_spent,
            audit_wanted,
        }
    }

    fn settings(&self) -> &crate::ir::Settings {
        self.run.state.program.settings()
    }
}
