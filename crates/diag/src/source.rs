//! Source texts by id, and spans that point into them.
//!
//! Texts are bytes: a rule file is not always UTF-8, and a renderer that refuses to show it helps nobody.

use std::sync::Arc;

/// Index of a source text within [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A half-open byte range within one source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text the range lies in.
    pub source: SourceId,
    /// First byte, counted from the start of the text.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that covers both; `other` must lie in the same source.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and where it was written.
///
/// Equality looks at the value only, so that a printed and re-parsed tree equals the first one.
#[derive(Clone, Copy, Debug)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

/// A place as a person names it: lines and columns are counted from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Name of the source, usually a path.
    pub name: Arc<str>,
    /// Line number, from 1.
    pub line: u32,
    /// Byte column within the line, from 1.
    pub column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}

#[derive(Debug)]
struct Source {
    name: Arc<str>,
    text: Arc<[u8]>,
    line_starts: Vec<u32>,
}

/// All source texts of one load, in the order in which they were read.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and returns its id. Only the first 4 GiB of a text can be pointed into.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<[u8]>>) -> SourceId {
        let text: Arc<[u8]> = text.into();
        let mut line_starts = vec![0];
        line_starts
            .extend(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| clamp(at + 1)));
        let id = SourceId(clamp(self.all.len()));
        self.all.push(Source { name: name.into(), text, line_starts });
        id
    }

    /// Name given to [`Sources::add`].
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.source(id).map_or("<unknown>", |source| &source.name)
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self, id: SourceId) -> &[u8] {
        self.source(id).map_or(&[], |source| &source.text)
    }

    /// A shared handle to the whole text, for a parser that adds further sources while it reads this one.
    #[must_use]
    pub fn shared_text(&self, id: SourceId) -> Arc<[u8]> {
        self.source(id).map_or_else(|| Arc::from([]), |source| Arc::clone(&source.text))
    }

    /// The bytes a span covers.
    #[must_use]
    pub fn slice(&self, span: Span) -> &[u8] {
        self.text(span.source).get(span.start as usize..span.end as usize).unwrap_or(&[])
    }

    /// Where a span begins.
    #[must_use]
    pub fn location(&self, span: Span) -> Location {
        let Some(source) = self.source(span.source) else {
            return Location { name: Arc::from("<unknown>"), line: 1, column: 1 };
        };
        let line = source.line_starts.partition_point(|start| *start <= span.start).max(1);
        let start = source.line_starts.get(line - 1).copied().unwrap_or(0);
        Location { name: Arc::clone(&source.name), line: clamp(line), column: span.start - start + 1 }
    }

    /// One line of a source without its line end; `line` counts from 1.
    #[must_use]
    pub fn line(&self, id: SourceId, line: u32) -> &[u8] {
        let Some(source) = self.source(id) else { return &[] };
        let index = (line as usize).saturating_sub(1);
        let Some(start) = source.line_starts.get(index) else { return &[] };
        let end = source.line_starts.get(index + 1).map_or(source.text.len(), |next| *next as usize);
        let text = source.text.get(*start as usize..end).unwrap_or(&[]);
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    fn source(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.0 as usize)
    }
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_knows_its_line_and_column() {
        let mut sources = Sources::new();
        let id = sources.add("a.conf", b"one\r\ntwo three\n".to_vec());
        let span = Span { source: id, start: 9, end: 14 };
        assert_eq!(sources.location(span).to_string(), "a.conf:2:5");
        assert_eq!(sources.slice(span), b"three");
        assert_eq!(sources.line(id, 1), b"one");
        assert_eq!(sources.line(id, 2), b"two three");
    }
}
