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
    let mut text = String::with_capacity("1970-01-01T00:00:00.000Z".len());
    padded(&mut text, u16::try_from(moment.year()).unwrap_or_default(), 4);
    for (before, number) in [
        ('-', u8::from(moment.month())),
        ('-', moment.day()),
        ('T', moment.hour()),
        (':', moment.minute()),
        (':', moment.second()),
    ] {
        text.push(before);
        padded(&mut text, number.into(), 2);
    }
    text.push('.');
    padded(&mut text, moment.millisecond(), 3);
    text.push('Z');
    text
}

/// The last so many digits. Every record holds a time, and the general way costs ten times as much.
fn padded(text: &mut String, number: u16, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u16.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
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
