//! Chains of transformations as a tree, so that each result is computed once for a value, and what a value must hold for a
//! transformation to change it.

use portcullis_transform::Transformation;

use crate::ir::sieve::{Change, UPPER, classes};

/// A tree of chains, parents first; the first node is the value as it came.
#[derive(Default)]
pub(super) struct Tree {
    /// Parent and transformation; those of the first node mean nothing.
    pub(super) nodes: Vec<(usize, Option<&'static Transformation>)>,
}

impl Tree {
    /// The nodes a chain goes through, the first one included.
    pub(super) fn path(&mut self, chain: &[&'static Transformation]) -> Vec<usize> {
        if self.nodes.is_empty() {
            self.nodes.push((0, None));
        }
        let mut path = vec![0];
        let mut at = 0;
        for transformation in chain {
            let known = self.nodes.iter().position(|(parent, known)| {
                *parent == at && known.is_some_and(|known| std::ptr::eq(known, *transformation))
            });
            at = known.unwrap_or_else(|| {
                self.nodes.push((at, Some(transformation)));
                self.nodes.len() - 1
            });
            path.push(at);
        }
        path
    }
}

/// What a transformation changes. A test proves it of every one.
pub(super) fn change(transformation: &Transformation) -> Change {
    const SPACE: u64 = classes(b" \n");
    const HIGH: u64 = classes(b"\x80");
    const CONTROL: u64 = classes(b"\x00");
    const DIGITS: u64 = classes(b"abcdefghijklmnopqrstuvwxyz0+/=");
    Change::Classes(match transformation.name {
        "lowercase" => return Change::LowerCase,
        "cmdLine" => return Change::LowerCaseAnd(SPACE | classes(b"\"'\\^,;")),
        "base64Decode" => return Change::Decodes(DIGITS | SPACE | CONTROL),
        "urlDecode" | "urlDecodeUni" => classes(b"%+"),
        "jsDecode" | "cssDecode" | "escapeSeqDecode" => classes(b"\\"),
        "htmlEntityDecode" => classes(b"&"),
        "utf8toUnicode" => HIGH | CONTROL,
        "removeNulls" | "replaceNulls" => CONTROL,
        "removeWhitespace" => SPACE | HIGH,
        "compressWhitespace" | "trim" | "trimLeft" | "trimRight" => SPACE,
        "replaceComments" => classes(b"*"),
        "removeComments" | "removeCommentsChar" => classes(b"*-#"),
        "normalizePath" => classes(b"/."),
        "normalizePathWin" => classes(b"/.\\"),
        "sqlHexDecode" => classes(b"x"),
        _ => return Change::Any,
    })
}

/// Classes that make a value go through the tree. Letter case alone does not.
pub(super) fn touched(change: Change) -> u64 {
    match change {
        Change::Classes(classes) | Change::LowerCaseAnd(classes) => classes,
        Change::LowerCase | Change::Decodes(_) => 0,
        Change::Any => !UPPER,
    }
}

#[cfg(test)]
mod tests {
    use portcullis_transform::{Context, TABLE};
    use proptest::prelude::*;

    use super::*;
    use crate::ir::sieve::class;

    fn mask(value: &[u8]) -> u64 {
        value.iter().fold(0, |mask, byte| {
            mask | 1 << class(*byte) | if byte.is_ascii_uppercase() { UPPER } else { 0 }
        })
    }

    fn holds(value: &[u8]) -> Result<(), TestCaseError> {
        for transformation in TABLE {
            let mut out = Vec::new();
            let changed = (transformation.apply)(value, &mut out, &Context::default());
            let (classes, lowers) = match change(transformation) {
                Change::Classes(classes) => (classes, false),
                Change::LowerCase => (0, true),
                Change::LowerCaseAnd(classes) => (classes, true),
                Change::Decodes(classes) => {
                    prop_assert!(mask(value) & !classes & !UPPER == 0 || out.is_empty(), "{value:?}");
                    continue;
                }
                Change::Any => continue,
            };
            if mask(value) & classes == 0 && changed {
                prop_assert!(lowers && mask(value) & UPPER != 0, "{} {value:?}", transformation.name);
                prop_assert_eq!(out, value.to_ascii_lowercase(), "{}", transformation.name);
            } else if mask(value) & classes == 0 && lowers {
                prop_assert!(mask(value) & UPPER == 0, "{} {value:?}", transformation.name);
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn what_is_not_touched_does_not_change(
            few in proptest::collection::vec(any::<u8>(), 1..4),
            picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let value: Vec<u8> = picks.iter().map(|pick| few[pick.index(few.len())]).collect();
            holds(&value)?;
        }

        #[test]
        fn what_is_not_touched_does_not_change_in_text(value in "[a-zA-Z0-9 ./\\\\%+&;#*x<>\"'^,:=-]{0,10}") {
            holds(value.as_bytes())?;
        }
    }
}
