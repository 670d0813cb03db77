//! What a link looks for in a value, as far as the sieve can tell from it that a value does not hold it.
//!
//! An expression is taken apart as a whole. Lists of phrases are taken phrase by phrase: the expression of all phrases of a long list takes
//! a hundred times the room of the list.

use portcullis_transform::Transformation;
use regex_syntax::hir::Hir;

use super::{
    literals,
    prefilter::{Clause, best, best_of_any, needs, needs_of_any},
    profile::Profile,
};
use crate::{
    ir::{mark::Mark, sieve::NEEDS},
    operators::Superset,
};

/// Bytes of phrases from which on they are taken one by one.
const LONG_LIST: usize = 1 << 11;

pub(super) enum Sought<'a> {
    Expression(Hir),
    List(&'a [Box<[u8]>]),
}

impl<'a> Sought<'a> {
    pub(super) fn phrases(phrases: &'a [Box<[u8]>]) -> Self {
        if phrases.iter().map(|phrase| phrase.len()).sum::<usize>() < LONG_LIST {
            Self::Expression(Superset::phrases(phrases.iter().map(|phrase| &**phrase)))
        } else {
            Self::List(phrases)
        }
    }

    /// Pairs of which one occurs wherever it is found.
    pub(super) fn clauses(&self, profile: &Profile) -> [Option<Clause>; 2] {
        match self {
            Self::Expression(hir) => best(hir, profile),
            Self::List(phrases) => best_of_any(one_by_one(phrases), profile),
        }
    }

    /// Classes of which one occurs wherever it is found.
    pub(super) fn needs(&self, profile: &Profile) -> [u64; NEEDS] {
        match self {
            Self::Expression(hir) => needs(hir, profile),
            Self::List(phrases) => needs_of_any(one_by_one(phrases), profile),
        }
    }

    /// Bytes of the shortest text that it is found in.
    pub(super) fn shortest(&self) -> usize {
        match self {
            Self::Expression(hir) => hir.properties().minimum_len().unwrap_or(0),
            Self::List(phrases) => phrases.iter().map(|phrase| phrase.len()).min().unwrap_or(0),
        }
    }

    /// What stands in every value in which it is found after these transformations. Of a list nothing does.
    pub(super) fn mark(&self, chain: &[&Transformation]) -> Option<Mark> {
        match self {
            Self::Expression(hir) => literals::mark(hir, chain),
            Self::List(_) => None,
        }
    }
}

fn one_by_one<'a>(phrases: &'a [Box<[u8]>]) -> impl Iterator<Item = Hir> + 'a {
    phrases.iter().map(|phrase| Superset::phrases(std::iter::once(&**phrase)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_sifted_like_its_expression() {
        let profile = Profile::new();
        let phrases: Vec<Box<[u8]>> =
            (0..400).map(|at| format!("/x{at}-{}", at * 7919 % 1000).into_bytes().into()).collect();
        let list = Sought::phrases(&phrases);
        assert!(matches!(list, Sought::List(_)) && list.shortest() == 5);
        let whole = Sought::Expression(Superset::phrases(phrases.iter().map(|phrase| &**phrase)));
        for sought in [list, whole] {
            let clauses = sought.clauses(&profile);
            assert!(clauses.iter().flatten().count() > 0);
            for phrase in &phrases {
                let value = [b"some ", &**phrase, b"."].concat().to_ascii_uppercase();
                assert!(clauses.iter().flatten().all(|clause| clause.holds(&value)));
            }
        }
    }
}
