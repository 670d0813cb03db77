//! Comparisons of numbers, and what a number is.
//!
//! Leading whitespace, a sign, digits; what follows is ignored and text without digits is 0 (v3: `12abc` is 12, Coraza: 0). A number too
//! large is the largest there is: in v3 it is 0, and `Content-Length: 99999999999` would pass `@gt 1000` there.

use super::{
    Found, Operate,
    written::{Argument, Written},
};

#[derive(Debug)]
struct Comparison {
    argument: Argument,
    holds: fn(i64, i64) -> bool,
}

pub(super) fn compare(written: &Written<'_>, holds: fn(i64, i64) -> bool) -> Box<dyn Operate> {
    Box::new(Comparison { argument: written.argument(), holds })
}

impl Operate for Comparison {
    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let matches = (self.holds)(number(input), number(self.argument.text(argument)));
        if matches {
            found.all(input);
        }
        matches
    }
}

fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0_i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let tens = value.saturating_mul(10);
        if negative { tens.saturating_sub(digit) } else { tens.saturating_add(digit) }
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_prefixes_and_saturate() {
        for (text, value) in [
            ("", 0),
            ("12abc", 12),
            (" \t+7", 7),
            ("-5", -5),
            ("- 5", 0),
            ("0x10", 0),
            ("99999999999999999999", i64::MAX),
            ("-99999999999999999999", i64::MIN),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text}");
        }
    }
}
