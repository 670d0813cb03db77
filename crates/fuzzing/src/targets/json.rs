//! JSON bodies: bounded, and accepted exactly when RFC 8259 accepts them, as `serde_json` reads it. Input: the body.

use portcullis_body::json;
use serde::de::IgnoredAny;

use super::{LIMITS, told_plainly};
use crate::Target;

pub(super) const TARGET: Target = Target {
    name: "json",
    run,
    seeds: &[
        br#"{"items":[{"a":-1.5e3,"a":"\ud83d\ude00\n"},[true,false,null],{}],"":{"k":"v"}}"#,
        b"[[[[[[[[[1]]]]]]]]]",
        b" \"just a string\\u0041\\ud800\" ",
        br#"{"user":{"$ne":{}},"list":[],"n":[0,-0,0.5,1e+9,12345678901234567890]}"#,
        b"{\"\xff\":\"\xc0\xbc\"}",
    ],
    pieces: &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\\u",
        b"\\u0041",
        b"\\ud83d",
        b"\\ude00",
        b"\\n",
        b"true",
        b"false",
        b"null",
        b"0",
        b"-",
        b"1",
        b".5",
        b"e9",
        b"E+",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"\0",
        b"\xef\xbb\xbf",
        b"\"a\":",
        b"{\"a\":",
        b"[],",
        b"//",
        b"/*",
        b"NaN",
        b"'",
    ],
};

fn run(input: &[u8]) {
    for limits in &LIMITS {
        let (fields, error) = json::flatten(input, limits);
        assert!(fields.len() <= limits.fields);
        assert!(fields.iter().map(|field| field.value.len()).sum::<usize>() <= input.len());
        assert!(fields.iter().all(|field| field.name.starts_with(b"json")));
        let names: usize = fields.iter().map(|field| field.name.len()).sum();
        assert!(names <= input.len() * 16 + (1 << 20), "{names} bytes of names");
        told_plainly(error.as_ref(), input);
        // What stands behind too long names was not read.
        let is_read = error.as_ref().is_none_or(|error| !error.message.starts_with("names too long"));
        if *limits == LIMITS[1] && is_read {
            agrees(input, error.is_none());
        }
    }
}

/// Read to its end, it does not matter what a value is: this asks for the grammar alone.
fn agrees(input: &[u8], accepted: bool) {
    // An empty body holds nothing and is no error, as in ModSecurity v3.
    let legal = input.is_empty() || serde_json::from_slice::<IgnoredAny>(input).is_ok();
    assert!(accepted == legal, "accepted: {accepted}, legal: {legal}");
}
