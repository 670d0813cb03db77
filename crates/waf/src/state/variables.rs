//! A store of variables that rules write: `TX` and `ENV`.
//!
//! Names are found without regard to ASCII case and shown as first written (trap 10). Iteration follows the order of first setting.
//! Bounded: what does not fit is not stored, and [`Variables::overflowed`] says so, upon which the transaction is refused.
//!
//! While a plan is in force a variable that the request did not touch is what the plan says it is at the moment at hand: nothing is
//! written for it. From the first change on it is kept here. What was touched is told to whoever computed ahead ([`Variables::touched`]).

use std::{
    hash::{BuildHasher, Hasher},
    sync::{Arc, LazyLock},
};

use ahash::RandomState;
use hashbrown::HashTable;

use super::{Member, Value};
use crate::{
    ir::{Moment, Plan, Program, Timeline, lower},
    limits,
};

/// Variables for which there is room from the first on.
const USUAL: usize = 24;

#[derive(Debug, Default)]
pub(crate) struct Variables {
    /// Whose names have numbers; `ENV` has none.
    program: Option<Arc<Program>>,
    /// The plan that is in force.
    plan: Option<Arc<Plan>>,
    at: Moment,
    /// Where the plan stopped: it says nothing of what comes behind.
    stopped: Option<Moment>,
    ticks: u32,
    /// Position in `kept` plus one, by number of the name; 0 is as planned.
    numbered: Vec<u32>,
    /// Positions of names without a number. Names may be the client's: the hash is keyed.
    others: HashTable<u32>,
    kept: Vec<Kept>,
    /// Set ones among them, and their bytes.
    count: usize,
    bytes: usize,
    overflowed: bool,
    touched: Touched,
}

/// A variable that was touched.
#[derive(Debug)]
struct Kept {
    member: Member,
    number: Option<u16>,
    /// Unset ones without a number are gaps, so that positions stay valid.
    is_set: bool,
    /// When it was set first.
    order: u64,
    /// When it was changed last.
    changed: Moment,
}

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Numbers of names, each once.
    pub(crate) numbers: Vec<u16>,
    /// How often a name without a number was changed.
    pub(crate) others: usize,
}

impl Variables {
    pub(crate) fn new(program: Arc<Program>, plan: Option<Arc<Plan>>) -> Self {
        let numbered = vec![0; program.names.len()];
        Self { plan, program: Some(program), numbered, ..Self::default() }
    }

    /// The plan that is in force.
    pub(crate) fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// Whether something could not be stored.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// What was touched so far.
    pub(crate) fn touched(&self) -> &Touched {
        &self.touched
    }

    /// Goes on to a moment of the plan: what it writes in front of it is seen from now on.
    pub(crate) fn stand_at(&mut self, at: Moment) {
        self.at = at;
    }

    /// Keeps everything as it is at this moment: the plan is in force no more.
    pub(crate) fn release(&mut self) {
        self.stopped = self.stopped.or(Some(self.at));
        self.at = Moment::END;
    }

    /// Keeps a variable as it is at this moment, whatever the plan says of it later.
    pub(crate) fn pin(&mut self, number: usize) {
        if self.numbered.get(number) != Some(&0) {
            return;
        }
        let planned = self.planned_at(number);
        let (member, is_set, order) = match planned {
            Some((member, order)) => (member.clone(), true, order),
            None => (Member::default(), false, 0),
        };
        self.count += usize::from(is_set);
        self.bytes = self.bytes.saturating_add(member.bytes());
        let number = u16::try_from(number).ok();
        self.push(Kept { member, number, is_set, order, changed: Moment::default() });
        self.touched.numbers.extend(number);
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Member> {
        self.find_known(self.number(name), name)
    }

    /// The same; `number` is that of the name, if it has one.
    pub(crate) fn find_known(&self, number: Option<usize>, name: &[u8]) -> Option<&Member> {
        match number {
            Some(number) => self.find_numbered(number),
            None => self.kept.get(self.other(name)?).map(|kept| &kept.member),
        }
    }

    fn find_numbered(&self, number: usize) -> Option<&Member> {
        match usize::try_from(*self.numbered.get(number)?).ok()?.checked_sub(1) {
            Some(at) => self.kept.get(at).filter(|kept| kept.is_set).map(|kept| &kept.member),
            None => self.planned_at(number).map(|(member, _)| member),
        }
    }

    /// All variables, in the order in which they were set first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        let kept = self.kept.iter().filter(|kept| kept.is_set).map(|kept| (kept.order, &kept.member));
        let untouched = self.numbered.iter().enumerate().filter(|(_, at)| **at == 0);
        let planned = untouched.filter_map(|(number, _)| self.planned_at(number));
        let mut all: Vec<(u64, &Member)> =
            kept.chain(planned.map(|(member, order)| (order, member))).collect();
        all.sort_unstable_by_key(|(order, _)| *order);
        all.into_iter().map(|(_, member)| member)
    }

    /// Those of some numbers, and those without a number whose name is wanted, in the same order.
    pub(crate) fn some(&self, numbers: &[u16], wanted: impl Fn(&[u8]) -> bool) -> Vec<&Member> {
        let others = self.kept.iter().filter(|kept| kept.is_set && kept.number.is_none());
        let others = others.filter(|kept| wanted(&kept.member.name)).map(|kept| (kept.order, &kept.member));
        let numbered = numbers.iter().filter_map(|number| {
            match usize::try_from(*self.numbered.get(usize::from(*number))?).ok()?.checked_sub(1) {
                Some(at) => {
                    self.kept.get(at).filter(|kept| kept.is_set).map(|kept| (kept.order, &kept.member))
                }
                None => self.planned_at(usize::from(*number)).map(|(member, order)| (order, member)),
            }
        });
        let mut some: Vec<(u64, &Member)> = others.chain(numbered).collect();
        some.sort_unstable_by_key(|(order, _)| *order);
        some.into_iter().map(|(_, member)| member).collect()
    }

    pub(crate) fn set(&mut self, name: &[u8], value: Value) {
        self.set_known(self.number(name), name, value);
    }

    /// The same; `number` is that of the name, if it has one.
    pub(crate) fn set_known(&mut self, number: Option<usize>, name: &[u8], value: Value) {
        let at = self.touch(number, name);
        let Some(kept) = at.and_then(|at| self.kept.get_mut(at)).filter(|kept| kept.is_set) else {
            return self.add(number, at, name, value);
        };
        let old = kept.member.value.len();
        let (_, bytes) = self.extent(value.len());
        if bytes.saturating_sub(old) > limits::VARIABLE_BYTES {
            self.overflowed = true;
            return;
        }
        self.bytes = self.bytes.saturating_sub(old).saturating_add(value.len());
        if let Some(kept) = at.and_then(|at| self.kept.get_mut(at)) {
            kept.member.value = value;
            kept.changed = self.at;
        }
    }

    /// Adds a variable that is not set, at its place if it has one.
    fn add(&mut self, number: Option<usize>, at: Option<usize>, name: &[u8], value: Value) {
        let (members, bytes) = self.extent(name.len().saturating_add(value.len()));
        if members >= limits::VARIABLES || bytes > limits::VARIABLE_BYTES {
            self.overflowed = true;
            return;
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(name.len()).saturating_add(value.len());
        self.ticks = self.ticks.wrapping_add(1);
        let kept = Kept {
            member: Member { name: Value::from(name), value },
            number: number.and_then(|number| u16::try_from(number).ok()),
            is_set: true,
            order: self.at.order(self.ticks),
            changed: self.at,
        };
        match at.and_then(|at| self.kept.get_mut(at)) {
            Some(place) => *place = kept,
            None => self.push(kept),
        }
    }

    /// `number` is that of the name, if it has one.
    pub(crate) fn unset(&mut self, number: Option<usize>, name: &[u8]) {
        let is_set = match number {
            Some(number) => self.find_numbered(number).is_some(),
            None => self.other(name).is_some(),
        };
        if !is_set {
            return;
        }
        let at = self.touch(number, name);
        if let Some(kept) = at.and_then(|at| self.kept.get_mut(at)) {
            kept.is_set = false;
            kept.changed = self.at;
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(kept.member.bytes());
            kept.member = Member::default();
        }
        if let (None, Some(at)) = (number, at) {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            if let Ok(place) = self.others.find_entry(hash(name), |other| *other == at) {
                place.remove();
            }
        }
    }

    /// Variables with a number that were changed at this very moment: how they are now, and since when if they are set.
    pub(crate) fn changed_now(&self) -> Vec<(u16, &Member, Option<u64>)> {
        self.kept
            .iter()
            .filter(|kept| kept.changed == self.at)
            .filter_map(|kept| Some((kept.number?, &kept.member, kept.is_set.then_some(kept.order))))
            .collect()
    }

    /// The number of a name.
    pub(crate) fn number(&self, name: &[u8]) -> Option<usize> {
        self.program.as_ref()?.names.position(name)
    }

    fn timeline(&self) -> Option<&Timeline> {
        self.plan.as_ref().map(|plan| &plan.timeline)
    }

    fn planned_at(&self, number: usize) -> Option<(&Member, u64)> {
        let change = self.timeline()?.at(number, self.stopped.unwrap_or(self.at))?;
        change.member.as_ref().map(|member| (member, change.order))
    }

    /// Number of variables, and their bytes with so many more. They are counted exactly only where that matters.
    fn extent(&self, more: usize) -> (usize, usize) {
        let bytes = self.bytes.saturating_add(more);
        let Some(timeline) = self.timeline() else { return (self.count, bytes) };
        let at_most = (self.count + timeline.members, bytes.saturating_add(timeline.bytes));
        if at_most.0 < limits::VARIABLES && at_most.1 <= limits::VARIABLE_BYTES {
            return at_most;
        }
        let untouched = self.numbered.iter().enumerate().filter(|(_, at)| **at == 0);
        let planned = untouched.filter_map(|(number, _)| self.planned_at(number));
        planned.fold((self.count, bytes), |(count, bytes), (member, _)| (count + 1, bytes + member.bytes()))
    }

    /// Notes a change. Gives the place of the variable, if it has one.
    fn touch(&mut self, number: Option<usize>, name: &[u8]) -> Option<usize> {
        let Some(number) = number else {
            self.touched.others += 1;
            return self.other(name);
        };
        self.pin(number);
        usize::try_from(*self.numbered.get(number)?).ok()?.checked_sub(1)
    }

    /// The position of a name without a number.
    fn other(&self, name: &[u8]) -> Option<usize> {
        if self.others.is_empty() {
            return None;
        }
        let is_it = |at: &u32| {
            self.kept.get(*at as usize).is_some_and(|kept| kept.member.name.eq_ignore_ascii_case(name))
        };
        self.others.find(hash(name), is_it).map(|at| *at as usize)
    }

    fn push(&mut self, kept: Kept) {
        if self.kept.len() > 2 * self.count + self.numbered.len() + 64 {
            self.close_gaps();
        }
        self.place(&kept, self.kept.len());
        if self.kept.capacity() == 0 {
            self.kept.reserve(USUAL);
            self.touched.numbers.reserve(USUAL);
        }
        self.kept.push(kept);
    }

    fn place(&mut self, kept: &Kept, at: usize) {
        match kept.number.and_then(|number| self.numbered.get_mut(usize::from(number))) {
            Some(place) => *place = u32::try_from(at + 1).unwrap_or(u32::MAX),
            None => {
                let all = &self.kept;
                let again = |at: &u32| all.get(*at as usize).map_or(0, |kept| hash(&kept.member.name));
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                self.others.insert_unique(hash(&kept.member.name), at, again);
            }
        }
    }

    fn close_gaps(&mut self) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|kept| kept.is_set || kept.number.is_some());
        self.others.clear();
        for kept in kept {
            self.place(&kept, self.kept.len());
            self.kept.push(kept);
        }
    }
}

/// Of a name, ASCII case ignored.
fn hash(name: &[u8]) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let (chunks, rest) = name.as_chunks::<8>();
    let mut state = KEY.build_hasher();
    for chunk in chunks {
        state.write_u64(lower(u64::from_le_bytes(*chunk)));
    }
    let tail = rest.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    state.write_u64(lower(tail));
    state.write_usize(name.len());
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from(text.as_bytes())
    }

    #[test]
    fn names_ignore_case_and_keep_their_first_spelling() {
        let mut variables = Variables::default();
        variables.set(b"Score", value("1"));
        variables.set(b"sCORE", value("2"));
        let member = variables.find(b"SCORE").unwrap();
        assert_eq!((&*member.name, &*member.value), (&b"Score"[..], &b"2"[..]));
        variables.unset(None, b"SCORE");
        assert!(variables.find(b"Score").is_none());
    }

    #[test]
    fn setting_and_unsetting_without_end_takes_no_room() {
        let mut variables = Variables::default();
        for _ in 0..100_000 {
            variables.set(b"x", value("1"));
            variables.unset(None, b"x");
        }
        assert!(variables.kept.len() < 200);
        assert_eq!(variables.bytes, 0);
    }

    #[test]
    fn too_many_variables_are_told() {
        let mut variables = Variables::default();
        for index in 0..=limits::VARIABLES {
            variables.set(index.to_string().as_bytes(), value(""));
        }
        assert!(variables.overflowed());
        assert_eq!(variables.iter().count(), limits::VARIABLES);
    }

    #[test]
    fn order_is_that_of_first_setting() {
        let mut variables = Variables::default();
        for name in ["a", "b", "c"] {
            variables.set(name.as_bytes(), value("1"));
        }
        variables.set(b"a", value("2"));
        variables.unset(None, b"b");
        variables.set(b"B", value("3"));
        let names: Vec<&[u8]> = variables.iter().map(|member| &*member.name).collect();
        assert_eq!(names, [&b"a"[..], b"c", b"B"]);
    }
}
