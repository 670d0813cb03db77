use super::*;

fn flat(input: &[u8]) -> (Vec<(String, String)>, Option<String>) {
    let (fields, error) = flatten(input, &Limits::default());
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let fields = fields.iter().map(|field| (text(&field.name), text(&field.value))).collect();
    (fields, error.map(|error| error.message))
}

#[test]
fn names_and_values() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("1", &[("json", "1")]),
        (" \"x\" ", &[("json", "x")]),
        ("null", &[("json", "")]),
        ("{}", &[]),
        ("[]", &[]),
        (
            r#"{"a":1,"b":true,"c":false,"d":null}"#,
            &[("json.a", "1"), ("json.b", "true"), ("json.c", "false"), ("json.d", "")],
        ),
        (r#"{"a":1,"a":2}"#, &[("json.a", "1"), ("json.a", "2")]),
        (r#"{"a":{"b":{"c":"x"}}}"#, &[("json.a.b.c", "x")]),
        (r#"{"a":[1,2]}"#, &[("json.a.array_0", "1"), ("json.a.array_1", "2")]),
        (
            "[1,[2,3],4]",
            &[
                ("json.array_0", "1"),
                ("json.array_1.array_0", "2"),
                ("json.array_1.array_1", "3"),
                ("json.array_2", "4"),
            ],
        ),
        (
            r#"{"items":[{"a":1},{"a":2,"b":3}]}"#,
            &[("json.items.array_0.a", "1"), ("json.items.array_1.a", "2"), ("json.items.array_1.b", "3")],
        ),
        (r#"[{"a":1}]"#, &[("json.array_0.a", "1")]),
        (r#"{"":1,"a":{"":2}}"#, &[("json.empty-key", "1"), ("json.a.empty-key", "2")]),
        (
            r#"{"user":{"$ne":{}},"x":[[]],"y":[]}"#,
            &[("json.user.$ne", ""), ("json.x.array_0", ""), ("json.y", "")],
        ),
        (r#"{"a.b":1,"c d":2}"#, &[("json.a.b", "1"), ("json.c d", "2")]),
        (
            r#"{"a":-0.10e+5,"b":12345678901234567890}"#,
            &[("json.a", "-0.10e+5"), ("json.b", "12345678901234567890")],
        ),
        (
            r#"{"a\u0062":"\"\\\/\b\f\n\r\t\u003c\u00e4\ud83d\ude00\u0000"}"#,
            &[("json.ab", "\\\"\\\\/\\x08\\x0c\\n\\r\\t<\\xc3\\xa4\\xf0\\x9f\\x98\\x80\\x00")],
        ),
        (
            r#"["\ud800","\udc00","\ud800\u003c","\ud800\ud800\udc00"]"#,
            &[
                ("json.array_0", "?"),
                ("json.array_1", "?"),
                ("json.array_2", "?<"),
                ("json.array_3", "?\\xf0\\x90\\x80\\x80"),
            ],
        ),
        (" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", &[("json.a.array_0", "1"), ("json.a.array_1", "2")]),
    ];
    for (input, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(flat(input.as_bytes()), (expected, None), "{input}");
    }
    assert_eq!(flat(b"\"\xff\xc3\""), (vec![("json".to_owned(), "\\xff\\xc3".to_owned())], None));
    assert_eq!(flat(b""), (Vec::new(), None));
}

#[test]
fn errors_keep_what_came_before_and_tell_where() {
    let table: &[(&str, usize, &str)] = &[
        (" ", 0, "unexpected end at offset 1"),
        ("{", 0, "unexpected end at offset 1"),
        ("[1", 1, "unexpected end at offset 2"),
        ("[1,", 1, "unexpected end at offset 3"),
        ("[1,]", 1, "unexpected byte at offset 3"),
        ("[,1]", 0, "unexpected byte at offset 1"),
        ("[1 2]", 1, "unexpected byte at offset 3"),
        ("[1}", 1, "unexpected byte at offset 2"),
        (r#"{"a":1]"#, 1, "unexpected byte at offset 6"),
        (r#"{"a":1,}"#, 1, "unexpected byte at offset 7"),
        (r#"{"a" 1}"#, 0, "unexpected byte at offset 5"),
        (r#"{"a"}"#, 0, "unexpected byte at offset 4"),
        (r#"{"a":}"#, 0, "unexpected byte at offset 5"),
        ("{a:1}", 0, "unexpected byte at offset 1"),
        ("{'a':1}", 0, "unexpected byte at offset 1"),
        ("{1:1}", 0, "unexpected byte at offset 1"),
        ("]", 0, "unexpected byte at offset 0"),
        ("1 2", 1, "text after the document at offset 2"),
        ("{}{}", 0, "text after the document at offset 2"),
        ("[]]", 0, "text after the document at offset 2"),
        ("{} // x", 0, "text after the document at offset 3"),
        ("/* */ {}", 0, "unexpected byte at offset 0"),
        ("\u{feff}{}", 0, "unexpected byte at offset 0"),
        ("tru", 0, "unexpected byte at offset 0"),
        ("True", 0, "unexpected byte at offset 0"),
        ("nulll", 1, "text after the document at offset 4"),
        ("NaN", 0, "unexpected byte at offset 0"),
        ("-", 0, "unexpected end at offset 1"),
        ("-x", 0, "unexpected byte in a number at offset 1"),
        ("+1", 0, "unexpected byte at offset 0"),
        ("01", 1, "text after the document at offset 1"),
        ("1.", 0, "unexpected end at offset 2"),
        (".5", 0, "unexpected byte at offset 0"),
        ("1e", 0, "unexpected end at offset 2"),
        ("1e+x", 0, "unexpected byte in a number at offset 3"),
        ("0x1", 1, "text after the document at offset 1"),
        ("\"a", 0, "unexpected end at offset 2"),
        ("\"a\\", 0, "unexpected end at offset 3"),
        ("\"a\\\"", 0, "unexpected end at offset 4"),
        ("\"a\nb\"", 0, "control character in a string at offset 2"),
        ("\"\0\"", 0, "control character in a string at offset 1"),
        ("\"\\x\"", 0, "invalid escape in a string at offset 2"),
        ("\"\\u12\"", 0, "unexpected end at offset 6"),
        ("\"\\u12zz\"", 0, "invalid escape in a string at offset 3"),
        ("\"\\ud800\\uzzzz\"", 0, "invalid escape in a string at offset 9"),
        (r#"{"a":{"b":1,"c":[2,x]}}"#, 2, "unexpected byte at offset 19"),
    ];
    for (input, fields, message) in table {
        let (found, error) = flat(input.as_bytes());
        assert_eq!(error.as_deref(), Some(*message), "{input}");
        assert_eq!(found.len(), *fields, "{input}");
    }
}

#[test]
fn depth_is_bounded() {
    let limits = Limits { depth: 3, ..Limits::default() };
    assert_eq!(flatten(b"[[[1]]]", &limits).1, None);
    assert_eq!(flatten(br#"{"a":[{"b":1}]}"#, &limits).1, None);
    let (_, error) = flatten(b"[[[[1]]]]", &limits);
    assert_eq!(error.expect("an error").message, "nesting too deep at offset 3");
    // No recursion: what a generous limit allows costs heap, not stack.
    let deep = [b"[".repeat(1_000_000), b"]".repeat(1_000_000)].concat();
    let (fields, error) = flatten(&deep, &Limits { depth: usize::MAX, ..Limits::default() });
    assert_eq!((fields.len(), error), (1, None));
    assert!(flatten(&deep, &Limits::default()).1.is_some());
}

#[test]
fn values_are_bounded() {
    let limits = Limits { fields: 2, ..Limits::default() };
    assert_eq!(flatten(b"[1,2]", &limits).1, None);
    let (fields, error) = flatten(b"[1,2,3]", &limits);
    assert_eq!(fields.len(), 2);
    assert_eq!(error.expect("an error").message, "too many values at offset 5");
}

/// A key of a megabyte above a thousand values would be a gigabyte of names.
#[test]
fn names_are_bounded() {
    let input = format!("{{\"{}\":[{}1]}}", "k".repeat(1 << 20), "1,".repeat(900));
    let (fields, error) = flatten(input.as_bytes(), &Limits::default());
    assert!(error.expect("an error").message.starts_with("names too long"));
    assert!(fields.iter().map(|field| field.name.len()).sum::<usize>() < input.len() * 17);
}
