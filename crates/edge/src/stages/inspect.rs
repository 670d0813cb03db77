//! Inspection of a request: phase 1 over its head, then the whole body read and held, then phase 2.
//!
//! Every call into the engine is under one roof, [`Inspection`]: the time of its phases is counted, and a panic in it costs the one
//! request, which is refused.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::header;
use pingora_proxy::Session;
use portcullis_config::{Limits, WafMode};
use portcullis_waf::{Connection as EngineConnection, Report, Transaction, Verdict};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
    time::timeout_at,
};

use crate::{
    answer::Refusal,
    budget::Reservation,
    context::{Connection, Context},
    edge::Edge,
    gate::Head,
    overlay::Applied,
    snapshot::{Snapshot, engine_mode, when_spent},
};

/// Bytes from which the engine's time over a body is told in milliseconds.
const LONG_BODY: usize = 256 << 10;

/// First allocation for a body whose length is declared; the rest comes as the bytes do.
const FIRST_ALLOCATION: usize = 64 << 10;

/// One request in the engine.
pub(crate) struct Inspection {
    /// Absent after a panic, and once it is finished.
    transaction: Option<Transaction>,
    /// What phase 5 left, until the record is written.
    report: Option<Report>,
    elapsed: Duration,
    /// Refusal by a response phase, which happens out of the context's sight.
    pub(crate) refusal: Option<Refusal>,
    /// Room for the body, given back when the request is over.
    room: Option<Reservation>,
}

/// Shared by the context and the judge of a held answer.
#[derive(Clone)]
pub(crate) struct SharedInspection(Arc<Mutex<Inspection>>);

impl SharedInspection {
    pub(crate) fn begin(
        edge: &Edge,
        snapshot: &Snapshot,
        connection: &Connection,
        id: &str,
        mode: WafMode,
        applied: &Applied<'_>,
    ) -> Self {
        let connection = EngineConnection {
            client: connection.client,
            server: connection.server,
            unique_id: id.to_owned(),
        };
        let transaction = catch_unwind(AssertUnwindSafe(|| {
            let (mode, collections, clock) =
                (engine_mode(mode), Arc::clone(&edge.collections), Arc::clone(&edge.clock));
            let mut transaction = match applied.variant() {
                Some(variant) => Transaction::begin_variant(variant, mode, connection, collections, clock),
                None => {
                    Transaction::begin(Arc::clone(&snapshot.program), mode, connection, collections, clock)
                }
            };
            applied.leave_out(&mut transaction);
            transaction
        }));
        Self(Arc::new(Mutex::new(Inspection {
            transaction: transaction.ok().map(|mut transaction| {
                if let Some(budget) = snapshot.config.waf.work_budget {
                    transaction.limit_work(budget.units, when_spent(budget.action));
                }
                if snapshot.config.waf.verdict_cache {
                    transaction.remember_verdicts();
                }
                if snapshot.config.log.audit_values {
                    transaction.keep_values();
                }
                transaction
            }),
            report: None,
            elapsed: Duration::ZERO,
            refusal: None,
            room: None,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inspection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inspection {
    /// Calls the engine.
    pub(crate) fn run<T>(&mut self, call: impl FnOnce(&mut Transaction) -> T) -> Result<T, Refusal> {
        let began = Instant::now();
        let outcome = self.guarded(call);
        self.elapsed += began.elapsed();
        outcome
    }

    /// Asks the engine what it wants, which takes no time that is worth being measured.
    pub(crate) fn ask<T>(&mut self, question: impl FnOnce(&Transaction) -> T) -> Result<T, Refusal> {
        self.guarded(|transaction| question(transaction))
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut Transaction) -> T) -> Result<T, Refusal> {
        let transaction = self.transaction.as_mut().ok_or(Refusal::EnginePanic)?;
        catch_unwind(AssertUnwindSafe(|| call(transaction))).map_err(|_| {
            // What a panic left behind is not asked again.
            self.transaction = None;
            Refusal::EnginePanic
        })
    }

    /// Calls a phase of the engine.
    pub(crate) fn phase(&mut self, call: impl FnOnce(&mut Transaction) -> Verdict) -> Result<(), Refusal> {
        match self.run(call)? {
            Verdict::Pass => Ok(()),
            Verdict::Intervene(intervention) if intervention.rule == 0 && self.work_is_spent() => {
                Err(Refusal::WorkBudget)
            }
            Verdict::Intervene(intervention) => Err(Refusal::Rules(intervention)),
        }
    }

    fn work_is_spent(&self) -> bool {
        self.transaction.as_ref().is_some_and(Transaction::work_is_spent)
    }

    /// Phase 5, and the end of the transaction. To be called earlier than the record is written where nothing comes any more that rules
    /// see: the engine and what it holds are in the processor's caches then. `DURATION` ends there.
    pub(crate) fn conclude(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        let began = Instant::now();
        self.report = catch_unwind(AssertUnwindSafe(|| transaction.finish())).ok();
        self.elapsed += began.elapsed();
    }

    /// Phase 5, unless it was run, and the end. The time is that of all phases.
    pub(crate) fn finish(&mut self) -> Option<(Report, Duration)> {
        self.conclude();
        self.report.take().map(|report| (report, self.elapsed))
    }
}

/// A request that admission refused is shown to the rules all the same, for the record: probing for hosts and methods is what their
/// log is read for.
pub(crate) fn unadmitted(snapshot: &Snapshot, ctx: &mut Context) {
    if ctx.mode() == WafMode::Off {
        return;
    }
    let (Some(head), Some(arrival), Ok(applied)) = (&ctx.head, &ctx.arrival, ctx.applied()) else { return };
    let (connection, id) = (&arrival.connection, &ctx.request_id);
    let inspection = SharedInspection::begin(&ctx.edge, snapshot, connection, id, ctx.mode(), &applied);
    refused_head(&inspection, head);
    ctx.inspection = Some(inspection);
}

/// Phase 1.
pub(crate) fn head(snapshot: &Snapshot, ctx: &mut Context) -> Result<(), Refusal> {
    let head = ctx.head.clone().ok_or(Refusal::Internal)?;
    let arrival = ctx.arrival.as_ref().ok_or(Refusal::Internal)?;
    let (connection, id, applied) = (&arrival.connection, &ctx.request_id, ctx.applied()?);
    let inspection = SharedInspection::begin(&ctx.edge, snapshot, connection, id, ctx.mode(), &applied);
    let outcome = phase_1(&inspection, &head);
    ctx.inspection = Some(inspection);
    outcome
}

fn phase_1(inspection: &SharedInspection, head: &Head) -> Result<(), Refusal> {
    let fields = head.fields();
    inspection.lock().phase(|transaction| transaction.request_head(&head.for_rules(&fields)))
}

/// A head that the gate refused, for the record's sake: its verdict changes nothing any more.
pub(crate) fn refused_head(inspection: &SharedInspection, head: &Head) {
    if phase_1(inspection, head).is_ok() {
        let _ = inspection.lock().phase(|transaction| transaction.request_body(b""));
    }
}

/// Reads the whole body, within its limit, its deadline and the common budget; then phase 2. `None` for an upgrade, whose bytes are
/// another protocol's.
pub(crate) async fn body(
    snapshot: &Snapshot,
    ctx: &mut Context,
    session: &mut Session,
) -> Result<Option<Bytes>, Refusal> {
    let inspection = ctx.inspection.clone().ok_or(Refusal::Internal)?;
    if session.is_upgrade_req() {
        inspection.lock().phase(|transaction| transaction.request_body(b""))?;
        return Ok(None);
    }
    let body = read_body(snapshot, ctx, session, &inspection).await?;
    ctx.body_length = Some(body.len());
    let length = body.len();
    aside(length, || inspection.lock().phase(|transaction| transaction.request_body_shared(&body)))?;
    Ok(Some(body))
}

async fn read_body(
    snapshot: &Snapshot,
    ctx: &Context,
    session: &mut Session,
    inspection: &SharedInspection,
) -> Result<Bytes, Refusal> {
    if session.is_body_empty() {
        return Ok(Bytes::new());
    }
    let limits = &snapshot.config.limits;
    let limit = limit(ctx, inspection)?;
    let declared =
        session.get_header(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: usize| declared > limit) {
        return Err(Refusal::BodyTooLarge);
    }
    let first = declared.unwrap_or(0).min(FIRST_ALLOCATION);
    let mut room = ctx.edge.buffered.reserve(0, limits.buffered_bytes).ok_or(Refusal::Overloaded)?;
    if session.get_header(header::EXPECT).is_some() {
        session.write_continue_response().await.map_err(|_| Refusal::ClientGone)?;
    }
    let began = tokio::time::Instant::now();
    let mut body = BytesMut::with_capacity(first);
    loop {
        let deadline = began + time_for(body.len(), limits);
        let read =
            timeout_at(deadline, session.read_request_body()).await.map_err(|_| Refusal::BodyTimeout)?;
        let Some(chunk) = read.map_err(|error| unreadable(ctx, &error))? else { break };
        if body.len() + chunk.len() > limit {
            return Err(Refusal::BodyTooLarge);
        }
        if !room.grow(chunk.len(), limits.buffered_bytes) {
            return Err(Refusal::Overloaded);
        }
        body.extend_from_slice(&chunk);
    }
    inspection.lock().room = Some(room);
    Ok(body.freeze())
}

/// Time that a body of which so much is here may have taken: its whole time, or less where it comes below the least rate.
fn time_for(received: usize, limits: &Limits) -> Duration {
    let Some(rate) = u64::try_from(limits.body_rate).ok().filter(|rate| *rate > 0) else {
        return limits.body_timeout;
    };
    let earned = Duration::from_millis((received as u64).saturating_mul(1000) / rate);
    limits.body_timeout.min(limits.body_grace.saturating_add(earned))
}

/// Calls at once; over a long body from a thread that the runtime does not wait for, so that one upload does not stall the requests
/// that share its worker.
pub(super) fn aside<T>(length: usize, call: impl FnOnce() -> T) -> T {
    let workers =
        Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if length > LONG_BODY && workers { block_in_place(call) } else { call() }
}

/// The route's limit, or the rules' own where that is lower, the rules look at bodies at all, and they may refuse.
fn limit(ctx: &Context, inspection: &SharedInspection) -> Result<usize, Refusal> {
    let configured = ctx.route().map_or(ctx.snapshot.config.limits.body_bytes, |route| route.body_bytes);
    if ctx.mode() != WafMode::Block {
        return Ok(configured);
    }
    let of_rules = inspection.lock().ask(|transaction| {
        let bounds = transaction.inspects_request_body() && transaction.rejects_long_request();
        if bounds { transaction.request_body_limit() } else { usize::MAX }
    })?;
    Ok(configured.min(of_rules))
}

fn unreadable(ctx: &Context, error: &pingora_core::Error) -> Refusal {
    use pingora_core::ErrorType;
    let notes = ctx.arrival.as_ref().map(|arrival| &arrival.notes);
    if notes.is_some_and(|notes| notes.bad_chunks.load(Ordering::Relaxed)) {
        return Refusal::BadBody;
    }
    match error.etype() {
        ErrorType::ReadTimedout => Refusal::BodyTimeout,
        ErrorType::ReadError | ErrorType::ConnectionClosed => Refusal::ClientGone,
        // Chunks that are none (RFC 9112, section 7.1), a length that does not hold.
        _ => Refusal::BadBody,
    }
}

#[cfg(test)]
mod tests {
    use portcullis_diag::Sources;
    use portcullis_seclang::ast::Document;
    use portcullis_waf::Collections;

    use super::*;
    use crate::{assemble::FileLoader, clock::SystemClock};

    fn inspection() -> Inspection {
        let compiled = portcullis_waf::compile(&Document::default(), &Sources::new(), &FileLoader::new());
        let address = "127.0.0.1:1".parse().expect("an address");
        let connection = EngineConnection { client: address, server: address, unique_id: "id".to_owned() };
        let transaction = Transaction::begin(
            Arc::new(compiled.program.expect("a program of no rules")),
            portcullis_waf::Mode::Block,
            connection,
            Arc::new(Collections::new(1, 1)),
            Arc::new(SystemClock),
        );
        Inspection {
            transaction: Some(transaction),
            report: None,
            elapsed: Duration::ZERO,
            refusal: None,
            room: None,
        }
    }

    #[test]
    fn a_panic_in_the_engine_refuses_the_request_and_is_the_end_of_it() {
        let mut inspection = inspection();
        assert_eq!(inspection.phase(|transaction| transaction.request_body(b"")), Ok(()));
        assert_eq!(inspection.phase(|_| panic!("a fault of the engine")), Err(Refusal::EnginePanic));
        assert_eq!(inspection.phase(|transaction| transaction.request_body(b"")), Err(Refusal::EnginePanic));
        assert!(inspection.finish().is_none());
    }

    #[test]
    fn what_phase_5_left_waits_for_the_record_and_nothing_is_judged_any_more() {
        let mut inspection = inspection();
        inspection.conclude();
        assert_eq!(inspection.phase(|transaction| transaction.request_body(b"")), Err(Refusal::EnginePanic));
        assert!(inspection.finish().is_some());
        assert!(inspection.finish().is_none());
    }
}
