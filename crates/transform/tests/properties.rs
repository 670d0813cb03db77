//! What holds for every transformation and every input: no panic, the growth bound, a truthful return value.

use portcullis_transform::{Context, TABLE, Transformation, UnicodeMap, find};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

fn table() -> UnicodeMap {
    UnicodeMap::parse(b"20127 (US-ASCII)\n2039:3c 203a:3e 00a0:20\n", 20127).unwrap()
}

fn apply(line: &Transformation, input: &[u8], context: &Context<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let changed = (line.apply)(input, &mut out, context);
    if !changed {
        return input.to_vec();
    }
    assert_ne!(out, input, "{} said it changed this", line.name);
    assert!(
        out.len() <= input.len() * line.growth + 64,
        "{} grew {} to {}",
        line.name,
        input.len(),
        out.len()
    );
    out
}

/// Random bytes seldom hold an escape: most pieces are made of the bytes that mean something to some transformation.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(b"%+\\&#;xXuU0123456789abcdefABCDEF/.*-<>!=^\"' \t\r\n\0,(".to_vec())
            .prop_map(|byte| vec![byte]),
        proptest::sample::select(vec![
            "%u2039",
            "%uff1c",
            "%3c",
            "\\uff1c",
            "\\x3c",
            "\\074",
            "\\ff1c ",
            "&#x3c",
            "&#60;",
            "&lt;",
            "&ltx;",
            "/*",
            "*/",
            "<!--",
            "-->",
            "--",
            "../",
            "./",
            "//",
            "..",
            "\\\\",
            "0x41",
            "PHNj",
            "=",
            "==",
            "\u{2039}",
            "\u{1f600}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        Just(b"\xed\xa0\x80".to_vec()),
        Just(b"\xc0\xbc".to_vec()),
        Just(b"\xf7\xbf\xbf\xbf".to_vec()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn bounded_and_truthful(input in hostile()) {
        let table = table();
        for line in TABLE {
            apply(line, &input, &Context::default());
            apply(line, &input, &Context { unicode_map: Some(&table) });
        }
    }

    #[test]
    fn bounded_and_truthful_on_noise(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        for line in TABLE {
            apply(line, &input, &Context::default());
        }
    }

    #[test]
    fn a_unicode_map_is_read_or_refused(text in "(20127|1250|[0-9a-f]{1,9}:[0-9a-f]{1,3}|[ \\t\\r\\n()x:]){0,30}", code_point in 0..0x2_0000_u32) {
        if let Ok(map) = UnicodeMap::parse(text.as_bytes(), 20127) {
            assert!(text.contains("20127"));
            assert!(code_point <= 0xffff || map.lookup(code_point).is_none());
        }
    }

    #[test]
    fn twice_is_once(input in hostile()) {
        for name in [
            "compressWhitespace", "lowercase", "parityZero7bit", "removeNulls",
            "removeWhitespace", "replaceNulls", "trim", "trimLeft", "trimRight", "uppercase",
        ] {
            let line = find(name).unwrap();
            let once = apply(line, &input, &Context::default());
            assert_eq!(apply(line, &once, &Context::default()), once, "{name}");
        }
    }

    #[test]
    fn encodings_are_undone(input in proptest::collection::vec(any::<u8>(), 0..100)) {
        for (encode, decode) in
            [("base64Encode", "base64Decode"), ("base64Encode", "base64DecodeExt"), ("hexEncode", "hexDecode"), ("urlEncode", "urlDecode"), ("urlEncode", "urlDecodeUni")]
        {
            let encoded = apply(find(encode).unwrap(), &input, &Context::default());
            assert_eq!(apply(find(decode).unwrap(), &encoded, &Context::default()), input, "{encode} {decode}");
        }
    }
}

#[test]
fn every_input_of_up_to_two_bytes() {
    for first in 0..=255_u8 {
        for line in TABLE {
            apply(line, &[first], &Context::default());
            for second in 0..=255_u8 {
                apply(line, &[first, second], &Context::default());
            }
        }
    }
}
