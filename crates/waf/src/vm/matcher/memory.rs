//! Values that come again are not looked at again.

use super::{
    Place, Sifter,
    bits::{both, has},
};
use crate::vm::verdicts::{Key, Verdicts, Woken};

/// Fields whose values nobody should be able to find out by how long a request takes, nor in memory.
const SECRET: [&[u8]; 5] =
    [b"cookie", b"authorization", b"proxy-authorization", b"x-api-key", b"x-auth-token"];

impl<const W: usize> Sifter<'_, '_, W> {
    /// Whether a value is one of those that are remembered.
    pub(super) fn recurs(&self, place: &Place<'_, W>) -> bool {
        self.remembers
            && place.source.recurs
            && !SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(place.name))
    }

    /// Wakes what such a value wakes: as remembered, or as it turns out now.
    pub(super) fn remembered(&mut self, place: &Place<'_, W>) {
        let key = Key { generation: self.generation, kind: std::ptr::from_ref(place.kind).addr() };
        let Some(at) = Verdicts::place(key, place.value) else { return self.look(place) };
        let recalled = self.scratch.verdicts.as_ref().and_then(|known| known.recall(at, key, place.value));
        if let Some(woken) = recalled {
            woken.bits().for_each(|bit| {
                if has(&self.asleep, bit) {
                    self.woken(bit, place);
                }
            });
            return;
        }
        // Rules that are awake already are not looked for.
        let is_whole = both(&place.kind.rules, &self.asleep) == place.kind.rules;
        self.noted = Some(Woken::default());
        self.look(place);
        if let Some(woken) = self.noted.take()
            && is_whole
            && !self.work.is_spent()
        {
            self.scratch.verdicts.get_or_insert_default().learn(at, key, place.value, woken);
        }
    }
}
