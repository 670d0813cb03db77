//! `@verifyCPF`
//!
//! Matches when what the regular expression finds is a valid Brazilian taxpayer number: eleven digits, the last two being checks modulo 11.
//! `TX.0` is the number.
//!
//! Differences: v3 also tries the groups of the expression; here it is the whole match.
//!
//! Example: `SecRule RESPONSE_BODY "@verifyCPF \d{3}\.?\d{3}\.?\d{3}-?\d{2}" "id:1,phase:4,deny"`

use super::{
    Operate, Refusal, Resources,
    identity_number::{leading, verify},
    written::Written,
};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    verify(written, resources, is_cpf)
}

fn is_cpf(candidate: &[u8]) -> bool {
    let Some(digits) = leading::<11>(candidate) else { return false };
    let all_equal = digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let counted =
        digits.iter().skip(1).eq([1, 2, 3, 4, 5, 6, 7, 8, 9, 0].iter()) && digits.first() == Some(&0);
    if all_equal || counted {
        return false;
    }
    let check = |length: u32| {
        let sum: u32 = digits.iter().zip((2..=length + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        if sum % 11 < 2 { 0 } else { 11 - sum % 11 }
    };
    matches!(digits, [.., first, second] if first == check(9) && second == check(10))
}

#[cfg(test)]
mod tests {
    use super::is_cpf;

    #[test]
    fn check_digits() {
        assert!(is_cpf(b"010.817.514-60"));
        for wrong in ["010.817.514-61", "010.817.514-70", "111.111.111-11", "012.345.678-90", "0108175146"] {
            assert!(!is_cpf(wrong.as_bytes()), "{wrong}");
        }
    }
}
