//! Bodies bent out of shape: every cut, every flipped byte, random splices of what means something to a parser. None may panic, and what
//! comes out stays within bounds.
//!
//! The random part is seeded by its case number: a failure names the case, and the case is the same on every machine.

use portcullis_body::{BodyError, Limits, json, multipart, urlencoded, xml};

const TYPE: &[u8] = b"multipart/form-data; boundary=XX";

const SEEDS: [&[u8]; 6] = [
    b"a=1&b=%41+c&&=x&d%zz=%u0041&e",
    b"--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.txt\"; filename*=UTF-8''x\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\n1\r\n2\r\n--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XX--\r\n",
    br#"{"items":[{"a":-1.5e3,"a":"\ud83d\ude00\n"},[true,false,null],{}],"":{"k":"v"}}"#,
    b"<?xml version='1.0' encoding='utf-8'?><!DOCTYPE a [<!ENTITY e 'x'>]><a b='1&lt;' xmlns:p='u'><!-- c --><p:c>t&#x3c;<![CDATA[d]]></p:c><?p q?></a>",
    b"multipart/form-data; boundary=\"XX\"; charset=utf-8",
    b"<a>\xe4\xff</a>",
];

const PIECES: [&[u8]; 40] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b"--",
    b"--XX",
    b"--XX--",
    b"-- XX",
    b"XX",
    b":",
    b";",
    b"=",
    b"\"",
    b"'",
    b"\\",
    b"%",
    b"&",
    b"+",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\u",
    b"\\ud800",
    b"0",
    b"-",
    b"<",
    b">",
    b"</a>",
    b"<a>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"&#",
    b"\xff",
    b"name=",
];

/// Once with bounds that are soon reached, once with none.
fn check(input: &[u8]) {
    within(input, &Limits { fields: 20, depth: 8, parts: 4 });
    within(input, &Limits { fields: usize::MAX, depth: usize::MAX, parts: usize::MAX });
}

/// Runs every parser over an input and checks what can be checked without knowing what it means.
fn within(input: &[u8], limits: &Limits) {
    let form = urlencoded::parse(input, b'&', limits);
    assert!(form.fields.len() <= limits.fields);
    assert!(
        form.fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>() <= input.len()
    );

    for content_type in [TYPE, input] {
        let (body, error) = multipart::parse(content_type, input, limits);
        assert!(body.parts.len() <= limits.parts);
        assert_eq!(body.flags.error, error.is_some());
        assert!(error.is_none() || body.flags.strict_error());
        let size: usize = body
            .parts
            .iter()
            .map(|part| part.content.len() + part.headers.iter().map(Vec::len).sum::<usize>())
            .sum();
        assert!(size <= input.len());
        assert!(body.flags.strict_error() || body.parts.iter().all(|part| !part.name.is_empty()));
        plain(error.as_ref(), input);
    }

    let (fields, error) = json::flatten(input, limits);
    assert!(fields.len() <= limits.fields);
    assert!(fields.iter().map(|field| field.value.len()).sum::<usize>() <= input.len());
    assert!(fields.iter().all(|field| field.name.starts_with(b"json")));
    plain(error.as_ref(), input);

    let (document, error) = xml::parse(input, limits);
    assert!(document.attributes.len() <= limits.fields);
    assert!(document.text.len() + document.attributes.iter().map(Vec::len).sum::<usize>() <= input.len());
    plain(error.as_ref(), input);
}

/// Messages are our own words and an offset inside the input.
fn plain(error: Option<&BodyError>, input: &[u8]) {
    let Some(error) = error else { return };
    assert!(error.message.is_ascii() && error.message.len() < 100, "{}", error.message);
    if let Some((_, offset)) = error.message.rsplit_once(" at offset ") {
        assert!(offset.parse::<usize>().expect("a number") <= input.len(), "{}", error.message);
    }
}

/// xorshift64*: a generator that needs no crate and gives the same numbers for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize;
        high % bound.max(1)
    }
}

#[test]
fn every_cut() {
    for seed in SEEDS {
        for at in 0..=seed.len() {
            check(&seed[..at]);
            check(&seed[at..]);
        }
    }
}

#[test]
fn every_byte_replaced() {
    for seed in SEEDS {
        for at in 0..seed.len() {
            for byte in [b'\0', b'\r', b'\n', b' ', b'"', b'\\', b'%', b'<', b'&', b'-', b'=', b':', 0xff] {
                let mut input = seed.to_vec();
                input[at] = byte;
                check(&input);
            }
        }
    }
}

#[test]
fn random_splices() {
    for case in 0..30_000_u64 {
        let mut random = Random(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut input = SEEDS[random.below(SEEDS.len())].to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(input.len() + 1);
            match random.below(4) {
                0 => input.truncate(at),
                1 => {
                    let end = (at + random.below(8)).min(input.len());
                    input.drain(at..end);
                }
                2 => {
                    let from = random.below(input.len() + 1);
                    let copy = input[from..(from + random.below(40)).min(input.len())].to_vec();
                    input.splice(at..at, copy);
                }
                _ => {
                    input.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied());
                }
            }
        }
        let result = std::panic::catch_unwind(|| check(&input));
        assert!(result.is_ok(), "case {case}: {}", input.escape_ascii());
    }
}

/// What costs a quadratic parser minutes.
#[test]
fn long_inputs_are_read_in_linear_time() {
    let size = 1 << 20;
    for piece in PIECES {
        let input = piece.repeat(size / piece.len());
        check(&input);
    }
    for unit in [
        "--X",
        "--XX\r\n",
        "--XX\r\nA: b\r\n",
        " \r\n",
        "<a b='",
        "<a>",
        "&lt;",
        "&",
        "{\"a\":",
        "\\u0041",
        "[[],",
        "a=&",
    ] {
        let input = unit.repeat(size / unit.len());
        check(input.as_bytes());
        check(format!("<a>{input}</a>").as_bytes());
        check(format!("<a b='{input}'/>").as_bytes());
        check(format!("\"{input}\"").as_bytes());
        check(format!("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n{input}").as_bytes());
        check(format!("--XX\r\nContent-Disposition: form-data; name=a\r\n{input}").as_bytes());
    }
    let attributes: String = (0..100_000).map(|n| format!(" a{n}='x'")).collect();
    check(format!("<a{attributes}/>").as_bytes());
}
