//! A store of variables that rules write: `TX` and `ENV`.
//!
//! Names are found without regard to ASCII case and shown as first written (trap 10). Iteration follows the order of first setting.
//! Bounded: what does not fit is not stored, and [`Variables::overflowed`] says so, upon which the transaction is refused. Every change is
//! noted until [`Variables::take_touched`] asks: what was computed ahead of a request may rest on the old value.

use std::collections::HashMap;

use super::{Member, Value};
use crate::{ir::Names, limits};

#[derive(Debug, Default)]
pub(crate) struct Variables {
    names: Names,
    /// Position in `members` plus one, by number of the name; 0 is unset.
    numbered: Vec<u32>,
    /// Positions of names without a number.
    others: HashMap<Box<[u8]>, usize>,
    /// Removed ones leave a gap, so that positions stay valid.
    members: Vec<Option<Member>>,
    count: usize,
    bytes: usize,
    overflowed: bool,
    touched: Touched,
}

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Numbers of names.
    pub(crate) numbers: Vec<u16>,
    /// A name without a number.
    pub(crate) others: bool,
}

impl Touched {
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && !self.others
    }
}

impl Variables {
    pub(crate) fn new(names: Names) -> Self {
        let numbered = vec![0; names.len()];
        let members = Vec::with_capacity(names.len());
        Self { names, numbered, members, ..Self::default() }
    }

    /// Whether something could not be stored.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Member> {
        let at = match self.names.position(name) {
            Some(number) => self.numbered_at(number)?,
            None if self.others.is_empty() => return None,
            None => *self.others.get(name.to_ascii_lowercase().as_slice())?,
        };
        self.members.get(at).and_then(Option::as_ref)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    pub(crate) fn set(&mut self, name: &[u8], value: Value) {
        let number = self.names.position(name);
        self.note(number);
        let at = match number {
            Some(number) => self.numbered_at(number),
            None => self.others.get(name.to_ascii_lowercase().as_slice()).copied(),
        };
        if let Some(member) = at.and_then(|at| self.members.get_mut(at)).and_then(Option::as_mut) {
            let bytes = self.bytes.saturating_sub(member.value.len()).saturating_add(value.len());
            if bytes > limits::VARIABLE_BYTES {
                self.overflowed = true;
                return;
            }
            self.bytes = bytes;
            member.value = value;
            return;
        }
        self.add(number, Value::from(name), value);
    }

    /// Sets a variable to what was known ahead; it does not count as touched.
    pub(crate) fn set_ahead(&mut self, number: u16, name: &Value, value: &Value) {
        let at = self.numbered_at(usize::from(number));
        match at.and_then(|at| self.members.get_mut(at)).and_then(Option::as_mut) {
            Some(member) => {
                self.bytes = self.bytes.saturating_sub(member.value.len()).saturating_add(value.len());
                member.value = Value::clone(value);
            }
            None => self.add(Some(usize::from(number)), Value::clone(name), Value::clone(value)),
        }
    }

    fn add(&mut self, number: Option<usize>, name: Value, value: Value) {
        let bytes = self.bytes.saturating_add(name.len()).saturating_add(value.len());
        if self.count >= limits::VARIABLES || bytes > limits::VARIABLE_BYTES {
            self.overflowed = true;
            return;
        }
        self.bytes = bytes;
        if self.members.len() > 2 * self.count + 64 {
            self.close_gaps();
        }
        self.place(number, &name, self.members.len());
        self.count += 1;
        self.members.push(Some(Member { name, value }));
    }

    pub(crate) fn unset(&mut self, name: &[u8]) {
        let number = self.names.position(name);
        let removed = match number {
            Some(number) => self
                .numbered
                .get_mut(number)
                .and_then(|at| usize::try_from(std::mem::take(at)).ok())
                .and_then(|at| at.checked_sub(1)),
            None => self.others.remove(name.to_ascii_lowercase().as_slice()),
        };
        if let Some(member) = removed.and_then(|at| self.members.get_mut(at)).and_then(Option::take) {
            self.note(number);
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(member.name.len() + member.value.len());
        }
    }

    /// Unsets a variable as was known ahead; it does not count as touched.
    pub(crate) fn unset_ahead(&mut self, number: u16) {
        let at = self.numbered.get_mut(usize::from(number)).map(std::mem::take);
        let at = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| at.checked_sub(1));
        if let Some(member) = at.and_then(|at| self.members.get_mut(at)).and_then(Option::take) {
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(member.name.len() + member.value.len());
        }
    }

    /// What was changed since the last time.
    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    fn note(&mut self, number: Option<usize>) {
        match number.and_then(|number| u16::try_from(number).ok()) {
            Some(number) => self.touched.numbers.push(number),
            None => self.touched.others = true,
        }
    }

    fn numbered_at(&self, number: usize) -> Option<usize> {
        usize::try_from(*self.numbered.get(number)?).ok()?.checked_sub(1)
    }

    fn place(&mut self, number: Option<usize>, name: &[u8], at: usize) {
        match number.and_then(|number| self.numbered.get_mut(number)) {
            Some(place) => *place = u32::try_from(at + 1).unwrap_or(u32::MAX),
            None => {
                self.others.insert(name.to_ascii_lowercase().into_boxed_slice(), at);
            }
        }
    }

    fn close_gaps(&mut self) {
        self.members.retain(Option::is_some);
        self.others.clear();
        self.numbered.fill(0);
        let names: Vec<Value> =
            self.members.iter().flatten().map(|member| Value::clone(&member.name)).collect();
        for (at, name) in names.iter().enumerate() {
            self.place(self.names.position(name), name, at);
        }
    }
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
        variables.unset(b"SCORE");
        assert!(variables.find(b"Score").is_none());
    }

    #[test]
    fn setting_and_unsetting_without_end_takes_no_room() {
        let mut variables = Variables::default();
        for _ in 0..100_000 {
            variables.set(b"x", value("1"));
            variables.unset(b"x");
        }
        assert!(variables.members.len() < 200);
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
}
