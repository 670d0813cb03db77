//! The corpus: five ordinary requests and four attacks, each with an answer.
//!
//! What differs from one request of the same client to the next (ids, cookies, tokens, values of query and body) is a slot. A run over
//! the fixed corpus leaves the slots as they are here; a run over the varied one fills them anew before every transaction, from one seed
//! for all engines, so that no engine meets a request twice. Lengths never change.

mod requests;
mod text;

pub use text::Text;

/// A request, its answer, and what is right to do with it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Name in commands and tables.
    pub name: &'static str,
    /// The lowest paranoia level of the Core Rule Set 4.28.0 at which it is refused; `None` when no level refuses it.
    pub refused_from: Option<u8>,
    /// `GET`, `POST`
    pub method: &'static str,
    /// Request target.
    pub target: Text,
    /// Fields in wire order.
    pub headers: Vec<(&'static str, Text)>,
    /// Body, empty when there is none.
    pub body: Text,
    /// Fields of the answer.
    pub response_headers: Vec<(&'static str, Text)>,
    /// Body of the answer.
    pub response_body: Text,
}

/// Every exchange, the same on every call.
#[must_use]
pub fn exchanges() -> Vec<Exchange> {
    requests::all()
}

/// The file that drivers read: [`crate::driver::read`] is its reader and says how it is laid out.
#[must_use]
pub fn file(exchanges: &[Exchange]) -> Vec<u8> {
    let mut file = Vec::new();
    number(&mut file, exchanges.len());
    for exchange in exchanges {
        for plain in [exchange.name, exchange.method] {
            put(&mut file, &Text::plain(plain));
        }
        put(&mut file, &exchange.target);
        fields(&mut file, &exchange.headers);
        put(&mut file, &exchange.body);
        fields(&mut file, &exchange.response_headers);
        put(&mut file, &exchange.response_body);
    }
    file
}

fn fields(file: &mut Vec<u8>, fields: &[(&'static str, Text)]) {
    number(file, fields.len());
    for (name, value) in fields {
        put(file, &Text::plain(name));
        put(file, value);
    }
}

fn put(file: &mut Vec<u8>, text: &Text) {
    number(file, text.bytes.len());
    file.extend_from_slice(&text.bytes);
    number(file, text.slots.len());
    for slot in &text.slots {
        number(file, slot.offset);
        number(file, slot.length);
        number(file, slot.alphabet);
    }
}

/// Lengths here are far below four gigabytes.
fn number(file: &mut Vec<u8>, number: usize) {
    file.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver;

    #[test]
    fn the_file_reads_back_and_is_the_same_every_time() {
        let written = file(&exchanges());
        assert_eq!(written, file(&exchanges()));
        let read = driver::read(&written).unwrap();
        assert_eq!(read.len(), 9);
        for (exchange, request) in exchanges().iter().zip(&read) {
            assert_eq!(request.name, exchange.name.as_bytes());
            assert_eq!(request.body, exchange.body.bytes);
            assert_eq!(request.headers.len(), exchange.headers.len());
        }
        assert!(driver::read(&written[..written.len() - 1]).is_none());
    }

    #[test]
    fn lengths_are_those_that_the_fields_say() {
        for exchange in exchanges() {
            let length = exchange.headers.iter().find(|(name, _)| *name == "Content-Length");
            let told = length.map_or(0, |(_, value)| String::from_utf8_lossy(&value.bytes).parse().unwrap());
            assert_eq!(told, exchange.body.bytes.len(), "{}", exchange.name);
        }
        let sizes = |name: &str| exchanges().iter().find(|held| held.name == name).unwrap().body.bytes.len();
        assert_eq!((sizes("json_1k"), sizes("json_10k")), (1_024, 10_240));
    }

    #[test]
    fn filling_changes_every_slot_and_nothing_else() {
        let mut requests = driver::read(&file(&exchanges())).unwrap();
        for (request, exchange) in requests.iter_mut().zip(exchanges()) {
            assert!(exchange.headers.iter().any(|(_, value)| !value.slots.is_empty()), "{}", exchange.name);
            let before = request.clone();
            request.fill();
            assert_ne!(before.headers, request.headers, "{}", exchange.name);
            assert_eq!(before.body.len(), request.body.len());
            let fixed = |body: &[u8]| {
                let mut body = body.to_vec();
                for slot in &exchange.body.slots {
                    body[slot.offset..slot.offset + slot.length].fill(0);
                }
                body
            };
            assert_eq!(fixed(&before.body), fixed(&request.body), "{}", exchange.name);
        }
    }
}
