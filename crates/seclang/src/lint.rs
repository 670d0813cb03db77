//! Checks of a whole document, each in a file of its own. The table is the list.
//!
//! Errors are what ModSecurity v3 refuses to load; warnings are what loads and does not do what its author meant.

use crate::{ast::Document, report::Report};

type Lint = fn(&Document, &mut Report);

/// Every lint, in the order in which they speak.
const LINTS: &[Lint] = &[];

/// Runs them all.
pub(crate) fn check(document: &Document, report: &mut Report) {
    for lint in LINTS {
        lint(document, report);
    }
}
