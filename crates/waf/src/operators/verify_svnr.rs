//! `@verifySVNR`
//!
//! Matches when what the regular expression finds is a valid Austrian social insurance number: ten digits, the fourth being a check
//! modulo 11. `TX.0` is the number.
//!
//! Differences: v3 also tries the groups of the expression; here it is the whole match.
//!
//! Example: `SecRule RESPONSE_BODY "@verifySVNR \d{4} ?\d{6}" "id:1,phase:4,deny"`

use super::{
    Operate, Refusal, Resources,
    identity_number::{leading, verify},
    written::Written,
};

/// Weight of each digit; the fourth is the check itself.
const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    verify(written, resources, is_svnr)
}

fn is_svnr(candidate: &[u8]) -> bool {
    let Some(digits) = leading::<10>(candidate) else { return false };
    let repeated = digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let counted = digits.windows(2).all(|pair| matches!(pair, [a, b] if (a + 1) % 10 == *b));
    if repeated || (counted && matches!(digits.first(), Some(0 | 1))) {
        return false;
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let [_, _, _, check, ..] = digits;
    check == if sum % 11 == 10 { 0 } else { sum % 11 }
}

#[cfg(test)]
mod tests {
    use super::is_svnr;

    #[test]
    fn check_digit() {
        assert!(is_svnr(b"1237 010180"));
        for wrong in ["1238010180", "1111111111", "0123456789", "123701018"] {
            assert!(!is_svnr(wrong.as_bytes()), "{wrong}");
        }
    }
}
