//! `chain` on a rule that no `SecRule` follows: the chain would never match.

use portcullis_diag::Diagnostic;

use super::Rules;
use crate::{codes, report::Report, vocabulary};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    for rule in rules.all.iter().filter(|rule| rule.lacks_link) {
        let chain = rule.actions.iter().find(|action| action.name == vocabulary::Action::Chain);
        report.push(
            Diagnostic::error(codes::CHAIN_WITHOUT_LINK, "no `SecRule` follows to continue this chain")
                .at(chain.map_or(rule.directive.span, |chain| chain.span))
                .help("write the next `SecRule` of the chain, or delete `chain`"),
        );
    }
}
