//! Automata for expressions whose own would be too large: they look for how a match begins.
//!
//! Invariant: where the expression is found, its beginning is found.

use regex_syntax::hir::{Hir, HirKind, Repetition};

/// Lengths of beginnings that are tried, in bytes, the best first.
pub(super) const LENGTHS: [usize; 4] = [6, 4, 3, 2];

/// What every text of an expression begins with: beginnings of at least so many bytes, or whole texts that are shorter.
pub(super) fn beginning(hir: &Hir, bytes: usize) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => hir.clone(),
        HirKind::Literal(literal) => Hir::literal(literal.0.get(..bytes).unwrap_or(&literal.0)),
        HirKind::Capture(capture) => beginning(&capture.sub, bytes),
        HirKind::Alternation(branches) => {
            Hir::alternation(branches.iter().map(|branch| beginning(branch, bytes)).collect())
        }
        HirKind::Concat(items) => joined(items, bytes),
        HirKind::Repetition(repetition) => repeated(hir, repetition, bytes),
    }
}

fn joined(items: &[Hir], bytes: usize) -> Hir {
    let mut taken = Vec::new();
    let mut left = bytes;
    for item in items {
        let shortest = item.properties().minimum_len().unwrap_or(left);
        if shortest >= left {
            taken.push(beginning(item, left));
            break;
        }
        // Something follows: none of its texts may be cut.
        taken.push(item.clone());
        left -= shortest;
    }
    Hir::concat(taken)
}

fn repeated(hir: &Hir, repetition: &Repetition, bytes: usize) -> Hir {
    let once = repetition.sub.properties().minimum_len().unwrap_or(0);
    let rounds = usize::try_from(repetition.min).unwrap_or(usize::MAX);
    if once == 0 || once.saturating_mul(rounds) < bytes {
        return hir.clone();
    }
    joined(&vec![(*repetition.sub).clone(); bytes.div_ceil(once)], bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta;

    use super::*;
    use crate::pattern::{Dialect, Pattern};

    fn regex(hir: &Hir) -> meta::Regex {
        meta::Builder::new().configure(meta::Config::new().utf8_empty(false)).build_from_hir(hir).unwrap()
    }

    #[test]
    fn a_beginning_is_short() {
        let pattern =
            Pattern::compile(br"(?:/|%2f)(?:\.|%2e){2,3}(?:/|%2f)[a-z]+", Dialect::default()).unwrap();
        let beginning = regex(&beginning(&pattern.superset().unwrap(), 3));
        assert!(beginning.is_match(b"a/..") && beginning.is_match(b"%2f.%"));
        assert!(beginning.is_match(b"/%2e%") && !beginning.is_match(b"/%/%"));
        assert!(!beginning.is_match(b"/.a") && !beginning.is_match(b"2f.."));
    }

    #[test]
    fn what_is_followed_is_not_cut() {
        for (pattern, value) in
            [("(?:/|%25c)x", "%25cx"), ("(?:a|bcd){2}e", "bcdbcde"), ("(?:a|bcd)+e|f", "bcdae")]
        {
            let pattern = Pattern::compile(pattern.as_bytes(), Dialect::default()).unwrap();
            for bytes in 1..7 {
                let beginning = beginning(&pattern.superset().unwrap(), bytes);
                assert!(regex(&beginning).is_match(value.as_bytes()), "{bytes} {value}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn where_an_expression_is_found_its_beginning_is(
            pattern in "([ab1./ ]|\\(\\?:a\\|bab\\)1\\.|\\(\\?:/\\|1\\.a\\)\\+a|\\[a-b\\]|\\[\\^a\\]|\\(\\?:a\\|1\\.\\)|\\(a\\+b\\|/\\*c\\)|a\\{2\\}|\\[ab\\]\\{1,3\\}|\\(\\?:ab\\?\\)\\{2,\\}|\\(\\?:a\\|b11\\)|\\(\\?:1ab\\|/\\)\\{2\\}|\\^|\\$|\\\\b|b\\*|\\.\\?|\\(\\?:\\^\\|1\\)){1,7}",
            values in proptest::collection::vec("[abcAB1./ \n%é]{0,8}", 20),
            bytes in 1_usize..7,
        ) {
            let Ok(compiled) = Pattern::compile(pattern.as_bytes(), Dialect::default()) else { return Ok(()) };
            let beginning = regex(&beginning(&compiled.superset().unwrap(), bytes));
            for value in &values {
                if compiled.is_match(value.as_bytes()) == Ok(true) {
                    prop_assert!(beginning.is_match(value.as_bytes()), "{pattern} {value:?}");
                }
            }
        }
    }
}
