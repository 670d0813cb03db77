//! The bytes of ftw, which knows names of fields in one spelling, adds no `Connection` and lets line feeds be.

use crate::suite::FtwInput;

use super::{FORM, decode, escape, message};

/// The bytes of one request.
///
/// # Errors
/// When the stage cannot be understood: bad Base64, a backslash in a raw request, whose escapes the runner would resolve.
pub(super) fn bytes(input: &FtwInput) -> Result<Vec<u8>, String> {
    if let Some(encoded) = &input.encoded_request {
        return decode(encoded);
    }
    if let Some(raw) = &input.raw_request {
        if raw.contains('\\') {
            return Err("raw_request: escapes are not understood".to_owned());
        }
        // Python reads the bytes as Latin-1 to find escapes, and writes what it read as UTF-8.
        return Ok(raw.bytes().map(char::from).collect::<String>().into_bytes());
    }
    let method = input.method.as_deref().unwrap_or("GET");
    let uri = input.uri.as_deref().unwrap_or("/");
    let version = input.version.as_deref().unwrap_or("HTTP/1.1");
    let mut headers = input.headers.0.clone();
    let mut data = input.data.join("\r\n");
    if !data.is_empty() && !input.stop_magic {
        let value =
            |name: &str| headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str());
        let (typed, sized) = (value("Content-Type"), value("Content-Length").is_some());
        if typed.is_none_or(|typed| typed == FORM) {
            data = encode_form(data);
        }
        if typed.is_none() {
            headers.push(("Content-Type".to_owned(), FORM.to_owned()));
        }
        if !sized {
            // Python counts characters.
            headers.push(("Content-Length".to_owned(), data.chars().count().to_string()));
        }
    }
    Ok(message(&[method, uri, version], &headers, data.as_bytes()))
}

/// Escapes names and values of a form, unless something in it is escaped already. What has no value is lost, as with Python's
/// `parse_qsl`; a form where nothing has one stays as it is.
fn encode_form(data: String) -> String {
    let hexadecimal = |at: usize| data.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    if data.match_indices('%').any(|(at, _)| hexadecimal(at + 1) && hexadecimal(at + 2)) {
        return data;
    }
    let mut encoded = Vec::new();
    for (name, value) in data.split('&').filter_map(|pair| pair.split_once('=')) {
        if value.is_empty() {
            continue;
        }
        if !encoded.is_empty() {
            encoded.push(b'&');
        }
        escape(name.replace('+', " ").as_bytes(), &mut encoded);
        encoded.push(b'=');
        escape(value.replace('+', " ").as_bytes(), &mut encoded);
    }
    // Only ASCII was written.
    let encoded = String::from_utf8_lossy(&encoded).into_owned();
    if encoded.is_empty() { data } else { encoded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Headers;

    fn sent(input: &FtwInput) -> String {
        String::from_utf8(bytes(input).unwrap()).unwrap()
    }

    fn form(data: &str) -> FtwInput {
        FtwInput { method: Some("POST".to_owned()), data: vec![data.to_owned()], ..FtwInput::default() }
    }

    #[test]
    fn a_form_is_completed_and_encoded() {
        assert_eq!(
            sent(&form("a=<b> c&d&e=&f=g=h+i")),
            "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 21\r\n\r\na=%3Cb%3E+c&f=g%3Dh+i"
        );
        for left_alone in ["a=%41 ", "a&b", "<x>"] {
            assert!(sent(&form(left_alone)).ends_with(&format!("\r\n\r\n{left_alone}")));
        }
        assert!(sent(&form("a=100%")).ends_with("\r\n\r\na=100%25"));
    }

    #[test]
    fn nothing_is_added_where_magic_is_stopped_and_lines_are_joined() {
        let headers = Headers(vec![("Content-Length".to_owned(), "3".to_owned())]);
        let input = FtwInput {
            headers,
            data: ["7", "a b", ""].map(str::to_owned).to_vec(),
            stop_magic: true,
            ..FtwInput::default()
        };
        assert_eq!(sent(&input), "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n7\r\na b\r\n");
    }

    #[test]
    fn names_of_fields_have_one_spelling() {
        let headers = Headers(vec![("content-type".to_owned(), "text/plain".to_owned())]);
        let input = FtwInput { headers, ..form("a=b") };
        assert!(
            sent(&input).contains("content-type: text/plain\r\nContent-Type: application/x-www-form-url")
        );
    }

    #[test]
    fn a_raw_request_is_sent_as_python_would() {
        let raw = |text: &str| FtwInput { raw_request: Some(text.to_owned()), ..FtwInput::default() };
        assert_eq!(bytes(&raw("a=\u{ac}")).unwrap(), "a=\u{c2}\u{ac}".as_bytes());
        assert!(bytes(&raw("a=\\xac")).is_err());
    }
}
