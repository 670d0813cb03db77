//! The one place of the product that asks what time it is; everything below the edge is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{OffsetDateTime, UtcOffset};

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

/// A Unix time as RFC 3339 in UTC.
pub(crate) fn rfc3339_of(unix_time: Duration) -> String {
    let moment =
        i64::try_from(unix_time.as_secs()).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    moment.map(drawn).unwrap_or_default()
}

/// The moment `ago` before now as RFC 3339 in UTC.
pub(crate) fn rfc3339(ago: Duration) -> String {
    drawn(SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH).into())
}

/// With milliseconds, all three digits of them: lines of one length sort as text.
fn drawn(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_has_three_digits_behind_its_point() {
        for (nanoseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_790_000_000_120_999_999, "2026-09-21T14:13:20.120Z"),
            (1_790_000_000_007_000_000, "2026-09-21T14:13:20.007Z"),
        ] {
            let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).expect("a moment");
            assert_eq!(drawn(moment), expected);
        }
    }
}
