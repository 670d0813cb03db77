//! The exact bytes that the suite's runner would send for a stage.
//!
//! The suites lean on their runners' quirks: which fields they add, when they encode a form body.

mod ftw;
mod go_ftw;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::suite::Input;

/// The bytes of one request.
///
/// # Errors
/// When the stage cannot be understood.
pub(crate) fn bytes(input: &Input) -> Result<Vec<u8>, String> {
    match input {
        Input::Ftw(input) => ftw::bytes(input),
        Input::GoFtw(input) => go_ftw::bytes(input),
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Field names, with values, as they are written.
type Fields = [(String, String)];

fn message(start: &[&str; 3], headers: &Fields, body: &[u8]) -> Vec<u8> {
    let mut request = format!("{}\r\n", start.join(" ")).into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

fn decode(encoded: &str) -> Result<Vec<u8>, String> {
    let packed: String = encoded.split_whitespace().collect();
    STANDARD.decode(packed).map_err(|error| format!("encoded_request: {error}"))
}

/// Go's `url.QueryEscape`, Python's `quote_plus`.
fn escape(text: &[u8], into: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(*byte),
            b' ' => into.push(b'+'),
            _ => into.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}
