//! The audit event: what the rules found in one request, by names and places, never by values.
//!
//! With `log.audit_values`, which is for tests of rules, the engine was asked to keep values, and what it kept is written too.

use portcullis_config::{AuditScope, WafMode};
use portcullis_telemetry::AccessRecord;
use portcullis_waf::{Disposition, MatchedRule, Report};
use serde_json::{Value, json};

use crate::{
    answer::Refusal,
    snapshot::{Snapshot, mode_name},
};

/// Rules that one event lists.
const MOST_RULES: usize = 256;

/// Targets listed of one rule.
const MOST_TARGETS: usize = 64;

/// Whether the scope asks for this one.
pub(super) fn is_wanted(scope: AuditScope, report: &Report, refusal: Option<&Refusal>) -> bool {
    let rules_refused = report.intervention.is_some()
        || report.work_spent
        || matches!(refusal, Some(Refusal::Rules(_) | Refusal::WorkBudget));
    match scope {
        AuditScope::All => true,
        // `SecAuditEngine Off` and its `ctl` are the rules' own word on it.
        _ if !report.audit_wanted => false,
        AuditScope::Matched => rules_refused || report.matched.logged().next().is_some(),
        AuditScope::Refused => rules_refused,
    }
}

/// The event. The request's own facts are those of its access line.
pub(super) fn event(record: &AccessRecord, report: &Report, mode: WafMode, snapshot: &Snapshot) -> Value {
    let everything = snapshot.config.log.audit_scope == AuditScope::All;
    let listed = |rule: &&MatchedRule| everything || (rule.logged && rule.audited);
    let rules: Vec<Value> = report.matched.iter().filter(listed).take(MOST_RULES).map(rule).collect();
    json!({
        "time": record.time,
        "type": "audit",
        "request_id": record.request_id,
        "client": record.client,
        "host": record.host,
        "route": record.route,
        "protocol": record.protocol,
        "method": record.method,
        "path": record.path,
        "parameters": record.parameters,
        "status": record.status,
        "refusal": record.refusal,
        "mode": mode_name(mode),
        "blocked": report.enforced,
        "work_spent": report.work_spent,
        "score": report.inbound_score,
        "outbound_score": report.outbound_score,
        "intervention": report.intervention.as_ref().map(|intervention| json!({
            "rule": intervention.rule,
            "phase": intervention.phase,
            "action": match intervention.disposition {
                Disposition::Deny(_) => "deny",
                Disposition::Drop => "drop",
                Disposition::Redirect(..) => "redirect",
            },
        })),
        "rule_set": snapshot.rule_set.name,
        "rules_matched": report.matched.iter().filter(listed).count(),
        "rules": rules,
    })
}

fn rule(rule: &MatchedRule) -> Value {
    let targets: Vec<Value> = rule
        .targets
        .iter()
        .take(MOST_TARGETS)
        .map(
            |target| json!({ "variable": target.variable(), "offset": target.offset, "length": target.length }),
        )
        .collect();
    let mut entry = json!({
        "id": rule.id,
        "phase": rule.phase,
        "severity": rule.severity,
        "message": rule.expanded_message.as_deref().map_or((*rule.message).into(), String::from_utf8_lossy),
        "tags": rule.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
        "logged": rule.logged,
        "targets": targets,
    });
    if let (Some(entry), Some(data)) = (entry.as_object_mut(), &rule.log_data) {
        entry.insert("log_data".to_owned(), String::from_utf8_lossy(data).into());
    }
    entry
}
