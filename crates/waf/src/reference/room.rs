//! Room to work in, kept from rule to rule and from request to request by each thread. It holds no value between rules.

use std::cell::Cell;

use portcullis_transform::{Context, Transformation};

use super::rule::{Hit, Told};

/// What the evaluation of a rule needs besides the state.
#[derive(Default)]
pub(super) struct Room {
    /// Values of the target at hand that match.
    pub(super) hits: Vec<Hit>,
    pub(super) told: Told,
    /// The argument of the operator, expanded.
    pub(super) argument: Vec<u8>,
    pub(super) texts: Texts,
    pub(super) buffers: Buffers,
}

/// Names and values that are put together.
#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// What transformations write into.
#[derive(Default)]
pub(super) struct Buffers {
    current: Vec<u8>,
    next: Vec<u8>,
}

thread_local! {
    static ROOM: Cell<Option<Box<Room>>> = const { Cell::new(None) };
}

/// Capacity above which a buffer is not kept, in bytes.
const KEPT: usize = 1 << 20;

/// Takes the thread's room, or makes some.
pub(super) fn take() -> Box<Room> {
    ROOM.take().unwrap_or_default()
}

/// Gives it back.
pub(super) fn put_back(mut room: Box<Room>) {
    room.hits.clear();
    room.told.clear();
    let Buffers { current, next } = &room.buffers;
    let texts = [&room.argument, &room.texts.name, &room.texts.value, current, next];
    if texts.iter().any(|text| text.capacity() > KEPT) || room.hits.capacity() > KEPT / size_of::<Hit>() {
        *room = Room::default();
    }
    ROOM.set(Some(room));
}

impl Buffers {
    /// Applies transformations in order; `None` when nothing changed.
    pub(super) fn transform(
        &mut self,
        chain: &[&'static Transformation],
        value: &[u8],
        context: &Context<'_>,
    ) -> Option<&[u8]> {
        let mut changed = false;
        for transformation in chain {
            self.next.clear();
            let input = if changed { self.current.as_slice() } else { value };
            if (transformation.apply)(input, &mut self.next, context) {
                std::mem::swap(&mut self.current, &mut self.next);
                changed = true;
            }
        }
        changed.then_some(self.current.as_slice())
    }

    /// Whether the value or what one of the transformations makes of it is wanted.
    pub(super) fn any_form(
        &mut self,
        chain: &[&'static Transformation],
        value: &[u8],
        context: &Context<'_>,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> bool {
        let mut changed = false;
        wanted(value)
            || chain.iter().any(|transformation| {
                self.next.clear();
                let input = if changed { self.current.as_slice() } else { value };
                if !(transformation.apply)(input, &mut self.next, context) {
                    return false;
                }
                std::mem::swap(&mut self.current, &mut self.next);
                changed = true;
                wanted(&self.current)
            })
    }
}
