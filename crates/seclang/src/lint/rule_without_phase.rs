//! A rule that leaves out its phase runs in phase 2: a surprise for one that looks at headers or at the answer.

use portcullis_diag::Diagnostic;

use super::Rules;
use crate::{codes, report::Report, vocabulary};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    let phase = vocabulary::Action::Phase;
    for rule in rules.heads().filter(|rule| rule.argument(phase).is_none()) {
        report.push(
            Diagnostic::warning(codes::RULE_WITHOUT_PHASE, "this rule does not say in which phase it runs")
                .at(rule.directive.span)
                .help("it runs in phase 2, behind the request's body; write `phase:2` if that is meant"),
        );
    }
}
