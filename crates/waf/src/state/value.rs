//! Byte strings that cost little to make and to pass on.
//!
//! What came with the request is a range of a buffer that all values of a message share; a short text that the engine makes itself, a
//! number or a flag, stands in the value; only a long one is allocated. The size of a value does not depend on its length.

use std::{borrow::Cow, fmt, ops::Deref};

use bytes::Bytes;

/// Longest text that stands in the value itself, in bytes.
const SHORT: usize = 23;

/// A value or a name.
#[derive(Clone)]
pub(crate) struct Value(Text);

#[derive(Clone)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Shared(Bytes),
}

impl Value {
    /// A text of the program itself.
    pub(crate) const fn fixed(text: &'static [u8]) -> Self {
        Self(Text::Shared(Bytes::from_static(text)))
    }

    /// A buffer, or a part of one. It is kept alive as long as the value is.
    pub(crate) const fn shared(text: Bytes) -> Self {
        Self(Text::Shared(text))
    }

    /// A part of a buffer. A short one is copied; so is what does not stand in the buffer at all.
    #[inline]
    pub(crate) fn part(buffer: &Bytes, part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(buffer.as_ptr().addr());
        if part.len() <= SHORT {
            // What stands behind it is copied too: so many bytes at once cost less than as many as there are.
            return match (buffer.get(start..).and_then(|rest| rest.first_chunk()), u8::try_from(part.len())) {
                (Some(bytes), Ok(length)) => Self(Text::Short { length, bytes: *bytes }),
                _ => Self::from(part),
            };
        }
        match start.checked_add(part.len()) {
            Some(end) if end <= buffer.len() => Self::shared(buffer.slice(start..end)),
            _ => Self::from(part),
        }
    }

    /// Whether these bytes are part of the buffer that the value stands in: not only the same, but in the same place.
    pub(crate) fn holds(&self, part: &[u8]) -> bool {
        let Text::Shared(text) = &self.0 else { return false };
        let start = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        start.checked_add(part.len()).is_some_and(|end| end <= text.len())
    }

    /// What stands in a buffer, or was made.
    pub(crate) fn of(buffer: &Bytes, text: Cow<'_, [u8]>) -> Self {
        match text {
            Cow::Borrowed(part) => Self::part(buffer, part),
            Cow::Owned(text) => Self::from(text),
        }
    }

    /// A number in decimal digits; what does not fit 64 bits saturates.
    pub(crate) fn decimal(number: impl TryInto<i64>) -> Self {
        let number = number.try_into().unwrap_or(i64::MAX);
        let (mut bytes, mut at, mut rest) = ([0; SHORT], SHORT, number.unsigned_abs());
        loop {
            at = at.saturating_sub(1);
            if let Some(place) = bytes.get_mut(at) {
                *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            at = at.saturating_sub(1);
            if let Some(place) = bytes.get_mut(at) {
                *place = b'-';
            }
        }
        Self::from(bytes.get(at..).unwrap_or_default())
    }

    fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Text::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Shared(text) => text,
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::fixed(b"")
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<&[u8]> for Value {
    /// Copies.
    fn from(text: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(text);
                Self(Text::Short { length, bytes })
            }
            _ => Self::shared(Bytes::copy_from_slice(text)),
        }
    }
}

impl From<Vec<u8>> for Value {
    fn from(text: Vec<u8>) -> Self {
        if text.len() <= SHORT { Self::from(text.as_slice()) } else { Self::shared(Bytes::from(text)) }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.as_slice(), other.as_slice()) || self.as_slice() == other.as_slice()
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_kept() {
        for length in 0..64 {
            let text: Vec<u8> = (0..length).collect();
            for value in [Value::from(text.as_slice()), Value::from(text.clone())] {
                assert_eq!(&*value, &*text);
                assert_eq!(&*value.clone(), &*text);
            }
        }
    }

    #[test]
    fn numbers_are_written_as_anywhere() {
        for number in [0, 7, 10, 65_535, -1, -10, i64::MAX, i64::MIN] {
            assert_eq!(&*Value::decimal(number), number.to_string().as_bytes());
        }
        assert_eq!(Value::decimal(u128::MAX), Value::decimal(i64::MAX));
    }

    #[test]
    fn parts_share_the_buffer_they_stand_in() {
        let buffer = Bytes::from((0..100).collect::<Vec<u8>>());
        for (from, to) in [(0, 100), (10, 90), (10, 20), (100, 100)] {
            let value = Value::part(&buffer, &buffer[from..to]);
            assert_eq!(&*value, &buffer[from..to]);
            assert_eq!(std::ptr::eq(&*value, &buffer[from..to]), to - from > SHORT);
        }
        for from in 0..=100 {
            let value = Value::part(&buffer, &buffer[from..(from + 7).min(100)]);
            assert_eq!(&*value, &buffer[from..(from + 7).min(100)]);
            assert_eq!(value, Value::from(&buffer[from..(from + 7).min(100)]));
        }
        assert!(Value::part(&buffer, &[]).is_empty());
        let other = vec![7; 50];
        assert_eq!(&*Value::part(&buffer, &other), other.as_slice());
    }

    #[test]
    fn a_value_is_four_words() {
        assert_eq!(size_of::<Value>(), 32);
    }
}
