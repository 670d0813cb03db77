//! Text with slots, written as a template: `«h32»` is a slot of 32 hexadecimal digits.

use crate::driver::{ALPHABETS, Sequence, Slot};

/// Bytes, some of which are slots.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// All bytes; slots hold their first filling.
    pub bytes: Vec<u8>,
    /// In the order of their offsets.
    pub slots: Vec<Slot>,
}

impl Text {
    /// Text without slots.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), slots: Vec::new() }
    }

    /// Text of a template: `«d4»` digits, `«h8»` hexadecimal digits, `«b20»` Base64url, `«w7»` letters that can be spoken.
    /// What is between the marks and is no slot stands as it is.
    #[must_use]
    pub fn template(template: &str) -> Self {
        let mut text = Self::default();
        text.push(template);
        text
    }

    /// Puts a template at the end.
    pub(super) fn push(&mut self, template: &str) {
        let mut rest = template;
        while let Some((before, (slot, after))) =
            rest.split_once('«').and_then(|(before, inside)| Some((before, inside.split_once('»')?)))
        {
            self.bytes.extend_from_slice(before.as_bytes());
            self.slot(slot);
            rest = after;
        }
        self.bytes.extend_from_slice(rest.as_bytes());
    }

    fn slot(&mut self, written: &str) {
        let parsed = written.split_at_checked(1).and_then(|(letter, length)| {
            Some((LETTERS.iter().position(|known| *known == letter)?, length.parse::<usize>().ok()?))
        });
        let Some((alphabet, length)) = parsed else {
            self.bytes.extend_from_slice(written.as_bytes());
            return;
        };
        let slot = Slot { offset: self.bytes.len(), length, alphabet };
        self.bytes.resize(self.bytes.len() + length, 0);
        Sequence::new(self.bytes.len() as u64).fill(&mut self.bytes, &[slot]);
        self.slots.push(slot);
    }
}

/// Letters of templates, in the order of [`ALPHABETS`].
const LETTERS: [&str; ALPHABETS.len()] = ["d", "h", "b", "w"];
