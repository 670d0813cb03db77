//! What transformations made of long values, so that rules that look at the same value through the same transformations do not each make
//! it anew.
//!
//! An ordinary request matches few rules, and short values cost little: only long ones are kept, and only until the phase ends.

use portcullis_transform::{Context, Transformation};

use super::room::Buffers;
use crate::state::Value;

/// Shortest value whose forms are kept, in bytes.
const LONG: usize = 256;
/// Most values whose forms are kept at once.
const MOST: usize = 8;
/// Most bytes of all forms together.
const ROOM: usize = 1 << 20;
/// Longest value whose forms are kept, in bytes: those of a longer one would hardly find room.
const LONGEST: usize = ROOM / 8;

/// Forms of the values that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// The newest last.
    values: Vec<OfValue>,
    /// Bytes of all of them.
    size: usize,
}

/// The forms of one value.
#[derive(Debug)]
struct OfValue {
    /// The first is the value as it came. It is kept alive here, so that no other can stand in its place.
    forms: Vec<Value>,
    made: Vec<Made>,
}

/// What a transformation made of a form. Both forms by their position; the same one where nothing changed.
#[derive(Debug)]
struct Made {
    from: usize,
    by: &'static Transformation,
    to: usize,
}

/// What a link sees of a value.
pub(super) enum Form<'a> {
    AsItCame,
    /// Until the next one is made.
    Passing(&'a [u8]),
    Kept(Value),
}

impl<'a> Form<'a> {
    /// What transformations make of a value: in buffers, or kept in `forms` if there is such and the value is long.
    pub(super) fn of(
        chain: &[&'static Transformation],
        value: &Value,
        context: &Context<'_>,
        forms: Option<&mut Forms>,
        buffers: &'a mut Buffers,
    ) -> Self {
        match forms {
            _ if chain.is_empty() => Self::AsItCame,
            Some(forms) if (LONG..=LONGEST).contains(&value.len()) => {
                Self::Kept(forms.of(chain, value, context))
            }
            _ => buffers.transform(chain, value, context).map_or(Self::AsItCame, Self::Passing),
        }
    }

    pub(super) fn bytes<'b>(&'b self, value: &'b Value) -> &'b [u8] {
        match self {
            Self::AsItCame => value,
            Self::Passing(bytes) => bytes,
            Self::Kept(value) => value,
        }
    }

    pub(super) fn into_value(self, value: &Value) -> Value {
        match self {
            // What no transformation changed is shared, not copied.
            Self::AsItCame => Value::clone(value),
            Self::Passing(bytes) => Value::from(bytes),
            Self::Kept(value) => value,
        }
    }
}

impl Forms {
    /// What transformations make of a value, in order.
    fn of(&mut self, chain: &[&'static Transformation], value: &Value, context: &Context<'_>) -> Value {
        let is_known = |known: &OfValue| {
            known.forms.first().is_some_and(|own| std::ptr::eq::<[u8]>(own.as_ref(), value.as_ref()))
        };
        let mut known = match self.values.iter().position(is_known) {
            Some(at) => self.values.remove(at),
            None => OfValue { forms: vec![Value::clone(value)], made: Vec::new() },
        };
        let mut at = 0;
        for by in chain {
            at = known.next(at, by, context, &mut self.size);
        }
        let form = known.forms.get(at).unwrap_or(value).clone();
        if self.size > ROOM {
            self.clear();
        } else {
            if self.values.len() >= MOST {
                let oldest = self.values.remove(0);
                self.size -= oldest.size();
            }
            self.values.push(known);
        }
        form
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl OfValue {
    /// What a transformation makes of a form.
    fn next(
        &mut self,
        from: usize,
        by: &'static Transformation,
        context: &Context<'_>,
        size: &mut usize,
    ) -> usize {
        let known = self.made.iter().find(|made| made.from == from && std::ptr::eq(made.by, by));
        if let Some(made) = known {
            return made.to;
        }
        let mut out = Vec::new();
        let changes = self.forms.get(from).is_some_and(|form| (by.apply)(form, &mut out, context));
        let to = if changes {
            *size += out.len();
            self.forms.push(Value::from(out));
            self.forms.len() - 1
        } else {
            from
        };
        self.made.push(Made { from, by, to });
        to
    }

    /// Bytes of all forms but the value itself.
    fn size(&self) -> usize {
        self.forms.iter().skip(1).map(|form| form.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(names: &[&str]) -> Vec<&'static Transformation> {
        names.iter().map(|name| portcullis_transform::find(name).unwrap()).collect()
    }

    #[test]
    fn a_form_is_made_once_and_is_what_its_chain_makes() {
        let mut forms = Forms::default();
        let context = Context::default();
        let value = Value::from("%41%2541 B".repeat(LONG).as_bytes());
        let once = forms.of(&chain(&["urlDecodeUni"]), &value, &context);
        assert!(once.starts_with(b"A%41 B"));
        let twice = forms.of(&chain(&["urlDecodeUni", "urlDecodeUni", "lowercase"]), &value, &context);
        assert!(twice.starts_with(b"aa b"));
        assert_eq!(forms.values.len(), 1);
        assert_eq!(forms.values[0].forms.len(), 4);
        let again = forms.of(&chain(&["urlDecodeUni"]), &value, &context);
        assert!(std::ptr::eq::<[u8]>(again.as_ref(), once.as_ref()));
        let same = forms.of(&chain(&["removeNulls"]), &value, &context);
        assert!(std::ptr::eq::<[u8]>(same.as_ref(), value.as_ref()));
    }

    #[test]
    fn room_for_forms_is_bounded() {
        let mut forms = Forms::default();
        let context = Context::default();
        let values: Vec<Value> =
            (0..3 * MOST).map(|at| Value::from(format!("A{at:0300}").as_bytes())).collect();
        for (at, value) in values.iter().enumerate() {
            let form = forms.of(&chain(&["lowercase"]), value, &context);
            assert_eq!(&*form, format!("a{at:0300}").as_bytes());
            assert!(forms.values.len() <= MOST);
        }
        assert_eq!(forms.size, MOST * 301);
        let huge = Value::from("A".repeat(ROOM + 1).as_bytes());
        assert!(forms.of(&chain(&["lowercase"]), &huge, &context).iter().all(|byte| *byte == b'a'));
        assert_eq!((forms.values.len(), forms.size), (0, 0));
    }
}
