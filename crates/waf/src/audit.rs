//! The audit event of a transaction: what matched and what was decided, in compact JSON, without a value of the request.

use serde_json::{Map, Value, json};

use crate::transaction::{Disposition, MatchedRule, MatchedTarget, Report};

/// What the engine does not know about the transaction.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Request id; the same as in the access log.
    pub unique_id: &'a str,
    /// Seconds since the Unix epoch, as a text the sink has formatted (RFC 3339).
    pub time: &'a str,
    /// The client's address.
    pub client: &'a str,
    /// Rule releases (`SecComponentSignature`).
    pub signatures: &'a [String],
}

/// The event. Rules that have `noauditlog` are left out, so that bookkeeping rules do not fill the log; texts are as written in the
/// rules, their macros unexpanded.
#[must_use]
pub fn event(report: &Report, envelope: &Envelope<'_>) -> Value {
    let mut event = Map::new();
    event.insert("time".to_owned(), json!(envelope.time));
    event.insert("id".to_owned(), json!(envelope.unique_id));
    event.insert("client".to_owned(), json!(envelope.client));
    if !envelope.signatures.is_empty() {
        event.insert("rules".to_owned(), json!(envelope.signatures));
    }
    if let Some(intervention) = &report.intervention {
        let mut decision = json!({
            "rule": intervention.rule,
            "phase": intervention.phase,
            "enforced": report.enforced,
        });
        if let Some(decision) = decision.as_object_mut() {
            match &intervention.disposition {
                Disposition::Deny(status) => {
                    decision.insert("action".to_owned(), json!("deny"));
                    decision.insert("status".to_owned(), json!(status));
                }
                Disposition::Drop => {
                    decision.insert("action".to_owned(), json!("drop"));
                }
                // A location may hold request values: only that there was one is told.
                Disposition::Redirect(status, _) => {
                    decision.insert("action".to_owned(), json!("redirect"));
                    decision.insert("status".to_owned(), json!(status));
                }
            }
        }
        event.insert("decision".to_owned(), decision);
    }
    for (name, score) in [("inbound_score", report.inbound_score), ("outbound_score", report.outbound_score)]
    {
        if let Some(score) = score {
            event.insert(name.to_owned(), json!(score));
        }
    }
    let matched: Vec<Value> = report.matched.iter().filter(|rule| rule.audited).map(rule).collect();
    event.insert("matched".to_owned(), Value::Array(matched));
    Value::Object(event)
}

fn rule(rule: &MatchedRule) -> Value {
    let mut entry = json!({ "id": rule.id, "phase": rule.phase });
    if let Some(entry) = entry.as_object_mut() {
        if let Some(severity) = rule.severity {
            entry.insert("severity".to_owned(), json!(severity));
        }
        if !rule.message.is_empty() {
            entry.insert("msg".to_owned(), json!(&*rule.message));
        }
        if !rule.tags.is_empty() {
            entry.insert("tags".to_owned(), json!(rule.tags.iter().map(|tag| &**tag).collect::<Vec<_>>()));
        }
        entry.insert("targets".to_owned(), rule.targets.iter().map(target).collect());
    }
    entry
}

fn target(target: &MatchedTarget) -> Value {
    json!({ "variable": target.variable, "offset": target.offset, "length": target.length })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::transaction::Intervention;

    #[test]
    fn an_event_tells_where_and_not_what() {
        let matched = |id, audited| MatchedRule {
            id,
            phase: 2,
            severity: Some(2),
            message: Arc::from("Found %{MATCHED_VAR}"),
            tags: Arc::from([Box::from("attack-sqli")]),
            targets: [MatchedTarget { variable: "ARGS:q".to_owned(), offset: 3, length: 5 }]
                .into_iter()
                .collect(),
            logged: true,
            audited,
            log_data: Some(b"secret".to_vec()),
            expanded_message: Some(b"Found secret".to_vec()),
        };
        let report = Report {
            matched: vec![matched(1, false), matched(942100, true)],
            intervention: Some(Intervention {
                rule: 949110,
                phase: 2,
                disposition: Disposition::Redirect(302, b"/?q=secret".to_vec()),
            }),
            enforced: true,
            inbound_score: Some(5),
            outbound_score: None,
            audit_wanted: true,
        };
        let envelope =
            Envelope { unique_id: "u1", time: "2026-01-01T00:00:00Z", client: "192.0.2.1", signatures: &[] };
        let text = event(&report, &envelope).to_string();
        assert_eq!(
            text,
            concat!(
                r#"{"time":"2026-01-01T00:00:00Z","id":"u1","client":"192.0.2.1","#,
                r#""decision":{"rule":949110,"phase":2,"enforced":true,"action":"redirect","status":302},"#,
                r#""inbound_score":5,"matched":[{"id":942100,"phase":2,"severity":2,"msg":"Found %{MATCHED_VAR}","#,
                r#""tags":["attack-sqli"],"targets":[{"variable":"ARGS:q","offset":3,"length":5}]}]}"#,
            )
        );
    }
}
