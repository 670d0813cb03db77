//! One argument of a directive: its text without quotes, escapes and continuations, and where each byte of it stands in the source.

use portcullis_diag::{SourceId, Span};

use crate::ast::Text;

/// Text cut out of a source.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    /// The text meant.
    pub(crate) text: Vec<u8>,
    /// The text written, quotes and all.
    pub(crate) whole: Span,
    /// The quote around it.
    pub(crate) quote: Option<u8>,
    /// `(offset in text, offset in source)` wherever the two stop running side by side, ascending.
    joints: Vec<(u32, u32)>,
}

impl Argument {
    /// An empty argument that begins at an offset of a source.
    pub(crate) fn new(source: SourceId, start: usize, quote: Option<u8>) -> Self {
        Self { text: Vec::new(), whole: Self::span_of(source, start, start), quote, joints: Vec::new() }
    }

    /// Adds a byte that stands at an offset of the source.
    pub(crate) fn push(&mut self, byte: u8, at: usize) {
        let (text, at) = (offset(self.text.len()), offset(at));
        let runs_on = self.joints.last().is_some_and(|(from, there)| there + (text - from) == at);
        if !runs_on {
            self.joints.push((text, at));
        }
        self.text.push(byte);
    }

    /// Sets where the argument ends.
    pub(crate) fn end(&mut self, at: usize) {
        self.whole.end = offset(at);
    }

    /// The place of a part of the text.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let first = self.place(start);
        let end = if end > start { self.place(end - 1) + 1 } else { first };
        Span { source: self.whole.source, start: first, end }
    }

    /// A part of the text, with its place.
    pub(crate) fn part(&self, start: usize, end: usize) -> Text {
        Text::new(self.text.get(start..end).unwrap_or(&[]).to_vec(), self.span(start, end))
    }

    /// The whole text; its place is the quoted argument.
    pub(crate) fn all(&self) -> Text {
        Text::new(self.text.clone(), self.whole)
    }

    /// A span of a source, from offsets.
    pub(crate) fn span_of(source: SourceId, start: usize, end: usize) -> Span {
        Span { source, start: offset(start), end: offset(end) }
    }

    fn place(&self, at: usize) -> u32 {
        let at = offset(at);
        let next = self.joints.partition_point(|(from, _)| *from <= at);
        match next.checked_sub(1).and_then(|last| self.joints.get(last)) {
            Some((from, there)) => there + (at - from),
            // Nothing was pushed: the closing quote, or the place itself.
            None => self.whole.end.saturating_sub(u32::from(self.quote.is_some())),
        }
    }
}

/// Files over 4 GiB are refused before they are lexed.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
