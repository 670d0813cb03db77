//! Sizes and durations, a number and a unit each, and address prefixes: one way to write a value.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use toml::value::{Datetime, Offset};

use crate::RuleName;

const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const TIMES: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `"10MiB"` in bytes.
///
/// # Errors
/// What to write instead.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let decimal = ["kb", "mb", "gb", "k", "m", "g", "kib", "mib", "gib"];
    quantity(text, SIZES).map_err(|unit| {
        let letter = unit.chars().next().map(|letter| letter.to_ascii_uppercase());
        match letter {
            Some(letter) if decimal.contains(&unit.to_ascii_lowercase().as_str()) => {
                let number = text.trim_end_matches(unit).trim();
                format!("write \"{number}{letter}iB\"; units are B, KiB, MiB and GiB, of 1024")
            }
            _ => String::from("write a whole number and a unit: \"512B\", \"32KiB\", \"10MiB\", \"1GiB\""),
        }
    })
}

/// `"30s"`.
///
/// # Errors
/// What to write instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    quantity(text, TIMES).map(Duration::from_millis).map_err(|_| {
        String::from("write a whole number and a unit: \"500ms\", \"30s\", \"5m\", \"1h\", \"365d\"")
    })
}

/// Unix time of a moment that says its offset; none before 1970.
pub(crate) fn moment(written: &Datetime) -> Option<Duration> {
    let (date, time) = (written.date?, written.time?);
    let ahead = match written.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let of_day =
        i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
    let seconds = days(date.year.into(), date.month.into(), date.day.into()) * 86_400 + of_day - ahead;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. Years begin with March, so that a leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 306 + 5) / 10
        + day
        - 1
        - 719_468
}

/// `"192.0.2.0/24"`, `"2001:db8::/32"`, or one address.
///
/// # Errors
/// What to write instead.
pub fn prefix(text: &str) -> Result<IpNet, String> {
    let Some((address, length)) = text.split_once('/') else {
        let address = text.parse::<IpAddr>().map_err(|_| {
            String::from("write an address or a prefix: \"192.0.2.7\", \"192.0.2.0/24\", \"2001:db8::/32\"")
        })?;
        return Ok(IpNet::from(address.to_canonical()));
    };
    let prefix: IpNet = text.parse().map_err(|_| match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => format!("`{length}` is no prefix length: from 0 to 32"),
        Ok(IpAddr::V6(_)) => format!("`{length}` is no prefix length: from 0 to 128"),
        Err(_) => format!("`{address}` is no address"),
    })?;
    if prefix.addr() != prefix.network() {
        return Err(format!("bits are set behind the prefix: write \"{}\"", prefix.trunc()));
    }
    match prefix.addr().to_canonical() {
        IpAddr::V4(address) if matches!(prefix, IpNet::V6(_)) => {
            Err(format!("write it as IPv4: \"{address}/{}\"", prefix.prefix_len().saturating_sub(96)))
        }
        _ => Ok(prefix),
    }
}

/// `"942100"`, `"942130-942200"`, `"tag:attack-sqli"`.
pub(crate) fn rule(text: &str) -> Option<RuleName> {
    if let Some(tag) = text.strip_prefix("tag:") {
        let clear = !tag.is_empty() && !tag.chars().any(char::is_control) && tag.trim() == tag;
        return clear.then(|| RuleName::Tag(tag.to_owned()));
    }
    let digits = |text: &str| -> Option<u64> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|id| plain && *id > 0)
    };
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (digits(from)?, digits(to)?),
        None => (digits(text)?, digits(text)?),
    };
    (from <= to).then_some(RuleName::Ids(from, to))
}

/// The largest unit that needs no fraction.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, SIZES)
}

/// The largest unit that needs no fraction.
pub(crate) fn show_duration(milliseconds: u64) -> String {
    show(milliseconds, TIMES)
}

fn quantity<'t>(text: &'t str, units: &[(&str, u64)]) -> Result<u64, &'t str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor)).ok_or_else(|| unit.trim())
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor))
        .or_else(|| units.last())
        .copied()
        .unwrap_or(("", 1));
    format!("{}{name}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_need_a_unit() {
        assert_eq!(size("10MiB"), Ok(10 << 20));
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(duration("365d"), Ok(Duration::from_secs(365 * 86_400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "10", "MiB", "-1MiB", "1.5MiB", "10 MiB", "99999999999999GiB", "10MB", "10TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        for bad in ["", "10", "s", "-1s", "1.5s", "1h30m", "10 s", "10sec", "99999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(size("10MB").unwrap_err().contains("\"10MiB\""));
    }

    #[test]
    fn moments_are_unix_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2026-12-01T18:00:00Z", Some(1_796_148_000)),
            ("2026-12-01T20:00:00+02:00", Some(1_796_148_000)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-12-01T18:00:00", None),
            ("2026-12-01", None),
        ] {
            let read = text.parse::<Datetime>().ok().and_then(|written| moment(&written));
            assert_eq!(read, seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn rules_are_named_in_three_ways() {
        assert_eq!(rule("942100"), Some(RuleName::Ids(942_100, 942_100)));
        assert_eq!(rule("942130-942200"), Some(RuleName::Ids(942_130, 942_200)));
        assert_eq!(rule("tag:OWASP_CRS/ATTACK"), Some(RuleName::Tag("OWASP_CRS/ATTACK".to_owned())));
        for bad in
            ["", "0", "-1", "+1", "1-", "2-1", "1-2-3", "942100,942110", "tag:", "tag: a", "sqli", "1 "]
        {
            assert_eq!(rule(bad), None, "{bad}");
        }
    }

    #[test]
    fn prefixes_say_what_they_hold() {
        for (text, read) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(prefix(text).map(|prefix| prefix.to_string()), Ok(read.to_owned()), "{text}");
        }
        for (text, help) in [
            ("192.0.2.7/24", "\"192.0.2.0/24\""),
            ("192.0.2.0/33", "from 0 to 32"),
            ("2001:db8::/x", "from 0 to 128"),
            ("example.com", "an address or a prefix"),
            ("example.com/8", "is no address"),
            ("::ffff:192.0.2.0/120", "\"192.0.2.0/24\""),
        ] {
            assert!(prefix(text).unwrap_err().contains(help), "{text}: {:?}", prefix(text));
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for bytes in [0, 1, 1023, 1024, 1 << 20, (1 << 30) + 1] {
            assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
        for milliseconds in [0, 1, 1000, 90_000, 86_400_000] {
            assert_eq!(duration(&show_duration(milliseconds)), Ok(Duration::from_millis(milliseconds)));
        }
    }
}
