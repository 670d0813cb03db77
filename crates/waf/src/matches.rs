//! Which rules matched, in order.
//!
//! An ordinary request matches some ninety rules of the CRS because of the set-up alone. They are told by the plan itself: here stands only
//! which of its steps were in force.

use std::sync::Arc;

use crate::{
    ir::{PhasePlan, Plan, Planned},
    limits,
    transaction::MatchedRule,
};

/// The rules that matched in a transaction, in the order in which they did. At most [`limits::MATCHED_RULES`] are told.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// What the ranges of `entries` are of.
    plan: Option<Arc<Plan>>,
    entries: Vec<Entry>,
    count: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    /// Steps of the plan of a phase.
    Ahead {
        phase: u8,
        from: u16,
        to: u16,
    },
    Told(Box<MatchedRule>),
}

/// Entries for which there is room from the first on.
const USUAL: usize = 24;

impl Matches {
    pub(crate) fn of(plan: Option<Arc<Plan>>) -> Self {
        Self { plan, ..Self::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.min(limits::MATCHED_RULES)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Goes through all of them.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { matches: self, entries: self.entries.iter(), planned: [].iter(), left: self.len() }
    }

    /// Those that have `log`. Of what the plan tells only they are looked at: of an ordinary request that is none.
    pub fn logged(&self) -> impl Iterator<Item = &MatchedRule> {
        let bounded = self.count > limits::MATCHED_RULES;
        let all = bounded.then(|| self.iter().filter(|matched| matched.logged));
        let few = (!bounded).then(|| self.entries.iter().flat_map(|entry| self.logged_of(entry)));
        all.into_iter().flatten().chain(few.into_iter().flatten())
    }

    fn logged_of<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a MatchedRule> {
        let (told, planned) = match entry {
            Entry::Told(matched) => (Some(&**matched).filter(|matched| matched.logged), None),
            Entry::Ahead { phase, from, to } => (None, self.phase(*phase).map(|plan| (plan, *from..*to))),
        };
        let planned = planned.into_iter().flat_map(|(plan, steps)| {
            let logged = plan.logged.iter().filter(move |step| steps.contains(step));
            logged.filter_map(|step| plan.steps.get(usize::from(*step))?.told_ahead())
        });
        told.into_iter().chain(planned)
    }

    /// Takes a rule that matched. Beyond the bound none is kept.
    pub(crate) fn push(&mut self, matched: MatchedRule) {
        if self.count < limits::MATCHED_RULES {
            self.count += 1;
            self.make_room();
            self.entries.push(Entry::Told(Box::new(matched)));
        }
    }

    /// Takes the `count` rules that match in steps of the plan.
    pub(crate) fn take_over(&mut self, phase: u8, (from, to): (usize, usize), count: usize) {
        if let (true, Ok(from), Ok(to)) = (count > 0, u16::try_from(from), u16::try_from(to)) {
            self.count += count;
            self.make_room();
            self.entries.push(Entry::Ahead { phase, from, to });
        }
    }

    fn make_room(&mut self) {
        if self.entries.capacity() == 0 {
            self.entries.reserve(USUAL);
        }
    }

    /// Gives the last one back, if it was evaluated.
    pub(crate) fn pop(&mut self) -> Option<MatchedRule> {
        match self.entries.pop_if(|last| matches!(last, Entry::Told(_)))? {
            Entry::Told(matched) => {
                self.count -= 1;
                Some(*matched)
            }
            Entry::Ahead { .. } => None,
        }
    }

    /// Lets something change what is told.
    pub(crate) fn for_each_mut(&mut self, mut change: impl FnMut(&mut MatchedRule)) {
        let mut all: Vec<MatchedRule> = self.iter().cloned().collect();
        all.iter_mut().for_each(&mut change);
        self.entries = all.into_iter().map(|matched| Entry::Told(Box::new(matched))).collect();
        self.count = self.entries.len();
    }

    fn steps(&self, phase: u8, from: u16, to: u16) -> &[Planned] {
        let plan = self.phase(phase);
        plan.and_then(|plan| plan.steps.get(usize::from(from)..usize::from(to))).unwrap_or_default()
    }

    fn phase(&self, phase: u8) -> Option<&PhasePlan> {
        self.plan.as_ref()?.phases.get(usize::from(phase).wrapping_sub(1))
    }
}

impl<'a> IntoIterator for &'a Matches {
    type Item = &'a MatchedRule;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Goes through [`Matches`].
#[derive(Debug)]
pub struct Iter<'a> {
    matches: &'a Matches,
    entries: std::slice::Iter<'a, Entry>,
    planned: std::slice::Iter<'a, Planned>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a MatchedRule;

    fn next(&mut self) -> Option<&'a MatchedRule> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(matched) = self.planned.by_ref().find_map(Planned::told_ahead) {
                return Some(matched);
            }
            match self.entries.next()? {
                Entry::Told(matched) => return Some(matched),
                Entry::Ahead { phase, from, to } => {
                    self.planned = self.matches.steps(*phase, *from, *to).iter();
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
