//! Sets of sifted rules.

pub(super) use crate::ir::sieve::Rules;

pub(super) fn both<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
    both
}

pub(super) fn without<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut left = *one;
    left.iter_mut().zip(other).for_each(|(word, other)| *word &= !other);
    left
}

pub(super) fn join<const W: usize>(one: &mut Rules<W>, other: &Rules<W>) {
    one.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
}

pub(super) fn differing<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut differing = *one;
    differing.iter_mut().zip(other).for_each(|(word, other)| *word ^= other);
    differing
}

pub(super) fn meet<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> bool {
    one.iter().zip(other).any(|(word, other)| word & other != 0)
}

pub(super) fn has<const W: usize>(set: &Rules<W>, bit: usize) -> bool {
    set.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

pub(super) fn remove<const W: usize>(set: &mut Rules<W>, bit: usize) {
    if let Some(word) = set.get_mut(bit / 64) {
        *word &= !(1 << (bit % 64));
    }
}

/// Takes the lowest bit out of a set.
pub(super) fn pop<const W: usize>(set: &mut Rules<W>) -> Option<usize> {
    for (at, word) in set.iter_mut().enumerate() {
        if *word != 0 {
            let bit = word.trailing_zeros() as usize;
            *word &= *word - 1;
            return Some(at * 64 + bit);
        }
    }
    None
}
