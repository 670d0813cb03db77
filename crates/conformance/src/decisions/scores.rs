//! What rules of the Core Rule Set 4 add to the score, and at which paranoia level, read from their text.
//!
//! Not asked of the engine: the suite is there to check the engine.

use std::{collections::HashMap, fs, path::Path};

use regex_automata::{meta::Regex, util::captures::Captures};

/// `tx.inbound_anomaly_score_threshold` as released.
pub(super) const INBOUND_THRESHOLD: u64 = 5;
/// `tx.outbound_anomaly_score_threshold` as released.
pub(super) const OUTBOUND_THRESHOLD: u64 = 4;

/// Which of the two scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

/// Rules by id.
#[derive(Debug, Default)]
pub(super) struct Scores(HashMap<u64, Score>);

#[derive(Clone, Copy, Debug)]
struct Score {
    level: u8,
    direction: Direction,
    points: u64,
}

impl Scores {
    /// Reads every `.conf` of a directory.
    ///
    /// # Errors
    /// When a file cannot be read, or no rule in them adds to a score.
    pub(super) fn read(rules: &Path) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", rules.display());
        let mut scores = Self::default();
        for entry in fs::read_dir(rules).map_err(failed)?.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "conf") {
                scores.add(&fs::read_to_string(entry.path()).map_err(failed)?);
            }
        }
        if scores.0.is_empty() {
            return Err(format!("{}: no rule adds to the scores of CRS 4", rules.display()));
        }
        Ok(scores)
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        let mut scores = Self::default();
        scores.add(text);
        scores
    }

    /// The level from which a rule is active.
    pub(super) fn level(&self, id: u64) -> Option<u8> {
        self.0.get(&id).map(|score| score.level)
    }

    /// What one match of a rule adds.
    pub(super) fn points(&self, id: u64, direction: Direction) -> u64 {
        self.0.get(&id).filter(|score| score.direction == direction).map_or(0, |score| score.points)
    }

    /// A rule is its text up to the id of the next one; links of a chain have none.
    fn add(&mut self, text: &str) {
        let uncommented: Vec<&str> =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let text = uncommented.join("\n");
        for piece in text.split("id:").skip(1) {
            let digits = piece.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(piece.len());
            let Ok(id) = piece[..digits].parse() else { continue };
            if let Some(score) = score(piece) {
                self.0.insert(id, score);
            }
        }
    }
}

fn score(rule: &str) -> Option<Score> {
    let level = rule.split_once("paranoia-level/")?.1.bytes().next()?.checked_sub(b'0')?;
    let regex = Regex::new(
        r"tx\.(inbound|outbound)_anomaly_score_pl[0-9]=\+%\{tx\.(critical|error|warning|notice)_anomaly_score\}",
    )
    .ok()?;
    let mut captures: Captures = regex.create_captures();
    regex.captures(rule, &mut captures);
    let group = |number| captures.get_group(number).and_then(|span| rule.get(span.range()));
    let direction = if group(1)? == "inbound" { Direction::Inbound } else { Direction::Outbound };
    let points = match group(2)? {
        "critical" => 5,
        "error" => 4,
        "warning" => 3,
        _ => 2,
    };
    Some(Score { level, direction, points })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_4_28_0_are_read() {
        let Some(rules) = portcullis_vectors::data("crs/4.28.0/rules") else { return };
        let scores = Scores::read(&rules).unwrap();
        assert!(scores.0.len() > 300, "{}", scores.0.len());
        assert_eq!((scores.level(942_100), scores.points(942_100, Direction::Inbound)), (Some(1), 5));
        assert_eq!((scores.level(920_273), scores.points(920_273, Direction::Outbound)), (Some(4), 0));
        assert_eq!((scores.level(950_130), scores.points(950_130, Direction::Outbound)), (Some(1), 4));
        // The score of a chain stands in its last link.
        assert_eq!(scores.points(920_171, Direction::Inbound), 5);
        assert_eq!(scores.level(949_110), None);
    }
}
