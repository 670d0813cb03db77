//! `skipAfter` to a marker that does not exist skips every rule that is left, in later phases too (ModSecurity v3): a typing error
//! would switch the rules off.

use std::collections::HashSet;

use portcullis_diag::Diagnostic;

use super::Rules;
use crate::{
    ast::DirectiveKind,
    codes,
    report::{Report, shown, suggest},
    vocabulary,
};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    let markers: HashSet<&[u8]> = rules
        .document
        .directives
        .iter()
        .filter_map(|directive| match &directive.kind {
            DirectiveKind::Marker(name) => Some(name.value.as_slice()),
            _ => None,
        })
        .collect();
    let mut missing = 0;
    for action in rules.all.iter().flat_map(|rule| rule.actions) {
        let Some(name) = &action.argument else { continue };
        if action.name != vocabulary::Action::SkipAfter || markers.contains(name.value.as_slice()) {
            continue;
        }
        missing += 1;
        if missing > SHOWN {
            return;
        }
        let message = format!("no `SecMarker` is called `{}`", shown(&name.value));
        let diagnostic = Diagnostic::warning(codes::UNKNOWN_MARKER, message)
            .at(name.span)
            .help("every rule that is left would be skipped, in later phases too");
        let known = markers.iter().filter_map(|marker| std::str::from_utf8(marker).ok());
        report.push(suggest(diagnostic, &name.value, known));
    }
}

/// Each costs a search through all markers for a suggestion.
const SHOWN: usize = 20;
