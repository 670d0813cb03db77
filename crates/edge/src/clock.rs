//! The one place of the product that asks what time it is; everything below the edge is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The machine's clock, as the engine wants it.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl portcullis_waf::Clock for SystemClock {
    fn unix_time(&self) -> Duration {
        unix_time()
    }
}

/// Time since the Unix epoch; zero for a clock that stands before it.
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The moment `ago` before now as RFC 3339 in UTC.
pub(crate) fn rfc3339(ago: Duration) -> String {
    let moment = OffsetDateTime::from(SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH));
    // Whole milliseconds: a log needs no more, and every line then has the same length.
    let moment = moment.replace_millisecond(moment.millisecond()).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_default()
}
