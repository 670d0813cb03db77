//! Whether a decision is right, from what the edge says of a request: its answer, its score, its rules.

use crate::suite::Output;

use super::scores::{Direction, INBOUND_THRESHOLD, OUTBOUND_THRESHOLD, Scores};

/// What was seen of a request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Status of the answer, or why there was none.
    pub(super) status: Result<u16, String>,
    /// Scores of the access line; absent where the rules that sum them did not run.
    pub(super) inbound: Option<u64>,
    /// See `inbound`.
    pub(super) outbound: Option<u64>,
    /// Logged rules that matched.
    pub(super) rules: Vec<u64>,
    /// Refused by a rule.
    pub(super) blocked: bool,
    /// The edge's own reason, when the answer is the edge's.
    pub(super) refusal: Option<String>,
}

/// What a test is an example of, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// An attack whose rule is active.
    Positive {
        /// Its score is at the threshold or above.
        reached: bool,
        refused: bool,
    },
    /// A request that must not match; refused by other rules, or by nothing.
    Negative { refused_by: Option<String> },
    /// A test of a rule that is not active, or of something else.
    Neither,
}

impl Seen {
    /// Whether the backend was kept from answering.
    pub(super) fn refused(&self) -> bool {
        self.blocked || self.refusal.is_some() || self.status.is_err()
    }

    /// Rules, or the edge's reason where there are none.
    pub(super) fn why(&self) -> String {
        let bookkeeping =
            |id: &&u64| !matches!(**id, 949_000..=949_999 | 959_000..=959_999 | 980_000..=980_999);
        let rules: Vec<String> = self.rules.iter().filter(bookkeeping).map(u64::to_string).collect();
        match (&self.refusal, &self.status, rules.is_empty()) {
            (_, _, false) => rules.join(" "),
            (Some(reason), _, true) => format!("the edge ({reason})"),
            (None, Ok(status), true) => format!("status {status}"),
            (None, Err(error), true) => error.clone(),
        }
    }
}

/// Judges a stage of the suite.
///
/// # Errors
/// Tells how the decision is wrong.
pub(super) fn stage(expected: &Output, seen: &Seen, level: u8, scores: &Scores) -> Result<Judgement, String> {
    let reached = arithmetic(seen, scores)?;
    let log = &expected.log;
    if let Some(id) = log.no_expect_ids.iter().find(|id| seen.rules.contains(id)) {
        return Err(format!("{id} matched, which must not"));
    }
    let active: Vec<&u64> =
        log.expect_ids.iter().filter(|id| scores.level(**id).is_some_and(|own| own <= level)).collect();
    if !active.is_empty() {
        let matched = active.iter().any(|id| seen.rules.contains(id));
        if !matched && !seen.refused() {
            return Err(format!("{active:?} did not match, and it passed; rules {:?}", seen.rules));
        }
        return Ok(Judgement::Positive { reached, refused: seen.refused() });
    }
    if log.expect_ids.is_empty() && !log.no_expect_ids.is_empty() && !expected.expect_error {
        return Ok(Judgement::Negative { refused_by: seen.refused().then(|| seen.why()) });
    }
    Ok(Judgement::Neither)
}

/// The decision follows from the score, and the score from the rules. Rules that match several values add for each, so that their sum is
/// the least that the score can be. Gives whether a score is at its threshold or above.
fn arithmetic(seen: &Seen, scores: &Scores) -> Result<bool, String> {
    let limits = [
        (Direction::Inbound, seen.inbound, INBOUND_THRESHOLD),
        (Direction::Outbound, seen.outbound, OUTBOUND_THRESHOLD),
    ];
    let mut reached = false;
    for (direction, score, threshold) in limits {
        let least: u64 = seen.rules.iter().map(|id| scores.points(*id, direction)).sum();
        if score.is_some_and(|score| score < least) {
            return Err(format!("{direction:?} score {score:?} where {:?} add up to {least}", seen.rules));
        }
        let score = score.unwrap_or(0).max(least);
        reached |= score >= threshold;
        if score >= threshold && !seen.refused() {
            return Err(format!("{direction:?} score {score}, and it passed; rules {:?}", seen.rules));
        }
    }
    // A request that the edge refuses itself, and shows to the rules, keeps the edge's status.
    if let Ok(status) = seen.status
        && seen.blocked
        && status < 400
    {
        return Err(format!("refused with status {status}"));
    }
    if seen.blocked && !reached && !seen.rules.iter().any(|id| DENYING.contains(id)) {
        return Err(format!("refused below the threshold; rules {:?}", seen.rules));
    }
    Ok(reached)
}

/// Rules of portcullis.conf and rules/api that refuse by themselves.
const DENYING: [u64; 6] = [200_002, 200_003, 200_004, 200_005, 200_007, 9_200_310];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Log;

    const RULES: &str = "SecRule A \"@rx a\" \"id:1,tag:'paranoia-level/1',setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'\"
        SecRule A \"@rx a\" \"id:2,tag:'paranoia-level/2',setvar:'tx.inbound_anomaly_score_pl2=+%{tx.notice_anomaly_score}'\"
        SecRule A \"@rx a\" \"id:3,tag:'paranoia-level/1',setvar:'tx.outbound_anomaly_score_pl1=+%{tx.error_anomaly_score}'\"";

    fn seen(status: u16, inbound: u64, rules: &[u64]) -> Seen {
        Seen {
            status: Ok(status),
            inbound: Some(inbound),
            rules: rules.to_vec(),
            blocked: status == 403,
            outbound: None,
            refusal: None,
        }
    }

    #[test]
    fn decisions_follow_from_scores_and_scores_from_rules() {
        let scores = Scores::of(RULES);
        let right = [seen(403, 5, &[1]), seen(200, 2, &[2]), seen(403, 12, &[1, 2]), seen(200, 0, &[])];
        for seen in right {
            assert_eq!(arithmetic(&seen, &scores), Ok(seen.blocked), "{seen:?}");
        }
        let wrong = [
            seen(200, 5, &[1]),
            seen(200, 0, &[1]),
            seen(403, 2, &[2]),
            seen(403, 5, &[1, 2]),
            seen(200, 0, &[3]),
        ];
        for seen in wrong {
            assert!(arithmetic(&seen, &scores).is_err(), "{seen:?}");
        }
    }

    #[test]
    fn a_test_is_positive_where_its_rule_is_active() {
        let scores = Scores::of(RULES);
        let expects = |expect: &[u64], not: &[u64]| Output {
            log: Log { expect_ids: expect.to_vec(), no_expect_ids: not.to_vec(), ..Log::default() },
            ..Output::default()
        };
        let positive = |refused| Ok(Judgement::Positive { reached: refused, refused });
        assert_eq!(stage(&expects(&[1], &[]), &seen(403, 5, &[1]), 1, &scores), positive(true));
        assert_eq!(stage(&expects(&[2], &[]), &seen(200, 2, &[2]), 2, &scores), positive(false));
        assert_eq!(stage(&expects(&[2], &[]), &seen(200, 0, &[]), 1, &scores), Ok(Judgement::Neither));
        assert!(stage(&expects(&[1], &[]), &seen(200, 0, &[]), 1, &scores).is_err());
        assert!(stage(&expects(&[], &[1]), &seen(403, 5, &[1]), 1, &scores).is_err());
        let passed = Ok(Judgement::Negative { refused_by: None });
        assert_eq!(stage(&expects(&[], &[2]), &seen(200, 0, &[]), 1, &scores), passed);
        let refused = Ok(Judgement::Negative { refused_by: Some("1".to_owned()) });
        assert_eq!(stage(&expects(&[], &[2]), &seen(403, 5, &[1, 949_110]), 1, &scores), refused);
    }
}
