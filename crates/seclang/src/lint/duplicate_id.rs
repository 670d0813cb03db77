//! Two rules with one id: exclusions would hit both and records would name neither. ModSecurity v3 does not load them.

use std::collections::{HashMap, hash_map::Entry};

use portcullis_diag::Diagnostic;

use super::Rules;
use crate::{codes, report::Report};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    let mut seen = HashMap::new();
    for id in rules.heads().filter_map(super::Written::id) {
        match seen.entry(id.value) {
            Entry::Vacant(place) => {
                place.insert(id.span);
            }
            Entry::Occupied(first) => report.push(
                Diagnostic::error(codes::DUPLICATE_ID, format!("rule {} exists already", id.value))
                    .at(id.span)
                    .label(*first.get(), "first here")
                    .help("give one of them another id; is a file included twice?"),
            ),
        }
    }
}
