//! Texts of which one must occur in a value for an expression to be found in it, ASCII case aside.
//!
//! They are looked for together with the phrases of all rules, in one pass: an expression whose automaton would have to go over every
//! ordinary value is asked only where one of its literals stands. Invariant: in every value in which the expression is found, one of
//! them occurs.

use memchr::memmem;
use portcullis_transform::Transformation;
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition,
    literal::{Extractor, Seq},
};

use crate::ir::{
    mark::{Mark, may_vanish},
    phrases::SHORTEST,
};

/// Most literals of an expression: with more of them the pass meets too many places where one may begin.
const MOST: usize = 96;
/// Longest literal, in bytes; longer ones are cut.
const LONGEST: usize = 12;
/// Most bytes of a class that are tried one by one.
const LARGEST_CLASS: usize = 6;
/// Parts of an expression that a literal is put together from, at most.
const FURTHEST: usize = 24;
/// Shortest mark, in bytes: fewer stand everywhere.
const SHORTEST_MARK: usize = 2;

/// The literals of an expression that occur least; none if some text of it holds none that is long enough. `cost` says how often a text
/// occurs in ordinary values.
pub(super) fn required(hir: &Hir, cost: &impl Fn(&[u8]) -> f64) -> Option<Vec<Box<[u8]>>> {
    best(&folded(hir)?, cost).map(|found| found.literals)
}

/// What stands in every value in which an expression is found that sees what transformations made of it.
pub(super) fn mark(hir: &Hir, chain: &[&Transformation]) -> Option<Mark> {
    if chain.is_empty() {
        return text_mark(hir);
    }
    let known = |one: &&Transformation| ["lowercase", "removeWhitespace"].contains(&one.name);
    if chain.iter().all(known) { letter_mark(hir) } else { None }
}

/// A short text without letters, if all texts of the expression begin with one.
fn text_mark(hir: &Hir) -> Option<Mark> {
    let texts = Extractor::new().extract(hir);
    let common = texts.longest_common_prefix()?;
    let length = common.iter().take_while(|byte| !byte.is_ascii_alphabetic()).count();
    (length >= SHORTEST_MARK)
        .then(|| Mark::Text(Box::new(memmem::Finder::new(&common[..length]).into_owned())))
}

/// Letters as they are in ordinary text, the rarest first.
const RAREST_FIRST: &[u8] = b"zqxjkvbpygfwmucldrhsnioate";

/// The rarest letter inside of an expression that is one text.
fn letter_mark(hir: &Hir) -> Option<Mark> {
    let HirKind::Literal(literal) = hir.kind() else { return None };
    let text = literal.0.to_ascii_lowercase();
    if text.iter().copied().any(may_vanish) {
        return None;
    }
    let rank = |letter: u8| RAREST_FIRST.iter().position(|known| *known == letter);
    let (_, letter, before, after) = text
        .array_windows::<3>()
        .filter_map(|[before, letter, after]| Some((rank(*letter)?, *letter, *before, *after)))
        .min()?;
    Some(Mark::Letter { cases: [letter, letter.to_ascii_uppercase()], between: [before, after] })
}

struct Found {
    literals: Vec<Box<[u8]>>,
    cost: f64,
}

fn best(hir: &Hir, cost: &impl Fn(&[u8]) -> f64) -> Option<Found> {
    let within = match hir.kind() {
        HirKind::Concat(items) => {
            let beginnings = (0..items.len()).filter_map(|from| {
                let mut rest = items.get(from..items.len().min(from + FURTHEST))?.to_vec();
                // Of something that comes again, its last round.
                if let Some(first) = rest.first_mut()
                    && let HirKind::Repetition(repetition) = first.kind()
                    && repetition.min > 0
                {
                    *first = (*repetition.sub).clone();
                }
                beginning(&Hir::concat(rest), cost)
            });
            cheapest(beginnings.chain(items.iter().filter_map(|item| best(item, cost))))
        }
        HirKind::Alternation(branches) => {
            let each: Option<Vec<Found>> = branches.iter().map(|branch| best(branch, cost)).collect();
            each.and_then(|each| together(each.into_iter().flat_map(|found| found.literals), cost))
        }
        HirKind::Capture(capture) => best(&capture.sub, cost),
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub, cost),
        HirKind::Empty
        | HirKind::Look(_)
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Repetition(_) => None,
    };
    cheapest(within.into_iter().chain(beginning(hir, cost)))
}

fn cheapest(all: impl Iterator<Item = Found>) -> Option<Found> {
    all.min_by(|one, other| one.cost.total_cmp(&other.cost))
}

/// What every text of an expression begins with.
fn beginning(hir: &Hir, cost: &impl Fn(&[u8]) -> f64) -> Option<Found> {
    let mut extractor = Extractor::new();
    extractor.limit_class(LARGEST_CLASS).limit_literal_len(LONGEST).limit_total(2 * MOST);
    let mut texts: Seq = extractor.extract(hir);
    texts.minimize_by_preference();
    together(texts.literals()?.iter().map(|literal| literal.as_bytes().into()), cost)
}

fn together(literals: impl Iterator<Item = Box<[u8]>>, cost: &impl Fn(&[u8]) -> f64) -> Option<Found> {
    let mut literals: Vec<Box<[u8]>> = literals.collect();
    literals.sort();
    literals.dedup();
    let fits = (1..=MOST).contains(&literals.len()) && literals.iter().all(|text| text.len() >= SHORTEST);
    fits.then(|| Found { cost: literals.iter().map(|text| cost(text)).sum(), literals })
}

/// The expression of the texts of an expression in lower case. Absent if it looks at characters instead of bytes.
fn folded(hir: &Hir) -> Option<Hir> {
    let all = |items: &[Hir]| items.iter().map(folded).collect::<Option<Vec<Hir>>>();
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => Hir::literal(literal.0.to_ascii_lowercase()),
        HirKind::Class(Class::Bytes(bytes)) => Hir::class(Class::Bytes(folded_class(bytes))),
        HirKind::Class(Class::Unicode(_)) => return None,
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(folded(&repetition.sub)?), ..repetition.clone() })
        }
        HirKind::Capture(capture) => folded(&capture.sub)?,
        HirKind::Concat(items) => Hir::concat(all(items)?),
        HirKind::Alternation(branches) => Hir::alternation(all(branches)?),
    })
}

fn folded_class(bytes: &ClassBytes) -> ClassBytes {
    let upper = ClassBytes::new([ClassBytesRange::new(b'A', b'Z')]);
    let mut lowered = bytes.clone();
    lowered.intersect(&upper);
    let lowered: Vec<ClassBytesRange> = lowered
        .iter()
        .map(|range| {
            ClassBytesRange::new(range.start().to_ascii_lowercase(), range.end().to_ascii_lowercase())
        })
        .collect();
    let mut folded = bytes.clone();
    folded.difference(&upper);
    folded.union(&ClassBytes::new(lowered));
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta;

    use super::*;
    use crate::{
        ir::phrases::rarity,
        pattern::{Dialect, Pattern},
    };

    fn literals(pattern: &str) -> Option<Vec<String>> {
        let pattern = Pattern::compile(pattern.as_bytes(), Dialect::default()).unwrap();
        let literals = required(&pattern.superset().unwrap(), &rarity)?;
        Some(literals.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    #[test]
    fn literals_stand_anywhere_in_the_expression() {
        assert_eq!(literals(r"(?i)\bMoved_file\b"), Some(vec!["moved_file".to_owned()]));
        assert_eq!(
            literals(r"[a-z]+(?:get|put)_all"),
            Some(vec!["get_all".to_owned(), "put_all".to_owned()])
        );
        assert_eq!(literals(r"(?:a.*first|\w+second)"), Some(vec!["first".to_owned(), "second".to_owned()]));
        assert_eq!(literals(r"first|abc"), None);
        assert_eq!(literals(r"(?:first)?"), None);
        assert_eq!(literals(r"\w+=\d{4}"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn where_an_expression_is_found_one_of_its_literals_stands(
            pattern in "(?:(?:\\(\\?i\\))?)[aB]{0,2}(?:\\((?:ab|Abba|b[ab]{2}A|AB?ba)\\|(?:aabb|B+abab)\\)|abAb)(?:[aB][+*?]?){0,3}(?:\\|bbaa[ab]?)?",
            values in proptest::collection::vec("[abAB]{0,14}", 1..12),
        ) {
            let compiled = Pattern::compile(pattern.as_bytes(), Dialect::default()).unwrap();
            let hir = compiled.superset().unwrap();
            if let Some(literals) = required(&hir, &rarity) {
                let regex = meta::Builder::new()
                    .configure(meta::Config::new().utf8_empty(false))
                    .build_from_hir(&hir)
                    .unwrap();
                for value in values.iter().filter(|value| regex.is_match(value.as_bytes())) {
                    let lower = value.to_ascii_lowercase();
                    let stands = literals.iter().any(|text| {
                        lower.as_bytes().windows(text.len()).any(|window| window == &**text)
                    });
                    prop_assert!(stands, "{pattern} {value} {literals:?}");
                }
            }
        }
    }
}
