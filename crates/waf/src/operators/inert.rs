//! An operator that loads so that rule sets load, and never matches; its line in the table says why.

use super::{Found, Operate};

#[derive(Debug)]
struct NeverMatches;

pub(super) fn build() -> Box<dyn Operate> {
    Box::new(NeverMatches)
}

impl Operate for NeverMatches {
    fn evaluate(&self, _: &[u8], _: Option<&[u8]>, _: bool, _: &mut Found) -> bool {
        false
    }
}
