//! Moments and spans of time as the register's files write them: RFC 3339 to the second in UTC, and `90d`, `12h`, `30m`, `5s`.

use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Whole seconds, as certificates count.
pub(crate) fn whole(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_nanosecond(0).unwrap_or(moment).to_offset(UtcOffset::UTC)
}

/// `2027-02-22T09:00:00Z`
#[must_use]
pub fn show_moment(moment: OffsetDateTime) -> String {
    whole(moment).format(&Rfc3339).unwrap_or_default()
}

/// A span of time: a whole number and `d`, `h`, `m` or `s`.
///
/// # Errors
/// What is wrong, in words that can follow the text.
pub fn parse_span(text: &str) -> Result<Duration, &'static str> {
    const PROBLEM: &str = "is no time; write a whole number and a unit, as in 90d, 12h, 30m or 5s";
    let unit = text.chars().last().ok_or(PROBLEM)?;
    let seconds: i64 = match unit {
        'd' => 86_400,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return Err(PROBLEM),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PROBLEM);
    }
    let count: i64 = digits.parse().map_err(|_| PROBLEM)?;
    Ok(Duration::seconds(count * seconds))
}

/// The shortest form that [`parse_span`] reads as the same span; fractions of a second are left out.
#[must_use]
pub fn show_span(span: Duration) -> String {
    let seconds = span.whole_seconds();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match units.into_iter().find(|(unit, _)| seconds != 0 && seconds % unit == 0) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// `#[serde(with = "moment")]`
pub(crate) mod serde_moment {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    pub(crate) fn serialize<S: Serializer>(moment: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::show_moment(*moment))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(from)?;
        OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| D::Error::custom(format!("`{text}` is no time; write 2027-02-22T09:00:00Z")))
    }
}

/// `#[serde(with = "span")]`
pub(crate) mod serde_span {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use time::Duration;

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::show_span(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        super::parse_span(&text).map_err(|problem| D::Error::custom(format!("`{text}` {problem}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_they_are_shown() {
        for text in ["90d", "12h", "30m", "5s", "0s", "90s", "36h"] {
            let span = parse_span(text).unwrap();
            assert_eq!(parse_span(&show_span(span)).unwrap(), span, "{text}");
        }
        assert_eq!(show_span(parse_span("48h").unwrap()), "2d");
        for bad in ["", "d", "90", "-1d", "1.5h", "9999999d", "1w", "+1d"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
