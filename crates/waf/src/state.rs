//! What a transaction knows: the message so far, the variables rules have set, and what the last match was.
//!
//! Values are shared byte strings: a rule that looks at a body of ten megabytes copies a pointer. Collections keep wire order (trap 11:
//! ModSecurity v3's and Coraza's orders are unspecified).

mod body;
mod controls;
mod hidden;
mod matched;
mod request;
mod response;
mod time;
mod value;
mod variables;
mod work;

use std::{sync::Arc, time::Duration};

pub(crate) use body::Body;
pub use body::Processor;
pub(crate) use controls::Controls;
pub(crate) use hidden::{Hidden, hide};
pub(crate) use matched::{Last, Match, Matched, Name, full_name};
pub(crate) use request::Request;
pub(crate) use response::Response;
pub(crate) use time::Moment;
pub(crate) use value::Value;
pub(crate) use variables::Variables;
pub(crate) use work::Work;

use crate::{
    collections::{Collections, Kind},
    ir::{Course, Plan, Program, RuleId},
    transaction::{Clock, Connection},
};

/// A member of a collection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: Value,
    pub(crate) value: Value,
}

impl Member {
    pub(crate) fn new(name: &[u8], value: &[u8]) -> Self {
        Self { name: Value::from(name), value: Value::from(value) }
    }

    /// Bytes of both.
    pub(crate) fn bytes(&self) -> usize {
        self.name.len().saturating_add(self.value.len())
    }
}

/// Everything that rules can ask about.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) program: Arc<Program>,
    pub(crate) connection: Connection,
    pub(crate) collections: Arc<Collections>,
    pub(crate) clock: Ticking,
    pub(crate) begun: Duration,
    /// Key of the record that is open in each persistent collection.
    pub(crate) opened: [Option<Value>; Kind::ALL.len()],
    pub(crate) request: Request,
    pub(crate) body: Body,
    pub(crate) response: Response,
    pub(crate) tx: Variables,
    pub(crate) env: Variables,
    pub(crate) matched: Matched,
    /// What no record shows.
    pub(crate) hidden: Hidden,
    /// `GEO`: what `@geoLookup` found last.
    pub(crate) geo: Vec<Member>,
    pub(crate) controls: Controls,
    /// The rule that is being evaluated, for `RULE`.
    pub(crate) rule: Option<RuleId>,
    /// `HIGHEST_SEVERITY`; 255 until a rule with a severity matched. A lower number is worse (trap 57).
    pub(crate) highest_severity: u8,
    /// What is found out about values that come again may be remembered by the thread.
    pub(crate) remembers: bool,
    /// What may still be done for this transaction.
    pub(crate) work: Work,
    /// `MSC_PCRE_LIMITS_EXCEEDED`
    pub(crate) pattern_limits: bool,
    /// `MSC_PCRE_ERROR`
    pub(crate) pattern_error: bool,
}

/// A clock that can stand in a `Debug` struct.
pub(crate) struct Ticking(pub(crate) Arc<dyn Clock>);

impl std::fmt::Debug for Ticking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl State {
    pub(crate) fn new(
        program: Arc<Program>,
        plan: Option<Arc<Plan>>,
        connection: Connection,
        collections: Arc<Collections>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            begun: clock.unix_time(),
            clock: Ticking(clock),
            controls: Controls::new(program.settings()),
            tx: Variables::new(Arc::clone(&program), plan),
            program,
            connection,
            collections,
            opened: Default::default(),
            request: Request::default(),
            body: Body::default(),
            response: Response::default(),
            env: Variables::default(),
            matched: Matched::default(),
            hidden: Hidden::default(),
            geo: Vec::new(),
            rule: None,
            highest_severity: 255,
            remembers: false,
            work: Work::unlimited(),
            pattern_limits: false,
            pattern_error: false,
        }
    }

    /// Time since the epoch, now.
    pub(crate) fn now(&self) -> Duration {
        self.clock.0.unix_time()
    }

    /// `MATCHED_VAR` and its name.
    pub(crate) fn last_match(&self) -> Option<&Match> {
        match &self.matched.last {
            Last::None => None,
            Last::Live(last) => Some(last),
            Last::Planned { phase, step } => {
                let phase = self.tx.plan()?.phases.get(usize::from(*phase).wrapping_sub(1))?;
                match &phase.steps.get(*step)?.course {
                    Course::Ahead(outcome) => outcome.last.as_ref(),
                    Course::Asleep | Course::Run => None,
                }
            }
        }
    }

    /// Key of the record that is open in a collection.
    pub(crate) fn opened(&self, kind: Kind) -> Option<&Value> {
        self.opened.get(kind.position()).and_then(Option::as_ref)
    }

    /// Opens a record of a persistent collection. An empty key opens nothing.
    pub(crate) fn open(&mut self, kind: Kind, key: &[u8]) {
        if key.is_empty() {
            return;
        }
        let timeout = self.program.settings().collection_timeout;
        self.collections.open(kind, key, self.now().as_secs(), timeout);
        if let Some(opened) = self.opened.get_mut(kind.position()) {
            *opened = Some(Value::from(key));
        }
    }
}

/// A number as ModSecurity v3 reads it (trap 12): an optional sign and the digits up to the first other byte, 0 for anything else;
/// it saturates where v3 would give 0.
pub(crate) fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let magnitude = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |sum, byte| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -magnitude } else { magnitude }
}

/// A number as a value; what does not fit 64 bits saturates.
pub(crate) fn decimal(number: impl TryInto<i64>) -> Value {
    Value::decimal(number)
}

/// `1` or `0`.
pub(crate) fn flag(on: bool) -> Value {
    Value::fixed(if on { b"1" } else { b"0" })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_as_by_stoi() {
        for (text, expected) in [
            (&b"12abc"[..], 12),
            (b"abc", 0),
            (b"", 0),
            (b" -7 ", -7),
            (b"+5", 5),
            (b"99999999999999999999", i64::MAX),
            (b"-", 0),
        ] {
            assert_eq!(number(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
