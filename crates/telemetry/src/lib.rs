//! What the edge tells about itself: numbers for Prometheus, one JSON line per request, one audit event per refusal.
//!
//! The crate records the values it is given and asks nobody for more: no clock, no engine, no configuration. Two invariants hold.
//! Text that came from a client exists in a record only as [`redact::Text`], which only the functions of [`redact`] can make; and
//! nothing a record does can make a request wait: a [`Writer`] that cannot keep up drops lines and counts them.

mod access;
pub mod address;
mod metrics;
pub mod redact;
mod writer;

pub use access::{AccessRecord, RecordKind, TlsFacts, UpstreamFacts, WafFacts};
pub use metrics::{Build, InFlight, Metrics, RateLimitCounters, RequestFacts};
pub use writer::{Target, Writer};

pub use prometheus::{Error as MetricsError, IntCounter};
