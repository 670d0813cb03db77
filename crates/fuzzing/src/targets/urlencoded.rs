//! Forms: bounded, and what was read is read again when it is written with every byte escaped. Input: the form.

use std::fmt::Write as _;

use portcullis_body::{Limits, urlencoded};

use super::LIMITS;
use crate::Target;

pub(super) const TARGET: Target = Target {
    name: "urlencoded",
    run,
    seeds: &[
        b"a=1&b=%41+c&&=x&d%zz=%u0041&e",
        b"q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&lang=en",
        b"a%3Db=c%26d&a=b=c;d=e&",
        b"%=%&%4=%%41",
    ],
    pieces: &[
        b"&", b"=", b";", b"+", b"%", b"%41", b"%3D", b"%26", b"%25", b"%zz", b"%4", b"%u0041", b"%00",
        b"\0", b"a=1", b"&&", b"\xff",
    ],
};

fn run(input: &[u8]) {
    for limits in &LIMITS {
        for separator in [b'&', b';'] {
            let form = urlencoded::parse(input, separator, limits);
            let size: usize = form.fields.iter().map(|field| field.name.len() + field.value.len()).sum();
            assert!(form.fields.len() <= limits.fields && size <= input.len());
            assert!(!form.truncated || form.fields.len() == limits.fields);
            let mut written = String::new();
            for field in &form.fields {
                if !written.is_empty() {
                    written.push(char::from(separator));
                }
                escape(&mut written, &field.name);
                written.push('=');
                escape(&mut written, &field.value);
            }
            let again =
                urlencoded::parse(written.as_bytes(), separator, &Limits { fields: usize::MAX, ..*limits });
            assert!(!again.invalid_escape && !again.truncated);
            assert_eq!(again.fields, form.fields);
        }
    }
}

fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "%{byte:02x}");
    }
}
