//! Compares what a stage expects with what was seen, in go-ftw's order: error, status, log.

use regex_automata::{meta::Regex, util::syntax};

use crate::{records::Rule, suite::Output};

/// What was seen of one stage.
pub(crate) struct Seen {
    /// Status of the answer, or why there was none.
    pub(crate) status: Result<u16, String>,
    /// Logged rules; `None` when the edge wrote nothing about the request.
    pub(crate) rules: Option<Vec<Rule>>,
}

/// Whether the expectation holds.
///
/// # Errors
/// Tells the first expectation that does not.
pub(crate) fn check(expected: &Output, seen: &Seen) -> Result<(), String> {
    if expected.expect_error {
        // go-ftw looks no further when an error was expected.
        return match &seen.status {
            Err(_) => Ok(()),
            Ok(status) => Err(format!("expected no answer, got {status}")),
        };
    }
    let status = *seen.status.as_ref().map_err(|error| format!("no answer: {error}"))?;
    if !expected.status.is_empty() && !expected.status.contains(&status) {
        return Err(format!("expected status {:?}, got {status}{}", expected.status, matched(seen)));
    }
    let log = &expected.log;
    let asks = !log.expect_ids.is_empty()
        || !log.no_expect_ids.is_empty()
        || log.match_regex.is_some()
        || log.no_match_regex.is_some();
    if !asks {
        return Ok(());
    }
    let Some(rules) = &seen.rules else {
        return Err(format!("status {status}, and no record of the request"));
    };
    let has = |id: &u64| rules.iter().any(|rule| rule.id == *id);
    let missing: Vec<_> = log.expect_ids.iter().filter(|id| !has(id)).collect();
    if !missing.is_empty() {
        return Err(format!("status {status}, missing {missing:?}{}", matched(seen)));
    }
    let unwanted: Vec<_> = log.no_expect_ids.iter().filter(|id| has(id)).collect();
    if !unwanted.is_empty() {
        return Err(format!("status {status}, unexpected {unwanted:?}"));
    }
    let found = |pattern: &str| -> Result<bool, String> {
        let regex = compile(pattern)?;
        Ok(rules.iter().any(|rule| regex.is_match(rule.line.as_bytes())))
    };
    if let Some(pattern) = &log.match_regex
        && !found(pattern)?
    {
        let lines: Vec<&str> = rules.iter().map(|rule| rule.line.as_str()).collect();
        return Err(format!("status {status}, no log line fits {pattern:?}: {lines:?}"));
    }
    if let Some(pattern) = &log.no_match_regex
        && found(pattern)?
    {
        return Err(format!("status {status}, a log line fits {pattern:?}{}", matched(seen)));
    }
    Ok(())
}

fn matched(seen: &Seen) -> String {
    match &seen.rules {
        None => ", no record".to_owned(),
        Some(rules) => {
            let ids: Vec<u64> = rules.iter().map(|rule| rule.id).collect();
            format!(", matched {ids:?}")
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(pattern)
        .map_err(|error| format!("{pattern:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Log;

    fn seen(status: u16, ids: &[u64]) -> Seen {
        let rule = |id: &u64| Rule { id: *id, line: format!("[id \"{id}\"] [msg \"found within ARGS:x\"]") };
        Seen { status: Ok(status), rules: Some(ids.iter().map(rule).collect()) }
    }

    fn log(log: Log) -> Output {
        Output { log, ..Output::default() }
    }

    #[test]
    fn ids_are_wanted_and_unwanted() {
        let wanted = log(Log { expect_ids: vec![1, 2], ..Log::default() });
        assert!(check(&wanted, &seen(200, &[2, 1, 3])).is_ok());
        assert!(check(&wanted, &seen(200, &[1])).unwrap_err().contains("missing [2]"));
        let unwanted = log(Log { no_expect_ids: vec![3], ..Log::default() });
        assert!(check(&unwanted, &seen(200, &[1])).is_ok());
        assert!(check(&unwanted, &seen(200, &[3])).is_err());
        // Nothing known of the request proves nothing about it.
        assert!(check(&unwanted, &Seen { status: Ok(200), rules: None }).is_err());
    }

    #[test]
    fn patterns_are_looked_for_line_by_line() {
        let wanted = log(Log { match_regex: Some(r"id \x221\d*.*ARGS:x".to_owned()), ..Log::default() });
        assert!(check(&wanted, &seen(200, &[1])).is_ok());
        assert!(check(&wanted, &seen(200, &[2])).is_err());
        let none = log(Log { no_match_regex: Some(r#"\[id "\d+"\]"#.to_owned()), ..Log::default() });
        assert!(check(&none, &seen(200, &[])).is_ok());
        assert!(check(&none, &seen(200, &[1])).is_err());
    }

    #[test]
    fn an_expected_error_is_met_by_silence_alone() {
        let error = Output { expect_error: true, ..Output::default() };
        assert!(check(&error, &Seen { status: Err("closed".to_owned()), rules: None }).is_ok());
        assert!(check(&error, &seen(400, &[])).is_err());
        let status = Output { status: vec![400, 403], ..Output::default() };
        assert!(check(&status, &seen(400, &[])).is_ok());
        assert!(check(&status, &seen(403, &[])).is_ok());
        assert!(check(&status, &seen(200, &[])).is_err());
    }
}
