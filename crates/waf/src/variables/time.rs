//! The moment, in UTC.

use portcullis_seclang::vocabulary::Variable as V;

use super::{Line, Meaning::Single, line};
use crate::state::{Moment, State, Value, decimal};

pub(super) const LINES: &[Line] = &[
    line(
        V::Time,
        Single(|state| {
            let now = moment(state);
            let text = format!("{:02}:{:02}:{:02}", now.hour, now.minute, now.second);
            Some(Value::from(text.into_bytes()))
        }),
    ),
    line(V::TimeDay, Single(|state| Some(decimal(moment(state).day)))),
    line(V::TimeEpoch, Single(|state| Some(decimal(state.now().as_secs())))),
    line(V::TimeHour, Single(|state| Some(decimal(moment(state).hour)))),
    line(V::TimeMin, Single(|state| Some(decimal(moment(state).minute)))),
    // 0 to 11, as `struct tm` counts and both ModSecurities with it.
    line(V::TimeMon, Single(|state| Some(decimal(moment(state).month.saturating_sub(1))))),
    line(V::TimeSec, Single(|state| Some(decimal(moment(state).second)))),
    line(V::TimeWday, Single(|state| Some(decimal(moment(state).weekday)))),
    line(V::TimeYear, Single(|state| Some(decimal(moment(state).year)))),
    // Microseconds, as v2 counts: CRS 3.3 samples by its last two digits.
    line(V::Duration, Single(|state| Some(decimal(state.now().saturating_sub(state.begun).as_micros())))),
];

fn moment(state: &State) -> Moment {
    Moment::of(state.now())
}
