//! The answer.

use super::{Member, Value, decimal};
use crate::transaction::Header;

#[derive(Debug, Default)]
pub(crate) struct Response {
    /// Absent until phase 3.
    pub(crate) head: Option<ResponseHead>,
    /// Absent until phase 4.
    pub(crate) body: Option<Value>,
    /// `OUTBOUND_DATA_ERROR`: the body is longer than what is inspected.
    pub(crate) beyond_limit: bool,
}

#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) number: u16,
    pub(crate) status: Value,
    pub(crate) protocol: Value,
    pub(crate) headers: Vec<Member>,
    pub(crate) content_type: Value,
}

impl Response {
    pub(crate) fn read_head(&mut self, status: u16, protocol: &[u8], headers: &[Header<'_>]) {
        let content_type = headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(b"content-type"))
            .map_or(&b""[..], |field| field.value);
        self.head = Some(ResponseHead {
            number: status,
            status: decimal(status),
            protocol: Value::from(protocol),
            headers: headers.iter().map(|field| Member::new(field.name, field.value)).collect(),
            content_type: Value::from(content_type),
        });
    }

    /// Whether the content type is among the inspected ones. `(null)` stands for an answer without a type.
    pub(crate) fn in_scope(&self, mime_types: &[Box<[u8]>]) -> bool {
        let Some(head) = &self.head else { return false };
        let end = memchr::memchr(b';', &head.content_type).unwrap_or(head.content_type.len());
        let essence = head.content_type.get(..end).unwrap_or(&[]).trim_ascii();
        let essence = if essence.is_empty() { b"(null)" } else { essence };
        mime_types.iter().any(|listed| listed.eq_ignore_ascii_case(essence))
    }
}
