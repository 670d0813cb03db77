//! The argument of an operator: known when rules are compiled, or expanded for each evaluation.

/// An argument as it stands in the rule.
pub(super) struct Written<'a> {
    pub(super) text: &'a [u8],
    /// Each evaluation brings the expanded text.
    pub(super) has_macros: bool,
}

impl Written<'_> {
    pub(super) fn argument(&self) -> Argument {
        Argument(self.text.into())
    }
}

/// The text an operator compares with.
#[derive(Debug)]
pub(super) struct Argument(Box<[u8]>);

impl Argument {
    pub(super) fn text<'a>(&'a self, expanded: Option<&'a [u8]>) -> &'a [u8] {
        expanded.unwrap_or(&self.0)
    }
}
