//! The record: phase 5 if it was not run yet, one access line, one audit event where one is due, and the numbers. Every request comes
//! here, however it ended, and every connection that came to no request.

use std::{borrow::Cow, time::Duration};

use pingora_proxy::Session;
use portcullis_config::WafMode;
use portcullis_telemetry::{AccessRecord, RecordKind, RequestFacts, UpstreamFacts, WafFacts, redact};
use portcullis_waf::Report;
use tokio::time::Instant;

use super::{
    audit,
    inspect::{self, SharedInspection},
};
use crate::{
    answer::Refusal,
    client, clock,
    context::{Connection, Context},
    edge::Edge,
    gate::Head,
    overlay::Applied,
    request_id,
    snapshot::{Snapshot, mode_name},
    upstream::Attempt,
};

/// A connection that ended, or an HTTP/2 stream that was reset, before there was a request.
pub(crate) fn connection(edge: &Edge, connection: &Connection, refusal: &Refusal) {
    edge.metrics.refused(refusal.reason());
    let snapshot = edge.snapshot();
    let mut record = begin(connection, RecordKind::Connection, &request_id::new(), Duration::ZERO);
    record.refusal = Some(refusal.reason());
    snapshot.logs.access.access(&record);
}

/// A request that was refused before the pipeline had it. Its head, where there was one, is shown to the rules for the record's sake.
pub(crate) fn refused(
    edge: &Edge,
    connection: &Connection,
    head: Option<&Head>,
    refusal: &Refusal,
    request_id: &str,
    began: Option<Instant>,
) {
    let snapshot = edge.snapshot();
    let connection = &*seen(&snapshot, connection, head);
    let mode = snapshot.config.waf.mode;
    let report = match head {
        Some(head) if mode != WafMode::Off => {
            let inspection =
                SharedInspection::begin(edge, &snapshot, connection, request_id, mode, &Applied::default());
            inspect::refused_head(&inspection, head);
            inspection.lock().finish()
        }
        _ => None,
    };
    let elapsed = began.map_or(Duration::ZERO, |began| began.elapsed());
    let mut record = begin(connection, RecordKind::Request, request_id, elapsed);
    if let Some(head) = head {
        describe(&mut record, head);
        record.bytes_in = head.len() as u64;
    }
    write(
        edge,
        &snapshot,
        Written { record, report, refusal: Some(refusal), mode, status: refusal.status() },
    );
}

/// A request over plain HTTP that was told where HTTPS is.
pub(crate) fn redirected(
    edge: &Edge,
    connection: &Connection,
    head: &Head,
    status: u16,
    request_id: &str,
    began: Option<Instant>,
) {
    let snapshot = edge.snapshot();
    let connection = &*seen(&snapshot, connection, Some(head));
    let elapsed = began.map_or(Duration::ZERO, |began| began.elapsed());
    let mut record = begin(connection, RecordKind::Request, request_id, elapsed);
    describe(&mut record, head);
    record.bytes_in = head.len() as u64;
    let mode = snapshot.config.waf.mode;
    write(edge, &snapshot, Written { record, report: None, refusal: None, mode, status });
}

/// A request that went through the pipeline, to whatever end.
pub(crate) fn request(session: &Session, ctx: &mut Context) {
    let Some(arrival) = ctx.arrival.clone() else { return };
    let elapsed = ctx.answered.unwrap_or_else(Instant::now).saturating_duration_since(ctx.began);
    let mut record = begin(&arrival.connection, RecordKind::Request, &ctx.request_id, elapsed);
    if let Some(head) = &ctx.head {
        describe(&mut record, head);
        record.bytes_in = head.len() as u64 + session.body_bytes_read() as u64;
    }
    record.route = ctx.route().map(|route| route.id.clone());
    if let Some(identity) = &ctx.identity {
        record.customer = Some(identity.id.as_str().to_owned());
        record.certificate = Some(identity.serial().to_owned());
    }
    let entry = ctx.break_glass.and_then(|index| ctx.snapshot.config.break_glass.get(index));
    record.break_glass = entry.map(|entry| entry.id.clone());
    record.shadow_limits = ctx.snapshot.limits.ids(&ctx.limits.shadow);
    record.bytes_out = session.body_bytes_sent() as u64;
    let mut report = None;
    if let Some(inspection) = ctx.inspection.take() {
        let mut inspection = inspection.lock();
        ctx.refusal = inspection.refusal.take().or(ctx.refusal.take());
        report = inspection.finish();
    }
    let refusal = ctx.refusal.take();
    if let Some(attempt) = &ctx.attempt {
        record.upstream = Some(upstream(ctx, attempt, refusal.as_ref()));
    }
    let status = session.response_written().map_or(0, |head| head.status.as_u16());
    let mode = ctx.mode();
    write(&ctx.edge, &ctx.snapshot, Written { record, report, refusal: refusal.as_ref(), mode, status });
}

/// The connection as the request has it whose head this is.
fn seen<'c>(snapshot: &Snapshot, connection: &'c Connection, head: Option<&Head>) -> Cow<'c, Connection> {
    head.map_or(Cow::Borrowed(connection), |head| client::of_request(snapshot, connection, head))
}

struct Written<'a> {
    record: AccessRecord,
    report: Option<(Report, Duration)>,
    refusal: Option<&'a Refusal>,
    mode: WafMode,
    status: u16,
}

fn write(edge: &Edge, snapshot: &Snapshot, written: Written<'_>) {
    let Written { mut record, report, refusal, mode, status } = written;
    record.status = (status != 0).then_some(status);
    record.refusal = refusal.map(Refusal::reason);
    if let Some(reason) = record.refusal {
        edge.metrics.refused(reason);
    }
    let facts = RequestFacts {
        route: record.route.as_deref(),
        method: record.method.as_ref().map_or(b"", |method| method.as_str().as_bytes()),
        status,
        protocol: record.protocol.as_ref().map_or("", |protocol| protocol.as_str()),
    };
    edge.metrics.request_finished(facts, record.duration);
    if let Some((report, elapsed)) = report {
        let facts = waf_facts(&report, mode);
        numbers(edge, &record, &report, &facts.rules, elapsed);
        record.waf = Some(facts);
        if audit::is_wanted(snapshot.config.log.audit_scope, &report, refusal) && snapshot.logs.audit.is_on()
        {
            snapshot.logs.audit.event(&audit::event(&record, &report, mode, snapshot));
        }
    } else if mode == WafMode::Off {
        record.waf = Some(WafFacts { mode: mode_name(mode), ..WafFacts::default() });
    }
    snapshot.logs.access.access(&record);
}

fn begin(connection: &Connection, kind: RecordKind, request_id: &str, elapsed: Duration) -> AccessRecord {
    let mut record = AccessRecord::new(
        clock::rfc3339(elapsed),
        kind,
        request_id.to_owned(),
        connection.server,
        connection.client,
    );
    record.peer = (connection.peer != connection.client).then_some(connection.peer);
    record.tls.clone_from(&connection.tls);
    record.duration = elapsed;
    record
}

fn describe(record: &mut AccessRecord, head: &Head) {
    // Of a request line with a space too many, what stands last may be part of a query value: a version is named only if it is one.
    let version = head.protocol();
    let is_version = matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
    record.protocol = is_version.then(|| redact::word(version));
    record.method = Some(redact::word(head.method()));
    record.host = head.field("host").map(redact::host);
    record.path = Some(redact::path(head.target()));
    record.parameters = redact::parameter_names(redact::query(head.target()));
}

fn upstream(ctx: &Context, attempt: &Attempt, refusal: Option<&Refusal>) -> UpstreamFacts {
    let elapsed = attempt.began.elapsed();
    let result = match refusal {
        Some(Refusal::UpstreamConnect) => "connect",
        Some(Refusal::UpstreamTls) => "tls",
        Some(Refusal::UpstreamTimeout) => "timeout",
        Some(Refusal::UpstreamReset) => "reset",
        Some(Refusal::UpstreamAnswer) => "bad_answer",
        Some(Refusal::ClientGone) => "client_gone",
        _ => "ok",
    };
    ctx.edge.metrics.upstream_finished(attempt.upstream.id(), result, elapsed);
    UpstreamFacts {
        id: attempt.upstream.id().to_owned(),
        address: attempt.address(),
        duration: Some(elapsed),
        status: attempt.status,
    }
}

fn numbers(edge: &Edge, record: &AccessRecord, report: &Report, logged: &[u64], elapsed: Duration) {
    let route = record.route.as_deref();
    let action = match (&report.intervention, report.enforced) {
        (Some(_), true) => "block",
        (Some(_), false) => "detect",
        (None, _) => "pass",
    };
    edge.metrics.waf_decision(route, action);
    edge.metrics.waf_evaluated(elapsed);
    if report.work_spent {
        edge.metrics.waf_work_spent(route);
    }
    for rule in logged {
        edge.metrics.waf_rule_matched(*rule, route);
    }
}

fn waf_facts(report: &Report, mode: WafMode) -> WafFacts {
    WafFacts {
        mode: mode_name(mode),
        score: report.inbound_score,
        outbound_score: report.outbound_score,
        rules: report.matched.logged().map(|rule| rule.id).collect(),
        blocked: report.enforced,
        work_spent: report.work_spent,
    }
}
