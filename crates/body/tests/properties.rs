//! Round trips: what is written by the rules of a format is read back as it was.

use portcullis_body::{Limits, json, multipart, urlencoded, xml};
use proptest::prelude::{ProptestConfig, any, proptest};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn forms(pairs in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..9), proptest::collection::vec(any::<u8>(), 0..9)), 0..9)) {
        let pairs: Pairs = pairs;
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        let form = urlencoded::parse(text.join("&").as_bytes(), b'&', &Limits::default());
        assert!(!form.invalid_escape && !form.truncated);
        let read: Pairs = form.fields.into_iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(read, pairs);
    }

    #[test]
    fn multipart_bodies(pairs in proptest::collection::vec((proptest::collection::vec(0x20..0x7f_u8, 1..9), proptest::collection::vec(any::<u8>(), 0..40)), 1..9)) {
        let pairs: Pairs = pairs;
        let mut body = Vec::new();
        for (name, value) in &pairs {
            let name = String::from_utf8(name.clone()).unwrap().replace('\\', "\\\\").replace('"', "\\\"");
            body.extend_from_slice(format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b0undary--\r\n");
        let (read, error) = multipart::parse(b"multipart/form-data; boundary=b0undary", &body, &Limits::default());
        assert_eq!(error, None);
        // Where a quote follows a backslash, parsers do not agree on the end of the name.
        let told = pairs.iter().any(|(name, _)| name.contains(&b'"') || name.ends_with(b"\\"));
        assert_eq!(read.flags, multipart::Flags { invalid_quoting: told, ..read.flags });
        assert_eq!(read.flags.strict_error(), told, "{:?}", read.flags);
        let read: Pairs = read.parts.into_iter().map(|part| (part.name, part.content.to_vec())).collect();
        assert_eq!(read, pairs);
    }

    #[test]
    fn json_strings(text in any::<String>(), key in "[^\"\\\\\u{0}-\u{1f}.]{1,9}") {
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let (fields, error) = json::flatten(format!("{{\"{key}\":[\"{escaped}\"]}}").as_bytes(), &Limits::default());
        assert_eq!(error, None);
        assert_eq!(fields.len(), 1);
        assert_eq!(fields[0].name, format!("json.{key}.array_0").as_bytes());
        assert_eq!(fields[0].value, text.as_bytes());
    }

    #[test]
    fn xml_text(text in "[ -~\u{a0}-\u{d7ff}\n]{0,40}", value in "[ -~\u{a0}-\u{d7ff}]{0,40}") {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;");
        let document = format!("<a b='{}'>{}</a>", escape(&value), escape(&text));
        let (document, error) = xml::parse(document.as_bytes(), &Limits::default());
        assert_eq!(error, None);
        assert_eq!(document.text, text.as_bytes());
        assert_eq!(document.attributes, [value.into_bytes()]);
    }
}
