//! What must occur in a value for an expression to be found in it: clauses, sets of pairs of neighbouring byte classes of which at least
//! one occurs.
//!
//! Which clauses are taken depends on how often their pairs occur in ordinary values ([`super::profile`]); a poor choice costs time, never
//! a match. Invariant: in every value in which the expression is found, each clause has a pair that occurs, the edges of the value
//! counting as neighbours of its first and last byte.

use std::borrow::Borrow;

use regex_syntax::hir::{Class, ClassBytes, Hir, HirKind, Look, Repetition};

use super::profile::Profile;
use crate::ir::sieve::{CLASSES, EDGE, NEEDS, class};

/// A set of classes; the bit of the edge stands for the edge.
type Set = u64;
const EVERYTHING: Set = u64::MAX;
const AT_EDGE: Set = 1 << EDGE;

/// Clauses that are kept while an expression is taken apart.
const KEPT: usize = 12;
/// Unions of clauses of all branches that are tried.
const CHOICES: usize = 4;
/// Clauses with more occurrences than that in an ordinary value tell nothing.
const TOO_COMMON: f64 = 3.0;

/// Pairs of which one must occur: for each first class the second ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    pub(super) follow: Box<[Set; CLASSES]>,
    /// How often its pairs occur in an ordinary value.
    pub(super) cost: f64,
}

impl Clause {
    fn product(first: Set, second: Set, profile: &Profile) -> Option<Self> {
        let mut follow = Box::new([0; CLASSES]);
        for (at, row) in follow.iter_mut().enumerate() {
            if first >> at & 1 == 1 {
                *row = second;
            }
        }
        Self::costed(follow, profile)
    }

    /// Holds where a byte of a class of the set stands, whatever follows.
    fn of_class(set: Set, profile: &Profile) -> Self {
        let mut follow = Box::new([0; CLASSES]);
        for (at, row) in follow.iter_mut().enumerate() {
            if set >> at & 1 == 1 {
                *row = EVERYTHING;
            }
        }
        let cost = profile.occurrences(&follow);
        Self { follow, cost }
    }

    fn costed(follow: Box<[Set; CLASSES]>, profile: &Profile) -> Option<Self> {
        let cost = profile.occurrences(&follow);
        (cost < TOO_COMMON).then_some(Self { follow, cost })
    }

    /// Whether a pair of it occurs in a value.
    pub(super) fn holds(&self, value: &[u8]) -> bool {
        pairs(value).any(|(first, second)| {
            self.follow.get(usize::from(first)).is_some_and(|row| row >> second & 1 == 1)
        })
    }
}

/// The pairs of a value, edges included.
pub(super) fn pairs(value: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    let edge = std::iter::once(EDGE);
    let classes = value.iter().map(|byte| class(*byte));
    edge.clone().chain(classes.clone()).zip(classes.chain(edge))
}

/// The best two clauses of an expression; none if it has none that tell anything.
pub(super) fn best(hir: &Hir, profile: &Profile) -> [Option<Clause>; 2] {
    let all = required(hir, EVERYTHING, EVERYTHING, profile);
    if all.is_empty() {
        // Many values hold what it needs, but not all: most are short.
        let [rarest, ..] = needs(hir, profile);
        return [(rarest != 0).then(|| Clause::of_class(rarest, profile)), None];
    }
    two(all, profile)
}

/// The same of expressions of which one is to be found. They are looked at one after the other: all at once may take much room.
pub(super) fn best_of_any(hirs: impl Iterator<Item = Hir>, profile: &Profile) -> [Option<Clause>; 2] {
    let mut found = Vec::new();
    either(hirs, EVERYTHING, EVERYTHING, profile, &mut found);
    two(cheapest(found), profile)
}

/// The first of some clauses, and which of the others is best beside it.
fn two(mut all: Vec<Clause>, profile: &Profile) -> [Option<Clause>; 2] {
    if all.is_empty() {
        return [None, None];
    }
    let first = all.remove(0);
    // The second is to hold where the first does not sift.
    let left: Vec<&[u8]> = profile.values().filter(|value| first.holds(value)).collect();
    let misses = |clause: &Clause| left.iter().filter(|value| clause.holds(value)).count();
    let second = all
        .into_iter()
        .map(|clause| (misses(&clause), clause))
        .min_by(|(one, a), (other, b)| one.cmp(other).then(a.cost.total_cmp(&b.cost)));
    [Some(first), second.map(|(_, clause)| clause)]
}

/// Sets of classes, of each of which one occurs wherever the expression is found: those that fewest ordinary values hold; no bits where
/// there are fewer.
pub(super) fn needs(hir: &Hir, profile: &Profile) -> [Set; NEEDS] {
    rarest(needed(hir, profile), profile)
}

/// The same of expressions of which one is to be found.
pub(super) fn needs_of_any(hirs: impl Iterator<Item = Hir>, profile: &Profile) -> [Set; NEEDS] {
    rarest(fewest(needed_of_any(hirs, profile), profile), profile)
}

fn rarest(mut all: Vec<Set>, profile: &Profile) -> [Set; NEEDS] {
    let mut best = [0; NEEDS];
    for at in 0..NEEDS {
        let chosen: Vec<Set> = best.iter().copied().take(at).collect();
        let next = all.iter().enumerate().min_by_key(|(_, set)| {
            let mut together = chosen.clone();
            together.push(**set);
            profile.holders(&together)
        });
        let Some((next, set)) = next.map(|(next, set)| (next, *set)) else { break };
        all.swap_remove(next);
        if let Some(place) = best.get_mut(at) {
            *place = set;
        }
    }
    best
}

fn needed(hir: &Hir, profile: &Profile) -> Vec<Set> {
    let sets = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Unicode(_)) => Vec::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| 1 << class(*byte)).collect(),
        HirKind::Class(Class::Bytes(bytes)) => vec![set(bytes)],
        HirKind::Capture(capture) => needed(&capture.sub, profile),
        HirKind::Repetition(repetition) if repetition.min == 0 => Vec::new(),
        HirKind::Repetition(repetition) => needed(&repetition.sub, profile),
        HirKind::Concat(items) => items.iter().flat_map(|item| needed(item, profile)).collect(),
        HirKind::Alternation(branches) => needed_of_any(branches.iter(), profile),
    };
    fewest(sets, profile)
}

/// Of every branch one set; their union holds whichever branch is found.
fn needed_of_any<H: Borrow<Hir>>(branches: impl Iterator<Item = H>, profile: &Profile) -> Vec<Set> {
    let each: Vec<Vec<Set>> = branches.map(|branch| needed(branch.borrow(), profile)).collect();
    let of =
        |choice: usize| each.iter().try_fold(0, |all, sets| Some(all | sets.get(choice).or(sets.last())?));
    (0..2 * NEEDS).filter_map(of).collect()
}

fn fewest(mut sets: Vec<Set>, profile: &Profile) -> Vec<Set> {
    sets.sort_unstable();
    sets.dedup();
    sets.sort_by_cached_key(|set| (profile.holders(&[*set]), *set));
    sets.truncate(4 * NEEDS);
    sets
}

/// What begins and ends the texts of an expression.
#[derive(Clone, Copy)]
struct Shape {
    nullable: bool,
    first: Set,
    last: Set,
}

impl Shape {
    const NOTHING: Self = Self { nullable: true, first: 0, last: 0 };

    fn one(set: Set) -> Self {
        Self { nullable: false, first: set, last: set }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::NOTHING,
            HirKind::Literal(literal) => match (literal.0.first(), literal.0.last()) {
                (Some(first), Some(last)) => {
                    Self { nullable: false, first: 1 << class(*first), last: 1 << class(*last) }
                }
                _ => Self::NOTHING,
            },
            HirKind::Class(Class::Bytes(bytes)) => Self::one(set(bytes)),
            // No pattern of bytes has one.
            HirKind::Class(Class::Unicode(_)) => {
                Self { nullable: true, first: EVERYTHING & !AT_EDGE, last: EVERYTHING & !AT_EDGE }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let sub = Self::of(&repetition.sub);
                Self { nullable: sub.nullable || repetition.min == 0, ..sub }
            }
            HirKind::Alternation(branches) => {
                let none = Self { nullable: false, first: 0, last: 0 };
                branches.iter().map(Self::of).fold(none, |all, one| Self {
                    nullable: all.nullable || one.nullable,
                    first: all.first | one.first,
                    last: all.last | one.last,
                })
            }
            HirKind::Concat(items) => {
                let shapes: Vec<Self> = items.iter().map(Self::of).collect();
                Self {
                    nullable: shapes.iter().all(|shape| shape.nullable),
                    first: reach(shapes.iter().map(|shape| (shape.nullable, shape.first)), 0),
                    last: reach(shapes.iter().rev().map(|shape| (shape.nullable, shape.last)), 0),
                }
            }
        }
    }
}

/// Classes that can come first, given what `behind` can when all is empty.
fn reach(shapes: impl Iterator<Item = (bool, Set)>, behind: Set) -> Set {
    let mut reached = 0;
    for (nullable, set) in shapes {
        reached |= set;
        if !nullable {
            return reached;
        }
    }
    reached | behind
}

fn set(bytes: &ClassBytes) -> Set {
    bytes.iter().flat_map(|range| range.start()..=range.end()).fold(0, |set, byte| set | 1 << class(byte))
}

/// Clauses that hold wherever the expression is found with one of `before` in front of it and one of `after` behind it, cheapest first.
fn required(hir: &Hir, before: Set, after: Set, profile: &Profile) -> Vec<Clause> {
    let mut found = Vec::new();
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Unicode(_)) => {}
        HirKind::Literal(literal) => {
            let inner = literal.0.iter().map(|byte| 1 << class(*byte));
            let row: Vec<Set> = std::iter::once(before).chain(inner).chain([after]).collect();
            neighbours(&row, profile, &mut found);
        }
        HirKind::Class(Class::Bytes(bytes)) => neighbours(&[before, set(bytes), after], profile, &mut found),
        HirKind::Capture(capture) => return required(&capture.sub, before, after, profile),
        HirKind::Repetition(repetition) => repeated(repetition, before, after, profile, &mut found),
        HirKind::Concat(items) => joined(items, before, after, profile, &mut found),
        HirKind::Alternation(branches) => either(branches.iter(), before, after, profile, &mut found),
    }
    cheapest(found)
}

fn cheapest(mut found: Vec<Clause>) -> Vec<Clause> {
    found.sort_by(|one, other| one.cost.total_cmp(&other.cost));
    found.dedup();
    found.truncate(KEPT);
    found
}

fn neighbours(row: &[Set], profile: &Profile, found: &mut Vec<Clause>) {
    for pair in row.windows(2) {
        if let [first, second] = *pair {
            found.extend(Clause::product(first, second, profile));
        }
    }
}

fn repeated(repetition: &Repetition, before: Set, after: Set, profile: &Profile, found: &mut Vec<Clause>) {
    let shape = Shape::of(&repetition.sub);
    if repetition.min == 0 || shape.nullable {
        return;
    }
    let again = repetition.max != Some(1);
    if let HirKind::Class(Class::Bytes(bytes)) = repetition.sub.kind() {
        let set = set(bytes);
        let copies = repetition.min.min(4);
        let mut row = vec![before];
        row.extend((0..copies).map(|_| set));
        row.push(if repetition.max == Some(copies) { after } else { after | set });
        neighbours(&row, profile, found);
        neighbours(&[if again { before | set } else { before }, set, after], profile, found);
        return;
    }
    // The first round, and the last.
    let next = if again { after | shape.first } else { after };
    found.extend(required(&repetition.sub, before, next, profile));
    if again {
        found.extend(required(&repetition.sub, before | shape.last, after, profile));
    }
}

/// One place of a row: a byte of a set, or something longer or optional.
enum Item<'a> {
    Byte(Set),
    Other(&'a Hir),
}

fn flattened<'a>(items: &'a [Hir], out: &mut Vec<Item<'a>>) {
    for item in items {
        match item.kind() {
            HirKind::Literal(literal) => {
                out.extend(literal.0.iter().map(|byte| Item::Byte(1 << class(*byte))));
            }
            HirKind::Class(Class::Bytes(bytes)) => out.push(Item::Byte(set(bytes))),
            HirKind::Concat(inner) => flattened(inner, out),
            HirKind::Capture(capture) => flattened(std::slice::from_ref(&*capture.sub), out),
            HirKind::Repetition(repetition)
                if repetition.max == Some(repetition.min) && (1..=6).contains(&repetition.min) =>
            {
                if let HirKind::Class(Class::Bytes(bytes)) = repetition.sub.kind() {
                    out.extend((0..repetition.min).map(|_| Item::Byte(set(bytes))));
                } else {
                    out.push(Item::Other(item));
                }
            }
            _ => out.push(Item::Other(item)),
        }
    }
}

fn joined(items: &[Hir], before: Set, after: Set, profile: &Profile, found: &mut Vec<Clause>) {
    let mut row = Vec::new();
    flattened(items, &mut row);
    let shapes: Vec<Shape> = row
        .iter()
        .map(|item| match item {
            Item::Byte(set) => Shape::one(*set),
            Item::Other(hir) => Shape::of(hir),
        })
        .collect();
    let is = |at: usize, wanted: Look| match row.get(at) {
        Some(Item::Other(hir)) => matches!(hir.kind(), HirKind::Look(look) if *look == wanted),
        _ => false,
    };
    let mut in_front = Vec::with_capacity(row.len());
    let mut reached = before;
    for (at, shape) in shapes.iter().enumerate() {
        in_front.push(reached);
        if is(at, Look::Start) {
            reached = AT_EDGE;
        }
        reached = if shape.nullable { reached | shape.last } else { shape.last };
    }
    let mut behind = vec![after; row.len()];
    let mut reached = after;
    for (at, shape) in shapes.iter().enumerate().rev() {
        if let Some(place) = behind.get_mut(at) {
            *place = reached;
        }
        if is(at, Look::End) {
            reached = AT_EDGE;
        }
        reached = if shape.nullable { reached | shape.first } else { shape.first };
    }
    let mut run: Vec<Set> = Vec::new();
    for (at, item) in row.iter().enumerate() {
        let (front, back) = (in_front.get(at).copied(), behind.get(at).copied());
        let (Some(front), Some(back)) = (front, back) else { continue };
        match item {
            Item::Byte(set) => {
                if run.is_empty() {
                    run.push(front);
                }
                run.push(*set);
                if !matches!(row.get(at + 1), Some(Item::Byte(_))) {
                    run.push(back);
                    neighbours(&run, profile, found);
                    run.clear();
                }
            }
            Item::Other(hir) => {
                if shapes.get(at).is_some_and(|shape| !shape.nullable) {
                    found.extend(required(hir, front, back, profile));
                }
            }
        }
    }
}

/// Of every branch one clause; their union holds whichever branch is found.
fn either<H: Borrow<Hir>>(
    branches: impl Iterator<Item = H>,
    before: Set,
    after: Set,
    profile: &Profile,
    found: &mut Vec<Clause>,
) {
    let mut unions = vec![Box::new([0; CLASSES]); CHOICES];
    for branch in branches {
        let branch = branch.borrow();
        if Shape::of(branch).nullable {
            return;
        }
        let clauses = required(branch, before, after, profile);
        let Some(last) = clauses.last() else { return };
        for (choice, union) in unions.iter_mut().enumerate() {
            let clause = clauses.get(choice).unwrap_or(last);
            union.iter_mut().zip(clause.follow.iter()).for_each(|(row, more)| *row |= more);
        }
    }
    found.extend(unions.into_iter().filter_map(|union| Clause::costed(union, profile)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::{Dialect, Pattern};

    #[test]
    fn edges_count_as_neighbours() {
        let profile = Profile::new();
        let pattern = Pattern::compile(b"^ab$", Dialect::default()).unwrap();
        let [first, second] = best(&pattern.superset().unwrap(), &profile);
        for clause in [first, second].into_iter().flatten() {
            assert!(clause.holds(b"ab") && clause.holds(b"AB"));
        }
        let whole = required(&pattern.superset().unwrap(), EVERYTHING, EVERYTHING, &profile);
        assert!(whole.iter().any(|clause| !clause.holds(b"xabx")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn clauses_hold_in_every_match(
            pattern in "([ab1./ ]|\\[a-b\\]|\\[\\^a\\]|\\(\\?:a\\|1\\.\\)|\\(a\\+b\\|/\\*c\\)|a\\{2\\}|\\[ab\\]\\{1,3\\}|\\^|\\$|\\\\b|b\\*|\\.\\?|\\(\\?:\\^\\|1\\)){1,7}",
            values in proptest::collection::vec("[abcAB1./ \n%é]{0,8}", 20),
        ) {
            for multiline in [false, true] {
                let dialect = Dialect { multiline, ignore_case: false };
                let Ok(compiled) = Pattern::compile(pattern.as_bytes(), dialect) else { continue };
                let profile = Profile::new();
                let clauses = required(&compiled.superset().unwrap(), EVERYTHING, EVERYTHING, &profile);
                let needed = needs(&compiled.superset().unwrap(), &profile);
                for value in &values {
                    if compiled.is_match(value.as_bytes()) == Ok(true) {
                        for clause in &clauses {
                            prop_assert!(clause.holds(value.as_bytes()), "{pattern} {value:?}");
                        }
                        let there = value.bytes().fold(0, |set, byte| set | 1 << class(byte));
                        for needed in needed.iter().filter(|needed| **needed != 0) {
                            prop_assert!(needed & there != 0, "{pattern} {value:?}");
                        }
                    }
                }
            }
        }
    }
}
