//! `multipart/form-data` with all the strictness flags of ModSecurity.
//!
//! Line by line, as ModSecurity reads it: a boundary counts at the start of a line only, and every liberty that a backend might read
//! otherwise sets a flag (RFC 2046 section 5.1, RFC 7578). After an error in the head of a part reading goes on, so that rules see the
//! rest; the body is refused all the same, through `REQBODY_ERROR`.

mod boundary;
mod flags;
mod headers;
mod parser;

pub use flags::Flags;

use crate::{BodyError, Limits};

/// One part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// `name` of `Content-Disposition`, escapes removed. Empty only beside an error or [`Flags::invalid_part`].
    pub name: Vec<u8>,
    /// `filename` of `Content-Disposition`; present makes it a file. As in ModSecurity an empty one makes none: such a part is an argument.
    pub filename: Option<Vec<u8>>,
    /// `filename*` of `Content-Disposition`, percent-decoded, in its own character set (RFC 8187). A backend may take it for the name of
    /// the file (RFC 6266 section 4.3 prefers it), so rules have to see it beside the other.
    pub extended_filename: Option<Vec<u8>>,
    /// Header lines `Name: value` as received, folding joined.
    pub headers: Vec<Vec<u8>>,
    /// The content, where it stands. Line ends inside it stay; ModSecurity v3 loses them in arguments.
    pub content: &'a [u8],
}

/// A multipart body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multipart<'a> {
    /// In wire order.
    pub parts: Vec<Part<'a>>,
    /// What was suspicious.
    pub flags: Flags,
}

/// Reads a body; `content_type` is the whole header value, from which the boundary comes. What was read before an error is kept.
///
/// An empty body is no error, as in ModSecurity v3, if the boundary is in order.
#[must_use]
pub fn parse<'a>(
    content_type: &[u8],
    input: &'a [u8],
    limits: &Limits,
) -> (Multipart<'a>, Option<BodyError>) {
    let mut flags = Flags::default();
    match boundary::read(content_type, &mut flags) {
        Ok(boundary) => parser::Parser::new(boundary, flags, input, limits).read(),
        Err(message) => {
            flags.error = true;
            (Multipart { parts: Vec::new(), flags }, Some(BodyError { message: message.to_owned() }))
        }
    }
}

#[cfg(test)]
mod tests;
