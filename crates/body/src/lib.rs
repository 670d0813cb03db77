//! Request body processors: urlencoded, multipart, JSON and XML, as strict as ModSecurity's.
//!
//! Evasion is what these parsers are for: whatever a lenient backend might read differently is flagged, nothing is dropped silently.
//! Every one is bounded (count, depth, bytes) and takes bytes, not text.

pub mod json;
pub mod multipart;
pub mod urlencoded;
pub mod xml;

/// A name and a value, both decoded, in wire order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Decoded name; empty names are kept.
    pub name: Vec<u8>,
    /// Decoded value.
    pub value: Vec<u8>,
}

/// Why a body could not be read. The text goes into `REQBODY_ERROR_MSG` and holds no byte of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// What is wrong, with the byte offset where it helps.
    pub message: String,
}

/// Bounds on what a body may unfold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `SecArgumentsLimit`: more fields than this are an error; more attributes of an XML document too.
    pub fields: usize,
    /// `SecRequestBodyJsonDepthLimit`: how many arrays and objects may stand inside each other; also applied to XML elements.
    pub depth: usize,
    /// Parts of a multipart body; more are an error.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fields: 1000, depth: 512, parts: 1000 }
    }
}
