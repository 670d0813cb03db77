//! XML without entity expansion or external entities, for the two paths the CRS asks: `/*` and `//@*`.
//!
//! Well-formedness is checked as far as a reader that goes on could be fooled: tags must match, one root, no text beside it, legal names and
//! characters, attributes once. A reference to any entity but the five predefined ones is an error, declared or not: what it would expand
//! to is never computed. Comments and processing instructions are no content (XPath 1.0 section 5), namespace declarations no attributes
//! (section 5.3), as libxml2 has it under ModSecurity; Coraza gives one value per text node.
//!
//! Bytes are not transcoded: `/*` of a Latin-1 document is Latin-1. Encodings not known to be supersets of ASCII are refused.

mod characters;
mod declaration;
mod doctype;

use std::{borrow::Cow, collections::BTreeSet};

use quick_xml::{
    Error, Reader,
    events::{BytesStart, Event},
};

use crate::{BodyError, Limits};

use characters::{is_name, references, resolve, separated};
use doctype::Literal;

/// What a document held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// `XML:/*`: the text of the root, joined, as `xmlNodeGetContent` gives it.
    pub text: Vec<u8>,
    /// `XML://@*`: attribute values in document order, behind what a DOCTYPE has in quotes.
    pub attributes: Vec<Vec<u8>>,
}

/// Reads a document. What was read before an error is kept beside it, so that rules see it.
///
/// An empty input holds nothing and is no error: there is no body to disagree about. More than [`Limits::fields`] attributes (namespace
/// declarations and literals of a DOCTYPE count) and elements nested beyond [`Limits::depth`] are errors.
#[must_use]
pub fn parse(input: &[u8], limits: &Limits) -> (Document, Option<BodyError>) {
    let mut reading = Reading::new(limits);
    if input.is_empty() {
        return (reading.document, None);
    }
    let (text, wide) = match std::str::from_utf8(input) {
        Ok(text) => (Cow::Borrowed(text), false),
        // One character per byte, so that the reader, which wants UTF-8, can read what is none.
        Err(_) => (input.iter().map(|&byte| char::from(byte)).collect::<String>().into(), true),
    };
    reading.wide = wide;
    reading.ascii = !wide && text.is_ascii();
    let error = reading.read(input, &text).err().map(|fault| {
        let before = &text.as_bytes()[..fault.offset.min(text.len())];
        let offset =
            if wide { before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() } else { before.len() };
        BodyError { message: format!("{} at offset {offset}", fault.what) }
    });
    (reading.document, error)
}

/// Whether a document that is sent in this encoding (`charset` of its type) can be read byte by byte, so that rules see what a backend
/// sees. An encoding that nobody knows cannot.
#[must_use]
pub fn is_readable_in(encoding: &[u8], input: &[u8]) -> bool {
    std::str::from_utf8(encoding)
        .is_ok_and(|name| declaration::check_encoding(name, input.is_ascii()).is_ok())
}

struct Fault {
    what: &'static str,
    /// Into the text that is read, which is longer than the input when `wide`.
    offset: usize,
}

struct Reading<'a> {
    document: Document,
    limits: &'a Limits,
    /// The text has a character for every byte of the input.
    wide: bool,
    /// Every byte of the input is ASCII.
    ascii: bool,
    /// Something came before.
    started: bool,
    depth: usize,
    root_seen: bool,
    /// Attributes and namespace declarations.
    attributes: usize,
}

impl<'a> Reading<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            document: Document::default(),
            limits,
            wide: false,
            ascii: false,
            started: false,
            depth: 0,
            root_seen: false,
            attributes: 0,
        }
    }

    fn read(&mut self, input: &[u8], text: &str) -> Result<(), Fault> {
        let illegal = input.iter().position(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
        if let Some(at) = illegal {
            // Beyond ASCII the offset in the text differs; the count of characters before it is the same.
            let offset = text.char_indices().nth(at).filter(|_| self.wide).map_or(at, |(offset, _)| offset);
            return Err(Fault { what: "character that XML forbids", offset });
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        loop {
            let event = reader.read_event().map_err(|error| Fault {
                what: describe(&error),
                offset: usize::try_from(reader.error_position()).unwrap_or(usize::MAX),
            })?;
            let offset = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let last = matches!(event, Event::Eof);
            self.event(event).map_err(|what| Fault { what, offset })?;
            self.started = true;
            if last {
                return Ok(());
            }
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Start(tag) => {
                self.element(&tag)?;
                self.depth += 1;
                if self.depth > self.limits.depth { Err("elements nested too deep") } else { Ok(()) }
            }
            Event::Empty(tag) => self.element(&tag),
            Event::End(_) => {
                // The reader has matched the names.
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Event::Text(text) if self.depth > 0 => {
                if text.contains("]]>") {
                    return Err("`]]>` outside of a CDATA section");
                }
                self.text(&text);
                Ok(())
            }
            Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => Ok(()),
            Event::CData(text) if self.depth > 0 => {
                self.text(&text);
                Ok(())
            }
            Event::GeneralRef(name) if self.depth > 0 => {
                let character = resolve(&name).ok_or("reference to an entity that is not predefined")?;
                self.document.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                Ok(())
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                Err("text outside of the root element")
            }
            Event::DocType(_) if self.root_seen => Err("DOCTYPE after the root element"),
            Event::Decl(_) if self.started => Err("XML declaration that is not at the start"),
            Event::Decl(declaration) => declaration::check(&declaration, self.ascii),
            Event::DocType(doctype) => self.doctype(&doctype),
            Event::PI(instruction)
                if is_name(instruction.target()) && !instruction.target().eq_ignore_ascii_case("xml") =>
            {
                Ok(())
            }
            Event::PI(_) => Err("invalid processing instruction"),
            Event::Comment(_) => Ok(()),
            Event::Eof if self.depth > 0 => Err("element not closed"),
            Event::Eof if !self.root_seen => Err("no root element"),
            Event::Eof => Ok(()),
        }
    }

    /// Its literals join the attributes, so that rules see them: a parser that reads the internal subset gives elements the defaults that
    /// stand there (section 5.1), and one that fetches what is outside goes where the names say.
    fn doctype(&mut self, content: &str) -> Result<(), &'static str> {
        for literal in doctype::check(content)? {
            self.attributes += 1;
            if self.attributes > self.limits.fields {
                return Err("too many literals in a DOCTYPE");
            }
            let value = match literal {
                Literal::Default(value) => references(value, self.wide)?,
                Literal::Text(text) => {
                    let mut plain = Vec::with_capacity(text.len());
                    text.chars().for_each(|character| characters::push(character, self.wide, &mut plain));
                    plain
                }
            };
            self.document.attributes.push(value);
        }
        Ok(())
    }

    fn element(&mut self, tag: &BytesStart<'_>) -> Result<(), &'static str> {
        if self.depth == 0 {
            if self.root_seen {
                return Err("second root element");
            }
            self.root_seen = true;
        }
        if !is_name(tag.name().as_ref()) {
            return Err("invalid element name");
        }
        if !separated(tag.attributes_raw()) {
            return Err("malformed attribute");
        }
        // The reader's own search for repeated names takes quadratic time.
        let mut names = BTreeSet::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| "malformed attribute")?;
            let name = attribute.key.into_inner();
            if !is_name(name) {
                return Err("invalid attribute name");
            }
            if !names.insert(name) {
                return Err("repeated attribute");
            }
            self.attributes += 1;
            if self.attributes > self.limits.fields {
                return Err("too many attributes");
            }
            let value = references(&attribute.value, self.wide)?;
            if name != "xmlns" && !name.starts_with("xmlns:") {
                self.document.attributes.push(value);
            }
        }
        Ok(())
    }

    /// Line ends become line feeds (XML 1.0 section 2.11).
    fn text(&mut self, text: &str) {
        let mut carriage_return = false;
        for character in text.chars() {
            match character {
                '\n' if carriage_return => {}
                '\r' => self.document.text.push(b'\n'),
                _ => characters::push(character, self.wide, &mut self.document.text),
            }
            carriage_return = character == '\r';
        }
    }
}

/// The reader's own messages quote names of the document.
fn describe(error: &Error) -> &'static str {
    use quick_xml::errors::IllFormedError as Ill;
    match error {
        Error::Syntax(_) => "markup not closed",
        Error::IllFormed(Ill::MismatchedEndTag { .. } | Ill::UnmatchedEndTag(_)) => {
            "end tag without its start tag"
        }
        Error::IllFormed(Ill::MissingEndTag(_)) => "element not closed",
        Error::IllFormed(Ill::UnclosedReference) => "`&` that starts no reference",
        Error::IllFormed(Ill::DoubleHyphenInComment) => "`--` inside a comment",
        Error::IllFormed(Ill::MissingDoctypeName) => "DOCTYPE without a name",
        Error::IllFormed(_) => "malformed XML declaration",
        _ => "malformed document",
    }
}

#[cfg(test)]
mod tests;
