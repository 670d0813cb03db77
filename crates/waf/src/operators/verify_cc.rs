//! `@verifyCC`
//!
//! Matches when what the regular expression finds has a valid check digit of payment cards (Luhn, ISO/IEC 7812-1). `TX.0` is the number.
//!
//! Differences: none known in what matches.
//!
//! Example: `SecRule RESPONSE_BODY "@verifyCC \d{13,16}" "id:1,phase:4,deny"`

use super::{
    Operate, Refusal, Resources,
    identity_number::{digits, verify},
    written::Written,
};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    verify(written, resources, luhn)
}

fn luhn(candidate: &[u8]) -> bool {
    let digits: Vec<u32> = digits(candidate).collect();
    let weighted = digits.iter().rev().enumerate().map(|(place, digit)| match place % 2 {
        0 => *digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    });
    !digits.is_empty() && weighted.sum::<u32>() % 10 == 0
}
