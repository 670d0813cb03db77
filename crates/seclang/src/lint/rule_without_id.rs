//! A rule without an id cannot be excluded, reported or told apart, so it does not load. ModSecurity v2 asks it of `SecRule` and
//! `SecAction`, v3 of `SecRule` alone; here v2 is followed. Links of chains need none.

use portcullis_diag::Diagnostic;

use super::Rules;
use crate::{codes, report::Report};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    for rule in rules.heads().filter(|rule| rule.id().is_none()) {
        report.push(
            Diagnostic::error(codes::RULE_WITHOUT_ID, "this rule has no id")
                .at(rule.directive.span)
                .help("add `id:` and a number no other rule has, such as `id:100001`"),
        );
    }
}
