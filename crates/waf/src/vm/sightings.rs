//! Which values may match which links: what the sifter saw is not looked for again in all the others.

use crate::ir::Variable;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// The member of a collection that is kept at this address and has this length.
    At(usize, usize),
    /// A variable that has one value.
    Single,
    /// Values of the collection are made anew whenever they are asked for.
    Anywhere,
}

/// A value in which a link was found.
pub(crate) enum Found<'a> {
    /// A member of a collection that stays where it is.
    Member(&'a [u8]),
    /// A member of another collection.
    Passing,
    /// The only value of a variable.
    Single,
}

/// A value in which a link was found, by its place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    phase: u8,
    step: u16,
    link: u16,
    whereabouts: Where,
    /// Variables that it belongs to.
    reaches: &'static [Variable],
    decided: bool,
}

impl Sighting {
    /// Whether the operator does not hit for certain: a match of a rule that negates it.
    pub(crate) fn is_decided(&self) -> bool {
        self.decided
    }

    /// Whether this is a sighting of a value of a variable. Where a value was seen that passes by, the link was not looked for any more:
    /// that may be any value.
    pub(crate) fn reaches(&self, variable: Variable) -> bool {
        self.whereabouts == Where::Anywhere || self.reaches.contains(&variable)
    }

    /// Whether this is a sighting of a value.
    pub(crate) fn is_of(&self, is_member: bool, value: &[u8]) -> bool {
        match self.whereabouts {
            Where::At(at, length) => is_member && at == value.as_ptr().addr() && length == value.len(),
            Where::Single => !is_member,
            Where::Anywhere => true,
        }
    }
}

/// A value in which a link was found.
pub(crate) struct Sighted<'a> {
    pub(crate) phase: u8,
    pub(crate) step: u16,
    pub(crate) link: usize,
    pub(crate) found: Found<'a>,
    /// Variables that the value belongs to.
    pub(crate) reaches: &'static [Variable],
    /// See [`Sighting::is_decided`]. The rule looks at nothing else.
    pub(crate) decided: bool,
}

/// Most sightings that are kept of a transaction; with more, all values are looked at.
const MOST: usize = 4096;
/// Room that is made at once.
const USUAL: usize = 32;
/// Most values of a link that are told apart.
const MOST_OF_LINK: usize = 16;

/// All sightings of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    all: Vec<Sighting>,
    overflowed: bool,
}

impl Seen {
    /// Notes a value. `value` is absent if it will not be where it is.
    pub(crate) fn note(&mut self, sighted: &Sighted<'_>) {
        let Sighted { phase, step, reaches, decided, .. } = *sighted;
        let link = u16::try_from(sighted.link).unwrap_or(u16::MAX);
        let whereabouts = match sighted.found {
            Found::Member(value) => Where::At(value.as_ptr().addr(), value.len()),
            Found::Passing => Where::Anywhere,
            Found::Single => Where::Single,
        };
        if self.all.capacity() == 0 {
            self.all.reserve(USUAL);
        }
        if self.all.len() < MOST {
            self.all.push(Sighting { phase, step, link, whereabouts, reaches, decided });
        } else {
            self.overflowed = true;
        }
    }

    /// Forgets all of them. False if so many were kept that their room is better given up.
    pub(crate) fn clear(&mut self) -> bool {
        self.all.clear();
        self.overflowed = false;
        self.all.capacity() <= USUAL * 8
    }

    /// Puts the sightings of a step into `out`. False if they are not known.
    pub(crate) fn of_step(&self, phase: u8, step: usize, out: &mut Sightings) -> bool {
        out.own.clear();
        if self.overflowed {
            return false;
        }
        let own = self.all.iter().filter(|seen| seen.phase == phase && usize::from(seen.step) == step);
        out.own.extend(own.take(MOST_OF_LINK + 1).copied());
        out.own.sort_by_key(|seen| seen.link);
        !out.own.is_empty() && out.own.len() <= MOST_OF_LINK
    }
}

/// Sightings of one step, in the order of its links.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    own: Vec<Sighting>,
}

impl Sightings {
    pub(crate) fn clear(&mut self) {
        self.own.clear();
    }

    /// Those of a link; nothing if it was not looked for.
    pub(crate) fn of(&self, link: usize) -> Option<&[Sighting]> {
        let is_of = |seen: &Sighting| usize::from(seen.link).cmp(&link);
        let from = self.own.partition_point(|seen| is_of(seen).is_lt());
        let to = self.own.partition_point(|seen| is_of(seen).is_le());
        self.own.get(from..to).filter(|own| !own.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighted(phase: u8, step: u16, link: usize, found: Found<'_>) -> Sighted<'_> {
        Sighted { phase, step, link, found, reaches: &[Variable::Args], decided: false }
    }

    #[test]
    fn a_link_that_was_not_looked_for_has_no_sightings() {
        let (one, other) = (b"one".to_vec(), b"two".to_vec());
        let mut seen = Seen::default();
        seen.note(&sighted(2, 7, 1, Found::Member(&one)));
        seen.note(&sighted(2, 8, 0, Found::Single));
        let mut sightings = Sightings::default();
        assert!(seen.of_step(2, 7, &mut sightings));
        assert!(sightings.of(0).is_none());
        let own = sightings.of(1).unwrap();
        assert!(own[0].is_of(true, &one) && !own[0].is_of(true, &other) && !own[0].is_of(false, &one));
        assert!(seen.of_step(2, 8, &mut sightings));
        let own = sightings.of(0).unwrap();
        assert!(own[0].reaches(Variable::Args) && !own[0].reaches(Variable::ArgsNames));
        assert!(own[0].is_of(false, &other) && !own[0].is_of(true, &other));
        assert!(!seen.of_step(1, 7, &mut sightings));
    }

    #[test]
    fn too_many_sightings_are_as_good_as_none() {
        let mut seen = Seen::default();
        let value = b"value".to_vec();
        for _ in 0..=MOST_OF_LINK {
            seen.note(&sighted(2, 1, 0, Found::Member(&value)));
        }
        assert!(!seen.of_step(2, 1, &mut Sightings::default()));
        for _ in 0..=MOST {
            seen.note(&sighted(2, 2, 0, Found::Member(&value)));
        }
        seen.note(&sighted(2, 3, 0, Found::Member(&value)));
        assert!(!seen.of_step(2, 3, &mut Sightings::default()));
    }
}
