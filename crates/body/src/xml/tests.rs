use super::*;

fn read(input: &[u8]) -> (String, Vec<String>, Option<String>) {
    let (document, error) = parse(input, &Limits::default());
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    (
        text(&document.text),
        document.attributes.iter().map(|value| text(value)).collect(),
        error.map(|error| error.message),
    )
}

#[test]
fn text_and_attributes() {
    let table: &[(&str, &str, &[&str])] = &[
        ("", "", &[]),
        ("<a/>", "", &[]),
        ("<a>x<b>y</b>z</a>", "xyz", &[]),
        (
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a b='1' c=\"2\"><d e='3'/></a>\n",
            "",
            &["1", "2", "3"],
        ),
        ("<a xmlns='urn:x' xmlns:p='urn:y' p:q='z'/>", "", &["z"]),
        ("<a><![CDATA[<script>&amp;]]></a>", "<script>&amp;", &[]),
        ("<a><!-- hidden --><?php hidden?>x</a>", "x", &[]),
        ("<a>&lt;&gt;&amp;&apos;&quot;&#60;&#x3C;&#x20ac;</a>", "<>&\\'\\\"<<\\xe2\\x82\\xac", &[]),
        ("<a b='&lt;&#x22;&#10;'/>", "", &["<\\\"\\n"]),
        ("<a b = '1' c='\"' d=\"'\" />", "", &["1", "\\\"", "\\'"]),
        ("<a b='1' ></a >", "", &["1"]),
        ("<a b='1\t2\r\n3\n4'/>", "", &["1 2 3 4"]),
        ("<a>1\r\n2\r3\n</a>", "1\\n2\\n3\\n", &[]),
        ("<!DOCTYPE a><a>x</a>", "x", &[]),
        ("<!DOCTYPE a SYSTEM 'http://x/y.dtd'><a b='1'>x</a>", "x", &["http://x/y.dtd", "1"]),
        ("<?xml version='1.1' encoding='ISO-8859-1' standalone='no' ?><a>x</a>", "x", &[]),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>x</a>", "x", &["file:///etc/passwd"]),
        ("<!DOCTYPE a [<!ENTITY e '&f;<'><!ATTLIST a b CDATA '&lt;'>]><a>x</a>", "x", &["&f;<", "<"]),
        ("<!-- c --><a/><!-- d --><?p q?>", "", &[]),
        ("\u{feff}<a>x</a>", "x", &[]),
        ("<\u{e4}:b-1._>x</\u{e4}:b-1._>", "x", &[]),
        ("<a>a > b</a>", "a > b", &[]),
    ];
    for (input, text, attributes) in table {
        let attributes = attributes.iter().map(|value| (*value).to_owned()).collect();
        assert_eq!(read(input.as_bytes()), ((*text).to_owned(), attributes, None), "{input}");
    }
}

#[test]
fn bytes_that_are_no_utf8_stay_as_they_are() {
    let input = b"<?xml version='1.0' encoding='iso-8859-1'?><a b='\xfc'>\xe4&#xe4;</a>";
    assert_eq!(read(input), ("\\xe4\\xc3\\xa4".to_owned(), vec!["\\xfc".to_owned()], None));
    let (_, _, error) = read(b"<a>\xe4\xe4</a><b/>");
    assert_eq!(error.as_deref(), Some("second root element at offset 13"));
    let (_, _, error) = read(b"\xff\xfe<\0a\0/\0>\0");
    assert_eq!(error.as_deref(), Some("character that XML forbids at offset 3"));
}

#[test]
fn errors_keep_what_came_before() {
    let table: &[(&str, &str, &str)] = &[
        (" ", "", "no root element"),
        ("x", "", "text outside of the root element"),
        ("<a>x", "x", "element not closed"),
        ("<a>x</b>", "x", "end tag without its start tag"),
        ("<a>x</a></a>", "x", "end tag without its start tag"),
        ("<a><b>x</a></b>", "x", "end tag without its start tag"),
        ("<a>x</a>y", "x", "text outside of the root element"),
        ("<a>x</a><b/>", "x", "second root element"),
        ("<a/>&lt;", "", "text outside of the root element"),
        ("<a/><![CDATA[x]]>", "", "text outside of the root element"),
        ("<a>x<b", "x", "markup not closed"),
        ("<a>x<!-- ", "x", "markup not closed"),
        ("<a>x<![CDATA[y</a>", "x", "markup not closed"),
        ("<a>x<!-- a -- b --></a>", "x", "`--` inside a comment"),
        ("<a>x&y</a>", "x", "`&` that starts no reference"),
        ("<a>x&undeclared;</a>", "x", "reference to an entity that is not predefined"),
        (
            "<!DOCTYPE a [<!ENTITY e 'boom'>]><a>x&e;</a>",
            "x",
            "reference to an entity that is not predefined",
        ),
        ("<a>x&#0;</a>", "x", "reference to an entity that is not predefined"),
        ("<a>x&#xd800;</a>", "x", "reference to an entity that is not predefined"),
        ("<a>x&#+60;</a>", "x", "reference to an entity that is not predefined"),
        ("<a>x&#x110000;</a>", "x", "reference to an entity that is not predefined"),
        ("<a b='&e;'/>", "", "reference to an entity that is not predefined"),
        ("<a b='&lt'/>", "", "`&` that starts no reference"),
        ("<a b='<'/>", "", "`<` in an attribute"),
        ("<a b='1' b='2'/>", "", "repeated attribute"),
        ("<a b/>", "", "malformed attribute"),
        ("<a b=1/>", "", "malformed attribute"),
        ("<a 1='x'/>", "", "invalid attribute name"),
        ("<1a/>", "", "invalid element name"),
        ("< a/>", "", "invalid element name"),
        ("<a>x]]>y</a>", "", "`]]>` outside of a CDATA section"),
        ("<a>\u{1}</a>", "", "character that XML forbids"),
        (" <?xml version='1.0'?><a/>", "", "XML declaration that is not at the start"),
        ("<?xml encoding='utf-8'?><a/>", "", "malformed XML declaration"),
        ("<?xml version='2.0'?><a/>", "", "malformed XML declaration"),
        ("<?xml version='1.0' version='1.0'?><a/>", "", "malformed XML declaration"),
        ("<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>", "", "malformed XML declaration"),
        ("<?xml version='1.0' encoding=''?><a/>", "", "encoding that is no known superset of ASCII"),
        ("<?xml version='1.0' encoding='utf-81'?><a/>", "", "encoding that is no known superset of ASCII"),
        ("<?xml version='1.0' encoding='iso-8859-'?><a/>", "", "encoding that is no known superset of ASCII"),
        ("<?xml version='1.0'encoding='utf-8'?><a/>", "", "malformed XML declaration"),
        ("<a b='1'c='2'/>", "", "malformed attribute"),
        ("<a b='1'c/>", "", "malformed attribute"),
        ("<?xml version='1.0' hidden='x'?><a/>", "", "malformed XML declaration"),
        ("<?xml?><a/>", "", "malformed XML declaration"),
        ("<a><?p</x> q?></a>", "", "invalid processing instruction"),
        ("<a><?XML q?></a>", "", "invalid processing instruction"),
        ("<a><? q?></a>", "", "invalid processing instruction"),
        (
            "<!DOCTYPE a [<!ATTLIST a b CDATA '&e;'>]><a/>",
            "",
            "reference to an entity that is not predefined",
        ),
        ("<?xml version='1.0' encoding='GBK'?><a>\u{e4}</a>", "", "encoding whose letters hold ASCII bytes"),
        ("<!DOCTYPE><a/>", "", "DOCTYPE without a name"),
        ("<!DOCTYPE 1><a/>", "", "malformed DOCTYPE"),
        ("<!DOCTYPE a b><a/>", "", "malformed DOCTYPE"),
        ("<!DOCTYPE a<><a></a>", "", "malformed DOCTYPE"),
        ("<!DOCTYPE a [<]><a>one</a>'>]><a>two</a>", "", "malformed DOCTYPE"),
        ("<a/><!DOCTYPE a>", "", "DOCTYPE after the root element"),
        ("<?xml version='1.0' encoding='UTF-7'?><a/>", "", "encoding that is no known superset of ASCII"),
        ("<?xml version='1.0' encoding='utf-16'?><a/>", "", "encoding that is no known superset of ASCII"),
        ("<?xml version='1.0' encoding='EBCDIC-US'?><a/>", "", "encoding that is no known superset of ASCII"),
    ];
    for (input, text, message) in table {
        let (found, _, error) = read(input.as_bytes());
        let error = error.unwrap_or_else(|| panic!("no error for {input}"));
        assert!(error.starts_with(message), "{input}: {error}");
        assert_eq!(found, *text, "{input}");
    }
}

#[test]
fn messages_hold_nothing_of_the_document() {
    for input in [
        "<secret>x</hidden>",
        "<secret",
        "<secret a='1' a='2'/>",
        "<a>&secret;</a>",
        "<?xml secret='1'?><a/>",
    ] {
        let (_, _, error) = read(input.as_bytes());
        let error = error.unwrap_or_else(|| panic!("no error for {input}"));
        assert!(!error.contains("secret") && !error.contains("hidden"), "{error}");
    }
}

#[test]
fn depth_and_attributes_are_bounded() {
    let limits = Limits { depth: 2, fields: 2, ..Limits::default() };
    assert_eq!(parse(b"<a><b><c/></b></a>", &limits).1, None);
    assert!(parse(b"<a><b><c></c></b></a>", &limits).1.is_some());
    assert_eq!(parse(b"<a b='1' c='2'/>", &limits).1, None);
    let (document, error) = parse(b"<a b='1' c='2' d='3'/>", &limits);
    assert_eq!(document.attributes.len(), 2);
    assert!(error.expect("an error").message.starts_with("too many attributes"));
}

#[test]
fn encodings_that_can_be_read_byte_by_byte() {
    for (encoding, input, readable) in [
        ("UTF-8", "\u{e4}", true),
        ("iso-8859-15", "\u{e4}", true),
        ("Shift_JIS", "a", true),
        ("Shift_JIS", "\u{e4}", false),
        ("utf-7", "a", false),
        ("utf-16", "a", false),
        ("", "a", false),
        ("\u{e4}", "a", false),
    ] {
        assert_eq!(is_readable_in(encoding.as_bytes(), input.as_bytes()), readable, "{encoding} {input}");
    }
}

#[test]
fn literals_of_a_doctype_are_bounded() {
    let limits = Limits { fields: 2, ..Limits::default() };
    let (document, error) =
        parse(b"<!DOCTYPE a [<!ENTITY e '1'><!ENTITY f '2'><!ENTITY g '3'>]><a/>", &limits);
    assert_eq!(document.attributes.len(), 2);
    assert!(error.expect("an error").message.starts_with("too many literals"));
}

/// Ten lines that would expand to gigabytes.
#[test]
fn entities_do_not_expand() {
    let mut input = "<!DOCTYPE a [<!ENTITY e0 'ha'>".to_owned();
    for n in 1..30 {
        input.push_str(&format!("<!ENTITY e{n} '&e{0};&e{0};'>", n - 1));
    }
    input.push_str("]><a>&e29;</a>");
    let (document, error) = parse(input.as_bytes(), &Limits::default());
    assert!(document.text.is_empty() && error.is_some());
}
