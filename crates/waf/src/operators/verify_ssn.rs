//! `@verifySSN`
//!
//! Matches when what the regular expression finds can be a United States social security number: nine digits, no field of zeros, an area
//! below 740 that is not 666, neither one repeated digit nor a sequence. `TX.0` is the number.
//!
//! Differences: v3 also tries the groups of the expression; here it is the whole match.
//!
//! Example: `SecRule RESPONSE_BODY "@verifySSN \d{3}-?\d{2}-?\d{4}" "id:1,phase:4,deny"`

use super::{
    Operate, Refusal, Resources,
    identity_number::{exactly, verify},
    written::Written,
};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    verify(written, resources, is_ssn)
}

fn is_ssn(candidate: &[u8]) -> bool {
    let Some(digits) = exactly::<9>(candidate) else { return false };
    let all_pairs = |holds: fn(u32, u32) -> bool| {
        digits.windows(2).all(|pair| matches!(pair, [first, second] if holds(*first, *second)))
    };
    if all_pairs(|first, second| first == second) || all_pairs(|first, second| first + 1 == second) {
        return false;
    }
    let field = |from: usize, length: usize| {
        digits.iter().skip(from).take(length).fold(0, |value, digit| value * 10 + digit)
    };
    let (area, group, serial) = (field(0, 3), field(3, 2), field(5, 4));
    area != 0 && group != 0 && serial != 0 && area < 740 && area != 666
}
