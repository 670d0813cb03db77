//! The access record: what is said about one request, or about a connection that never came to one, as one JSON line.
//!
//! A field that does not apply is left out. There is no field for a header value, a cookie, a parameter's value or a body, and text
//! from a client fits only in fields of type [`Text`].

use std::{net::SocketAddr, time::Duration};

use serde::{Serialize, Serializer};

use crate::redact::Text;

/// Rule ids that one line lists; the audit event has them all.
const RULE_IDS: usize = 64;

/// Room for a line, which an ordinary one does not outgrow.
const USUAL: usize = 1024;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A request that got an answer, or whose answer could not be delivered.
    Request,
    /// A connection that ended before a request could be told from it: handshake failures, HTTP/2 protocol errors.
    Connection,
}

/// One line of the access log.
#[derive(Clone, Debug, Serialize)]
pub struct AccessRecord {
    /// When it began, RFC 3339 with a zone, as the caller's clock has it.
    pub time: String,
    /// `request` or `connection`
    #[serde(rename = "type")]
    pub kind: RecordKind,
    /// The id the client was given, made by the edge.
    pub request_id: String,
    /// Address of the listener it came in by.
    #[serde(serialize_with = "address")]
    pub listener: SocketAddr,
    /// The client as the edge believes it to be; port zero where a proxy told of it in a request's head.
    #[serde(serialize_with = "address")]
    pub client: SocketAddr,
    /// The other end of the connection, where that is a trusted proxy of the client's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// Absent over plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// `HTTP/1.1`, `HTTP/2.0`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text>,
    /// Request method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Text>,
    /// `Host` or `:authority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Text>,
    /// Id of the route from the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Id of the customer whose certificate was shown, as the register has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Serial number of that certificate, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Path without the query: [`crate::redact::path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// Names of the query's parameters: [`crate::redact::parameter_names`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Text>,
    /// Status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why the edge refused, one of its closed set of reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// The break-glass entry that let the request in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// Limits in shadow mode that would have refused it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadow_limits: Vec<String>,
    /// What the engine said; absent where it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waf: Option<WafFacts>,
    /// Bytes of the request, head and body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the answer.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// Absent where no backend was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamFacts>,
}

/// What TLS agreed on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TlsFacts {
    /// `TLSv1.3`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Server name the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<Text>,
    /// Protocol agreed on by ALPN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<Text>,
}

/// What the engine said.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WafFacts {
    /// `block`, `detect`, `off`
    pub mode: &'static str,
    /// Inbound anomaly score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// Outbound anomaly score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_score: Option<i64>,
    /// Ids of rules that matched and have `log`; the first 64 are written.
    #[serde(serialize_with = "bounded")]
    pub rules: Vec<u64>,
    /// Whether the request was refused by it.
    pub blocked: bool,
    /// Whether the budget of work was used up, so that not everything was inspected.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub work_spent: bool,
}

/// What a backend did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpstreamFacts {
    /// Id from the configuration.
    pub id: String,
    /// The server of it that was asked.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_address")]
    pub address: Option<SocketAddr>,
    /// From connecting to the end of its answer.
    #[serde(
        rename = "duration_seconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_seconds"
    )]
    pub duration: Option<Duration>,
    /// Its status, which need not be the one the client got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl AccessRecord {
    /// A record with what is known of everything that comes in; the rest is filled as it becomes known.
    #[must_use]
    pub fn new(
        time: String,
        kind: RecordKind,
        request_id: String,
        listener: SocketAddr,
        client: SocketAddr,
    ) -> Self {
        Self {
            time,
            kind,
            request_id,
            listener,
            client,
            peer: None,
            tls: None,
            protocol: None,
            method: None,
            host: None,
            route: None,
            customer: None,
            certificate: None,
            path: None,
            parameters: Vec::new(),
            status: None,
            refusal: None,
            break_glass: None,
            shadow_limits: Vec::new(),
            waf: None,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            upstream: None,
        }
    }

    /// The record as one JSON object, without a line end.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(USUAL);
        // Only maps with keys that are not strings and failing writers can fail here; there are neither.
        match serde_json::to_writer(&mut line, self) {
            Ok(()) => line,
            Err(_) => Vec::new(),
        }
    }
}

fn address<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::address::socket(*address))
}

fn optional_address<S: Serializer>(optional: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    match optional {
        Some(known) => address(known, serializer),
        None => serializer.serialize_none(),
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Whole microseconds: more digits than that are noise in a log.
    #[expect(clippy::cast_precision_loss, reason = "2^52 microseconds are 142 years")]
    let seconds = duration.as_micros() as f64 / 1_000_000.0;
    serializer.serialize_f64(seconds)
}

fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn bounded<S: Serializer>(rules: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().take(RULE_IDS))
}
