//! A moment of UTC taken apart, for `TIME*`. ModSecurity uses the local time zone; the engine knows none.

use std::time::Duration;

/// A moment of the proleptic Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// 1 to 12
    pub(crate) month: u8,
    /// 1 to 31
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// 0 is Sunday.
    pub(crate) weekday: u8,
}

impl Moment {
    /// Takes a time since the epoch apart.
    pub(crate) fn of(since_epoch: Duration) -> Self {
        let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX / 2);
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Days are counted from 1 March of year 0, so that a leap day ends its year.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(of_year - (153 * shifted_month + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
            weekday: small((days + 4) % 7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let parts = |seconds| {
            let moment = Moment::of(Duration::from_secs(seconds));
            (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.weekday)
        };
        assert_eq!(parts(0), (1970, 1, 1, 0, 0, 0, 4));
        assert_eq!(parts(951_782_400), (2000, 2, 29, 0, 0, 0, 2));
        assert_eq!(parts(1_709_251_199), (2024, 2, 29, 23, 59, 59, 4));
        assert_eq!(parts(4_102_444_800), (2100, 1, 1, 0, 0, 0, 5));
    }
}
