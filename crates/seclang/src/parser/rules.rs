//! Which rules a `SecRuleRemove..` or `SecRuleUpdate..` directive speaks of.

use portcullis_diag::{Diagnostic, Spanned};

use crate::{
    argument::Argument,
    ast::RuleSelector,
    codes,
    lexer::is_blank,
    report::{Report, shown},
};

/// Ids and ranges, separated by blanks or commas within and between arguments.
pub(crate) fn by_id(arguments: &[Argument], report: &mut Report) -> Option<RuleSelector> {
    let mut ids = Vec::new();
    let mut failed = false;
    for argument in arguments {
        let separates = |byte: &u8| is_blank(*byte) || *byte == b',';
        let mut start = 0;
        for word in argument.text.split(separates) {
            let end = start + word.len();
            if !word.is_empty() {
                match range(word) {
                    Some(range) => ids.push(Spanned::new(range, argument.span(start, end))),
                    None => {
                        failed = true;
                        report.push(
                            Diagnostic::error(codes::BAD_RULE_ID, format!("`{}` is no rule id", shown(word)))
                                .at(argument.span(start, end))
                                .help("write an id such as `942100` or an ascending range such as `942100-942199`"),
                        );
                    }
                }
            }
            start = end + 1;
        }
    }
    if ids.is_empty() && !failed {
        let place = arguments.first().map(|argument| argument.whole);
        let mut diagnostic = Diagnostic::error(codes::BAD_RULE_ID, "no rule id is given");
        diagnostic.span = place;
        report.push(diagnostic);
    }
    (!failed && !ids.is_empty()).then_some(RuleSelector::Ids(ids))
}

/// A regular expression over tags.
pub(crate) fn by_tag(argument: &Argument) -> RuleSelector {
    RuleSelector::Tag(argument.all())
}

/// A regular expression over messages.
pub(crate) fn by_message(argument: &Argument) -> RuleSelector {
    RuleSelector::Message(argument.all())
}

fn range(word: &[u8]) -> Option<(u64, u64)> {
    let mut ends = word.splitn(2, |byte| *byte == b'-');
    let first = number(ends.next()?)?;
    let last = ends.next().map_or(Some(first), number)?;
    (first <= last).then_some((first, last))
}

/// A decimal number, digits alone.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
