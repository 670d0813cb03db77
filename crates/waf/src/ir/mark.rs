//! Something short without which a rule does not match, found in a long value much faster than its pairs are.

use memchr::{memchr2_iter, memmem};

/// What stands in every value that a rule matches, as the value came.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A text.
    Text(Box<memmem::Finder<'static>>),
    /// A letter in either case between its neighbours, which transformations that take bytes away may bring together.
    Letter {
        /// Both cases.
        cases: [u8; 2],
        /// The neighbours, in lower case.
        between: [u8; 2],
    },
}

impl Mark {
    /// Whether it stands in a value.
    pub(crate) fn stands_in(&self, value: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.find(value).is_some(),
            Self::Letter { cases: [one, other], between: [before, after] } => {
                memchr2_iter(*one, *other, value).any(|at| {
                    let (front, behind) = value.split_at(at);
                    is_next(front.iter().rev(), *before) && is_next(behind.iter().skip(1), *after)
                })
            }
        }
    }
}

/// Whether a byte comes next, leaving out those that may be taken away.
fn is_next<'a>(bytes: impl Iterator<Item = &'a u8>, wanted: u8) -> bool {
    let next = bytes.into_iter().find(|byte| !may_vanish(**byte));
    next.is_some_and(|byte| byte.eq_ignore_ascii_case(&wanted))
}

/// Whether `t:removeWhitespace` may take a byte away. Bytes beyond ASCII that it leaves are counted in: more marks are found then.
pub(crate) fn may_vanish(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_across_what_vanishes() {
        let mark = Mark::Letter { cases: [b'k', b'K'], between: [b'n', b'h'] };
        for value in ["punkholic", "puN \t\nK\u{a0}Holic", "k nk h"] {
            assert!(mark.stands_in(value.as_bytes()), "{value}");
        }
        for value in ["", "k", "kh", "nk", "n-kh", "nk-h", "nick hnk"] {
            assert!(!mark.stands_in(value.as_bytes()), "{value}");
        }
    }
}
