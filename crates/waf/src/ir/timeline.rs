//! What the variables of `TX` are, step by step, when nothing of the request matches.

use super::{Course, PhasePlan};
use crate::state::Member;

/// A place in the plan: what happens at a step is seen behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u32);

impl Moment {
    /// In front of the step of a phase, 1 to 5.
    pub(crate) fn new(phase: u8, step: usize) -> Self {
        Self(u32::from(phase) << 16 | u32::try_from(step).unwrap_or(u32::MAX).min(0xffff))
    }

    /// Behind every step.
    pub(crate) const END: Self = Self(u32::MAX);

    /// Order of what is set at this moment; `tick` counts on.
    pub(crate) fn order(self, tick: u32) -> u64 {
        u64::from(self.0) << 32 | u64::from(tick)
    }
}

/// The planned changes of all variables that have numbers.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// By number, in order.
    changes: Vec<Vec<Change>>,
    /// How many variables there may be at once.
    pub(crate) members: usize,
    /// Bytes that they may have together.
    pub(crate) bytes: usize,
}

/// A variable as it is behind a step.
#[derive(Debug)]
pub(crate) struct Change {
    at: Moment,
    /// Absent when it was unset.
    pub(crate) member: Option<Member>,
    /// Its place among all variables: when it was set first.
    pub(crate) order: u64,
}

impl Timeline {
    /// Gathers what the steps of the phases write.
    pub(crate) fn of(phases: &[PhasePlan; 5], names: usize) -> Self {
        let mut changes: Vec<Vec<Change>> = Vec::new();
        changes.resize_with(names, Vec::new);
        for (phase, plan) in (1..).zip(phases) {
            for (at, step) in plan.steps.iter().enumerate() {
                let Course::Ahead(outcome) = &step.course else { continue };
                for write in &outcome.writes {
                    let Some(changes) = changes.get_mut(usize::from(write.number)) else { continue };
                    let member = write
                        .value
                        .as_ref()
                        .map(|value| Member { name: write.name.clone(), value: value.clone() });
                    changes.push(Change { at: Moment::new(phase, at), member, order: write.order });
                }
            }
        }
        let size = |member: &Member| member.name.len() + member.value.len();
        let longest = |changes: &Vec<Change>| {
            changes.iter().filter_map(|change| change.member.as_ref()).map(size).max()
        };
        let longest: Vec<usize> = changes.iter().filter_map(longest).collect();
        Self { changes, members: longest.len(), bytes: longest.iter().sum() }
    }

    /// A variable at a moment, if it is set then.
    pub(crate) fn at(&self, number: usize, at: Moment) -> Option<&Change> {
        let changes = self.changes.get(number)?;
        changes.iter().rev().find(|change| change.at < at).filter(|change| change.member.is_some())
    }
}
