//! Chains of transformations as a tree, so that each result is computed once for a value, and what a value must hold for a
//! transformation to change it.

use portcullis_transform::Transformation;

use crate::ir::sieve::{
    BLANK_FIRST, BLANK_LAST, BLANKS, COMMENT, COMMENT_MARK, Change, ENTITY, ESCAPE, HEXADECIMAL, LOOSE_BLANK,
    LOOSE_MARK, SEGMENT, Signs, classes,
};
#[cfg(test)]
use crate::ir::sieve::{CODE, SIGNS, UPPER, class, decodes};

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
    let on = |classes: u64, pairs: u16| Change::If(Signs { classes, pairs });
    match transformation.name {
        "lowercase" => Change::LowerCase,
        "cmdLine" => Change::LowerCaseAnd(Signs { classes: classes(b"\"'\\^,;\n"), pairs: LOOSE_BLANK }),
        "base64Decode" => Change::Decodes(DIGITS | SPACE | CONTROL),
        "urlDecode" | "urlDecodeUni" => on(classes(b"+"), ESCAPE),
        "jsDecode" | "cssDecode" | "escapeSeqDecode" => on(classes(b"\\"), 0),
        "htmlEntityDecode" => on(0, ENTITY),
        "utf8toUnicode" => on(HIGH | CONTROL, 0),
        "removeNulls" | "replaceNulls" => on(CONTROL, 0),
        "removeWhitespace" => on(SPACE | HIGH, 0),
        "compressWhitespace" => on(classes(b"\n"), BLANKS),
        "trim" => on(0, BLANK_FIRST | BLANK_LAST),
        "trimLeft" => on(0, BLANK_FIRST),
        "trimRight" => on(0, BLANK_LAST),
        "replaceComments" => on(0, COMMENT),
        "removeComments" | "removeCommentsChar" => on(classes(b"#"), COMMENT_MARK),
        "normalizePath" => on(0, SEGMENT),
        "normalizePathWin" => on(classes(b"\\"), SEGMENT),
        "sqlHexDecode" => on(0, HEXADECIMAL),
        _ => Change::Any,
    }
}

/// Signs that make a value go through the tree. Letter case alone does not.
pub(super) fn touched(change: Change) -> Signs {
    match change {
        Change::If(signs) | Change::LowerCaseAnd(signs) => signs,
        Change::LowerCase | Change::Decodes(_) => Signs::default(),
        Change::Any => Signs::ALL,
    }
}

/// Whether what a transformation makes is never longer than what it was made of. A test proves it.
pub(super) fn never_lengthens(transformation: &Transformation) -> bool {
    matches!(
        transformation.name,
        "lowercase"
            | "cmdLine"
            | "base64Decode"
            | "urlDecode"
            | "urlDecodeUni"
            | "jsDecode"
            | "cssDecode"
            | "escapeSeqDecode"
            | "htmlEntityDecode"
            | "removeNulls"
            | "replaceNulls"
            | "removeWhitespace"
            | "compressWhitespace"
            | "replaceComments"
            | "normalizePath"
    )
}

/// Whether what a transformation makes holds bytes of no other classes than what it was made of, blanks apart. A test proves it.
pub(super) fn brings_nothing(transformation: &Transformation) -> bool {
    matches!(
        transformation.name,
        "lowercase"
            | "cmdLine"
            | "removeNulls"
            | "replaceNulls"
            | "removeWhitespace"
            | "compressWhitespace"
            | "trim"
            | "trimLeft"
            | "trimRight"
            | "removeCommentsChar"
            | "replaceComments"
            | "normalizePath"
    )
}

/// What a value has to show for a transformation to do more to it than to put blanks in the place of bytes, to join blanks, and to change
/// letter case; nothing if that cannot be told. A test proves it, of chains too.
pub(super) fn stirs(transformation: &Transformation) -> Option<Signs> {
    match transformation.name {
        "cmdLine" => Some(Signs { classes: classes(b"\"'\\^"), pairs: LOOSE_MARK }),
        "urlDecode" | "urlDecodeUni" => Some(Signs { classes: 0, pairs: ESCAPE }),
        "compressWhitespace" => Some(Signs::default()),
        // They mind blanks, of which there may be more than show.
        "trim" | "trimLeft" | "trimRight" | "removeWhitespace" => None,
        _ => match change(transformation) {
            Change::If(signs) | Change::LowerCaseAnd(signs) => Some(signs),
            Change::LowerCase => Some(Signs::default()),
            Change::Decodes(_) | Change::Any => None,
        },
    }
}

/// The signs that a value shows, one byte after the other: the measure of the pass that finds them.
#[cfg(test)]
pub(crate) fn shown(value: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for byte in value {
        signs.classes |= 1 << class(*byte) | if byte.is_ascii_uppercase() { UPPER } else { 0 };
    }
    for (first, second) in super::prefilter::pairs(value) {
        for (number, pairs) in SIGNS.iter().enumerate() {
            if pairs.iter().any(|(one, other)| one >> first & 1 == 1 && other >> second & 1 == 1) {
                signs.pairs |= 1 << number;
            }
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use portcullis_transform::{Context, TABLE};
    use proptest::prelude::*;

    use super::*;

    fn holds(value: &[u8]) -> Result<(), TestCaseError> {
        let signs = shown(value);
        for transformation in TABLE {
            let mut out = Vec::new();
            let changed = (transformation.apply)(value, &mut out, &Context::default());
            if changed && never_lengthens(transformation) {
                prop_assert!(out.len() <= value.len(), "{} {value:?}", transformation.name);
            }
            if changed && brings_nothing(transformation) {
                let more = shown(&out).classes & !(signs.classes | classes(b" ") | UPPER);
                prop_assert!(more == 0, "{} {value:?}", transformation.name);
            }
            let (touched, lowers) = match change(transformation) {
                Change::If(touched) => (touched, false),
                Change::LowerCase => (Signs::default(), true),
                Change::LowerCaseAnd(touched) => (touched, true),
                Change::Decodes(classes) => {
                    prop_assert!(decodes(classes, signs) || out.is_empty(), "{value:?}");
                    let plain = signs.classes & !CODE == 0;
                    prop_assert!(!plain || out.len() <= value.len() / 4 * 3, "{value:?}");
                    continue;
                }
                Change::Any => continue,
            };
            if !signs.show(touched) && changed {
                prop_assert!(lowers && signs.classes & UPPER != 0, "{} {value:?}", transformation.name);
                prop_assert_eq!(out, value.to_ascii_lowercase(), "{}", transformation.name);
            } else if !signs.show(touched) && lowers {
                prop_assert!(signs.classes & UPPER == 0, "{} {value:?}", transformation.name);
            }
        }
        Ok(())
    }

    /// Pairs of neighbours without a space.
    fn bare_pairs(value: &[u8]) -> Vec<(u8, u8)> {
        let space = class(b' ');
        super::super::prefilter::pairs(value)
            .filter(|(one, other)| ![*one, *other].contains(&space))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40_000))]
        #[test]
        fn what_is_not_stirred_has_no_new_neighbours(
            value in "[a-cA-Z0x ./\\\\%+&;#*<\"'^,:=\t\n-]{0,10}|[a ,;+/(\t-]{0,8}",
            chain in proptest::collection::vec(0..TABLE.len(), 1..4),
        ) {
            let known = bare_pairs(value.as_bytes());
            let classes_of = |value: &[u8]| shown(value).classes | classes(b" ") | UPPER;
            let signs = shown(value.as_bytes());
            let mut now = value.clone().into_bytes();
            for transformation in chain.iter().filter_map(|at| TABLE.get(*at)) {
                if stirs(transformation).is_none_or(|stirs| signs.show_folded(stirs)) {
                    break;
                }
                let mut out = Vec::new();
                if (transformation.apply)(&now, &mut out, &Context::default()) {
                    now = out;
                }
                prop_assert!(bare_pairs(&now).iter().all(|pair| known.contains(pair)), "{} {now:?}", transformation.name);
                prop_assert!(classes_of(&now) & !classes_of(value.as_bytes()) == 0, "{} {now:?}", transformation.name);
            }
        }
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
        fn what_is_not_touched_does_not_change_in_text(value in "[a-zA-Z0-9 ./\\\\%+&;#*x<>\"'^,:=-]{0,10}|[./ *-]{0,8}") {
            holds(value.as_bytes())?;
        }
    }
}
