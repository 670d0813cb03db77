//! A store of variables that rules write: `TX` and `ENV`.
//!
//! Names are found without regard to ASCII case and shown as first written (trap 10). Iteration follows the order of first setting.
//! Bounded: what does not fit is not stored, and [`Variables::overflowed`] says so, upon which the transaction is refused.

use std::{collections::HashMap, sync::Arc};

use super::{Member, Value};
use crate::limits;

#[derive(Debug, Default)]
pub(crate) struct Variables {
    by_name: HashMap<Box<[u8]>, usize>,
    /// Removed ones leave a gap, so that positions stay valid.
    members: Vec<Option<Member>>,
    bytes: usize,
    overflowed: bool,
}

impl Variables {
    /// Whether something could not be stored.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Member> {
        if name.iter().any(u8::is_ascii_uppercase) {
            return self.lookup(&name.to_ascii_lowercase());
        }
        self.lookup(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    pub(crate) fn set(&mut self, name: &[u8], value: Value) {
        let folded = name.to_ascii_lowercase();
        if let Some(member) = self
            .by_name
            .get(folded.as_slice())
            .and_then(|at| self.members.get_mut(*at))
            .and_then(Option::as_mut)
        {
            let bytes = self.bytes.saturating_sub(member.value.len()).saturating_add(value.len());
            if bytes > limits::VARIABLE_BYTES {
                self.overflowed = true;
                return;
            }
            self.bytes = bytes;
            member.value = value;
            return;
        }
        let bytes = self.bytes.saturating_add(name.len()).saturating_add(value.len());
        if self.by_name.len() >= limits::VARIABLES || bytes > limits::VARIABLE_BYTES {
            self.overflowed = true;
            return;
        }
        self.bytes = bytes;
        if self.members.len() > 2 * self.by_name.len() + 64 {
            self.close_gaps();
        }
        self.by_name.insert(folded.into_boxed_slice(), self.members.len());
        self.members.push(Some(Member { name: Arc::from(name), value }));
    }

    pub(crate) fn unset(&mut self, name: &[u8]) {
        let removed = self.by_name.remove(name.to_ascii_lowercase().as_slice());
        if let Some(member) = removed.and_then(|at| self.members.get_mut(at)).and_then(Option::take) {
            self.bytes = self.bytes.saturating_sub(member.name.len() + member.value.len());
        }
    }

    fn lookup(&self, folded: &[u8]) -> Option<&Member> {
        self.by_name.get(folded).and_then(|at| self.members.get(*at)).and_then(Option::as_ref)
    }

    fn close_gaps(&mut self) {
        self.members.retain(Option::is_some);
        self.by_name = self
            .members
            .iter()
            .flatten()
            .enumerate()
            .map(|(at, member)| (member.name.to_ascii_lowercase().into_boxed_slice(), at))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Arc::from(text.as_bytes())
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
