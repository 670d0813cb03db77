use super::*;

const TYPE: &[u8] = b"multipart/form-data; boundary=XX";

/// Reads a body written with `|` for CRLF and `~` for a bare line feed.
fn read(body: &str) -> (Multipart<'static>, Option<BodyError>) {
    let body = body.replace('|', "\r\n").replace('~', "\n");
    parse(TYPE, body.leak().as_bytes(), &Limits::default())
}

fn error(body: &str) -> String {
    let (multipart, error) = read(body);
    assert!(multipart.flags.error && multipart.flags.strict_error());
    error.expect("an error").message
}

/// One part whose head has the given lines.
fn headed(head: &str) -> String {
    format!("--XX|{head}||value|--XX--|")
}

#[test]
fn fields_and_files_in_wire_order() {
    let (multipart, error) = read(
        "--XX|Content-Disposition: form-data; name=\"a\"||1|2|--XX|content-disposition: form-data; name=f; \
         filename=\"x.txt\"|Content-Type: text/plain||hello~|--XX|Content-Disposition: form-data; \
         name=\"_charset_\"|||--XX--|",
    );
    assert_eq!(error, None);
    assert_eq!(multipart.flags, Flags::default());
    assert!(!multipart.flags.strict_error());
    let [a, f, charset] = multipart.parts.as_slice() else { panic!("{:?}", multipart.parts) };
    assert_eq!((a.name.as_slice(), a.content, &a.filename), (&b"a"[..], &b"1\r\n2"[..], &None));
    assert_eq!((f.name.as_slice(), f.content), (&b"f"[..], &b"hello\n"[..]));
    assert_eq!(f.filename.as_deref(), Some(&b"x.txt"[..]));
    assert_eq!(f.headers[0], b"content-disposition: form-data; name=f; filename=\"x.txt\"");
    assert_eq!(f.headers[1], b"Content-Type: text/plain");
    assert_eq!((charset.name.as_slice(), charset.content), (&b"_charset_"[..], &b""[..]));
}

#[test]
fn an_empty_body_is_no_error_but_blanks_are() {
    assert_eq!(read(""), (Multipart::default(), None));
    assert_eq!(error(" "), "no boundaries found in payload at offset 1");
}

#[test]
fn the_last_boundary_needs_no_line_end() {
    let (multipart, error) = read("--XX|Content-Disposition: form-data; name=a||1|--XX--");
    assert_eq!((error, multipart.flags), (None, Flags::default()));
    assert_eq!(multipart.parts[0].content, b"1");
}

/// Whatever ModSecurity has a flag for, alone and without an error.
#[test]
fn flags() {
    let table: &[(&str, Flags)] = &[
        ("x|--XX|D: ||", Flags::default()),
        ("preamble|@", Flags { data_before: true, ..Flags::default() }),
        ("@epilogue", Flags { data_after: true, ..Flags::default() }),
        (
            "--XX|Content-Disposition: form-data;| name=a||1|--XX--|",
            Flags { header_folding: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data;|\u{b}name=a||1|--XX--|",
            Flags { header_folding: true, invalid_header_folding: true, ..Flags::default() },
        ),
        (
            "--XX~Content-Disposition: form-data; name=a~~1~--XX--~",
            Flags { lf_line: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a||1~--XX--|",
            Flags { lf_line: true, crlf_lf_lines: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a~|1|--XX--|",
            Flags { lf_line: true, crlf_lf_lines: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name='a'||1|--XX--|",
            Flags { invalid_quoting: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a'b||1|--XX--|",
            Flags { invalid_quoting: true, ..Flags::default() },
        ),
        ("--XX|Content-Disposition: form-data; name=\"a'b\"||1|--XX--|", Flags::default()),
        (
            "--XX|Content-Disposition: form-data; name=a||--XX|1|--XX--|",
            Flags { invalid_part: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a||--XX--",
            Flags { invalid_part: true, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a||1|-- |--XX--|",
            Flags { unmatched_boundary: 2, ..Flags::default() },
        ),
        (
            "--XX|Content-Disposition: form-data; name=a||1 --XX|--XX--|",
            Flags { unmatched_boundary: 2, ..Flags::default() },
        ),
        ("--XX|Content-Disposition: form-data; name=a||--~|--XX--|", Flags::default()),
    ];
    for (body, expected) in &table[1..] {
        let body = body.replace('@', "--XX|Content-Disposition: form-data; name=a||1|--XX--|");
        let (multipart, error) = read(&body);
        assert_eq!(error, None, "{body}");
        assert_eq!(multipart.flags, *expected, "{body}");
        let strict = Flags { unmatched_boundary: 0, ..*expected } != Flags::default();
        assert_eq!(multipart.flags.strict_error(), strict, "{body}");
    }
}

#[test]
fn a_boundary_like_line_that_nothing_follows_is_one() {
    let (multipart, _) = read("--XX|Content-Disposition: form-data; name=a||1|--YY|");
    assert_eq!(multipart.flags.unmatched_boundary, 1);
    for (body, value) in [
        ("--YY|--XX|Content-Disposition: form-data; name=a||1|", 1),
        ("--XX|Content-Disposition: form-data; name=a||1|--YY|--XX|", 2),
        ("--XX|Content-Disposition: form-data; name=a||1|--YY|--XX--|", 2),
        ("--XX|Content-Disposition: form-data; name=a||1|--YY|--XX--", 1),
    ] {
        assert_eq!(read(body).0.flags.unmatched_boundary, value, "{body}");
    }
}

#[test]
fn errors_of_boundaries() {
    for (body, message) in [
        ("nothing", "no boundaries found in payload at offset 7"),
        ("--XX|Content-Disposition: form-data; name=a||1|", "final boundary missing at offset 51"),
        ("--XX|Content-Disposition: form-data; name=a||1|--XX", "invalid boundary at offset 51"),
        ("--XX |Content-Disposition: form-data; name=a||1|--XX--|", "invalid boundary at offset 0"),
        ("--XXtail|", "invalid boundary at offset 0"),
        ("-- XX|", "invalid boundary (white space) at offset 0"),
        ("--XX|Content-Disposition: form-data; name=a||1|--XX--tail|", "invalid boundary at offset 51"),
        ("--XX--", "invalid boundary at offset 0"),
    ] {
        assert_eq!(error(body), message, "{body}");
    }
}

#[test]
fn content_before_an_error_is_kept() {
    let (multipart, error) = read(
        "--XX|Content-Disposition: form-data; name=a||1|--XX|:bad||2|--XX|Content-Disposition: form-data; name=b||3|",
    );
    assert!(
        error
            .expect("an error")
            .message
            .starts_with("invalid part header (header name missing) at offset 57")
    );
    let parts: Vec<_> = multipart.parts.iter().map(|part| (part.name.as_slice(), part.content)).collect();
    assert_eq!(parts, [(&b"a"[..], &b"1"[..]), (b"", b"2"), (b"b", b"3\r\n")]);
    assert_eq!(multipart.parts[1].headers, [b":bad"]);
    assert!(multipart.flags.invalid_part);
}

#[test]
fn errors_of_headers() {
    let cd = "Content-Disposition: form-data; name=a";
    for (head, message) in [
        ("", "part missing Content-Disposition header"),
        ("Content-Type: text/plain", "part missing Content-Disposition header"),
        (" folded", "invalid part header (folding error)"),
        (&format!("{cd}|no colon"), "invalid part header (colon missing)"),
        (&format!("{cd}|: x"), "invalid part header (header name missing)"),
        (&format!("{cd}|X y: z"), "invalid part header (contains invalid character)"),
        (&format!("{cd}|X\u{7f}: z"), "invalid part header (contains invalid character)"),
        (&format!("{cd}|\u{e}X: z"), "invalid part header (contains invalid character)"),
        (&format!("{cd}|X: \0z"), "NUL byte in part headers"),
        (&format!("{cd}| \0z"), "NUL byte in part headers"),
        (&format!("{cd}|X: y\rz"), "carriage return in part headers"),
        (&format!("{cd}| y\rz"), "carriage return in part headers"),
        (&format!("{cd}|CONTENT-disposition: form-data; name=b"), "duplicate part header"),
        (&format!("{cd}|X: {}", "y".repeat(4096)), "part header line too long"),
        (&format!("{cd}|X: {0}| {0}", "y".repeat(2048)), "part header too long"),
        (&format!("{cd}|A: b"), ""),
        (&(0..64).fold(cd.to_owned(), |head, n| format!("{head}|X{n}: y")), "too many headers in a part"),
    ] {
        if message.is_empty() {
            assert_eq!(read(&headed(head)).1, None, "{head}");
        } else {
            assert!(error(&headed(head)).starts_with(message), "{head}: {}", error(&headed(head)));
        }
    }
}

#[test]
fn dispositions() {
    let ok: &[(&str, &str, Option<&str>)] = &[
        ("form-data; name=a", "a", None),
        ("form-data ; name = \"a b\"", "a b", None),
        ("form-data;name=\"a\\\\b\\c\"", "a\\b\\c", None),
        ("form-data; name=\"a\";filename=\"C:\\dir\\x.txt\"", "a", Some("C:\\dir\\x.txt")),
        ("form-data; filename=x; name=a", "a", Some("x")),
        ("form-data; name=a; filename=\"\"", "a", None),
        ("form-data; name=a; filename=x; filename*=UTF-8''%e2%82%ac.txt", "a", Some("x")),
        ("form-data; name=a; filename*=UTF-8'en'x; filename=y", "a", Some("y")),
        ("form-data; name=\"a;b=c\"", "a;b=c", None),
    ];
    for (value, name, filename) in ok {
        let (multipart, error) = read(&headed(&format!("Content-Disposition: {value}")));
        assert_eq!(error, None, "{value}");
        assert_eq!(multipart.parts[0].name, name.as_bytes(), "{value}");
        assert_eq!(multipart.parts[0].filename.as_deref(), filename.map(str::as_bytes), "{value}");
        assert_eq!(multipart.flags, Flags::default(), "{value}");
    }
    let (multipart, _) =
        read(&headed("Content-Disposition: form-data; name=a; filename=x; filename*=UTF-8''%2e%2E%2fy.php"));
    assert_eq!(multipart.parts[0].extended_filename.as_deref(), Some(&b"../y.php"[..]));
    for value in [
        "attachment; name=a",
        "FORM-DATA; name=a",
        "form-data name=a",
        "form-data",
        "form-data;",
        "form-data; ",
        "form-data; name",
        "form-data; name=",
        "form-data; name= ",
        "form-data; name x=a",
        "form-data; name=\"\"",
        "form-data; name=\"a",
        "form-data; name=\"a\\",
        "form-data; name=\"",
        "form-data; name=\"a\"b",
        "form-data; name=\"a\" b",
        "form-data; name=a; name=b",
        "form-data; name=\"\"; name=b",
        "form-data; name=a;",
        "form-data; name=a; filename=x; filename=y",
        "form-data; name=a; filename*=UTF-8''x",
        "form-data; name=a; filename=\"\"; filename*=UTF-8''x",
        "form-data; name=a; filename=x; filename*=UTF-8''x; filename*=UTF-8''y",
        "form-data; name=a; filename=x; filename*=''x",
        "form-data; name=a; filename=x; filename*=UTF-8'x",
        "form-data; name=a; filename=x; filename*=UTF-8''%2",
        "form-data; name=a; filename=x; filename*=UTF-8''a b",
        "form-data; name=a; filename=x; filename*=\"x\"",
        "form-data; name=a; filename = x",
        "form-data; name=a; size=1",
        "form-data; Name=a",
        "form-data; name=a, filename=x",
    ] {
        let (_, error) = read(&headed(&format!("Content-Disposition: {value}")));
        assert!(error.is_some(), "{value}");
    }
}

/// ModSecurity's own case: what a parser that accepts single quotes takes for one name is a file for another.
#[test]
fn single_quotes_hide_nothing() {
    let (multipart, error) =
        read(&headed("Content-Disposition: form-data; name=';filename=\"dummy';name=b;\""));
    assert!(error.expect("an error").message.contains("duplicate parameter"));
    assert!(multipart.flags.invalid_quoting);
}

/// Where a quote behind a backslash ends a value, parsers do not agree.
#[test]
fn escaped_quotes_are_told() {
    for (value, name, filename) in [
        ("form-data; name=\"a\\\"b\"", "a\"b", None),
        ("form-data; name=\"a\\\\\"; filename=\"b\"", "a\\", Some("b")),
        ("form-data; name=\"a\\\"; x=\"; filename=\"b\"", "a\"; x=", Some("b")),
        ("form-data; name=a; filename=\"b\\\"c\"", "a", Some("b\"c")),
    ] {
        let (multipart, error) = read(&headed(&format!("Content-Disposition: {value}")));
        assert_eq!(error, None, "{value}");
        assert_eq!(multipart.parts[0].name, name.as_bytes(), "{value}");
        assert_eq!(multipart.parts[0].filename.as_deref(), filename.map(str::as_bytes), "{value}");
        assert_eq!(multipart.flags, Flags { invalid_quoting: true, ..Flags::default() }, "{value}");
    }
}

#[test]
fn folding_joins_lines() {
    let (multipart, error) = read(&headed("Content-Disposition: form-data;|\t name=\"a\"|X: y| z"));
    assert_eq!(error, None);
    assert_eq!(multipart.parts[0].name, b"a");
    assert_eq!(multipart.parts[0].headers[0], b"Content-Disposition: form-data; name=\"a\"");
    assert_eq!(multipart.parts[0].headers[1], b"X: y z");
}

#[test]
fn content_types() {
    let body = b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--\r\n";
    let flags = |content_type: &[u8]| {
        let (multipart, error) = parse(content_type, body, &Limits::default());
        assert_eq!(error, None, "{}", content_type.escape_ascii());
        multipart.flags
    };
    assert_eq!(flags(b"Multipart/Form-Data;boundary=XX"), Flags::default());
    assert_eq!(flags(b"multipart/form-data ;\t boundary=XX; charset=utf-8"), Flags::default());
    assert_eq!(
        flags(b"multipart/form-data; boundary=\"XX\""),
        Flags { boundary_quoted: true, ..Flags::default() }
    );
    assert_eq!(
        flags(b"multipart/form-data; boundary =XX"),
        Flags { boundary_whitespace: true, ..Flags::default() }
    );
    assert_eq!(
        flags(b"multipart/form-data boundary=XX"),
        Flags { missing_semicolon: true, ..Flags::default() }
    );

    let long = [b"multipart/form-data; boundary=".as_slice(), &[b'X'; 1024]].concat();
    for content_type in [
        b"".as_slice(),
        &long,
        b"multipart/mixed; boundary=XX",
        b"multipart/form-data",
        b"multipart/form-data; Boundary=XX",
        b"multipart/form-data; boundary=XX; boundary=YY",
        b"multipart/form-data; boundary=XX; Boundary=YY",
        b"multipart/form-data; charset=utf-8; boundary=XX",
        b"multipart/form-data, boundary=XX",
        b"multipart/form-data;; boundary=XX",
        b"multipart/form-data; boundary",
        b"multipart/form-data; boundaryx=XX",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=\"\"",
        b"multipart/form-data; boundary=\"XX",
        b"multipart/form-data; boundary=XX\"",
        b"multipart/form-data; boundary=\"",
        b"multipart/form-data; boundary=\"XX\"; charset=utf-8",
        b"multipart/form-data; boundary=XX ",
        b"multipart/form-data; boundary=X\0X",
        b"multipart/form-data; boundary=X*X",
        b"multipart/form-data; boundary=X\xffX",
        b"multipart/form-data; boundary= XX",
        b"multipart/form-data; boundary=XX,YY",
        b"multipart/form-data; boundary=XX YY",
    ] {
        let (multipart, error) = parse(content_type, body, &Limits::default());
        assert!(error.is_some() && multipart.flags.strict_error(), "{}", content_type.escape_ascii());
    }
    // The space belongs to the boundary, which the body does not have.
    assert!(
        parse(b"multipart/form-data; boundary= XX", body, &Limits::default()).0.flags.boundary_whitespace
    );
    // A boundary may be called so, and may hold every character of RFC 2046, two of them within quotes only.
    for (odd, quote) in [("aZ9'()+_-./:=?boundary", ""), ("aZ9 '()+_,-./:=?boundary", "\"")] {
        let body = format!("--{odd}\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--{odd}--\r\n");
        let content_type = format!("multipart/form-data; boundary={quote}{odd}{quote}");
        let (multipart, error) = parse(content_type.as_bytes(), body.as_bytes(), &Limits::default());
        let flags = Flags { boundary_quoted: !quote.is_empty(), ..Flags::default() };
        assert_eq!((error, multipart.flags), (None, flags));
    }
}

#[test]
fn a_quoted_boundary_is_not_quoted_in_the_body() {
    let body = b"--\"XX\"\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--\"XX\"--\r\n";
    let (_, error) = parse(b"multipart/form-data; boundary=\"XX\"", body, &Limits::default());
    assert_eq!(error.expect("an error").message, "invalid boundary (quotes) at offset 0");
}

#[test]
fn no_more_parts_than_allowed() {
    let limits = Limits { parts: 2, ..Limits::default() };
    let part = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
    let body = |parts: usize| format!("{}--XX--\r\n", part.repeat(parts)).into_bytes();
    let (two, three) = (body(2), body(3));
    let (multipart, error) = parse(TYPE, &two, &limits);
    assert_eq!((multipart.parts.len(), error), (2, None));
    let (multipart, error) = parse(TYPE, &three, &limits);
    assert_eq!(multipart.parts.len(), 2);
    assert!(multipart.flags.file_limit_exceeded && error.is_some());
}
