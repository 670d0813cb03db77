//! Families of whole messages: many values, deep values, many fields.

use super::{Attack, Makers, VALUE, form, sent};

/// The deepest JSON that is read.
const DEPTH: usize = 500;
/// The most arguments that are read.
const ARGUMENTS: usize = 990;
/// The size of a body, in bytes.
const BODY: usize = 64 << 10;

pub(super) fn add(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    arguments(makers, attacks);
    json(makers, attacks);
    xml(makers, attacks);
    multipart(makers, attacks);
    fields(makers, attacks);
}

fn arguments(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let short: Vec<u8> = (0..ARGUMENTS).flat_map(|at| format!("a{at}=b&").into_bytes()).collect();
    attacks.push(form("many arguments", 0, "short ones".to_owned(), short));
    for (number, length) in [(1, 8), (2, 24), (3, 60)] {
        let mut body = Vec::new();
        for at in 0..ARGUMENTS {
            body.extend(format!("n{at}").into_bytes());
            for part in [&b"'"[..], b"="] {
                body.extend_from_slice(part);
            }
            for byte in makers.fragments(length, b" ") {
                body.extend(format!("%{byte:02x}").into_bytes());
            }
            body.push(b'&');
        }
        attacks.push(form("many arguments", number, format!("fragments of {length} bytes"), body));
    }
}

fn json(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let mut push = |number, made_of: &str, body: String| {
        attacks.push(sent("json", number, made_of.to_owned(), "application/json", body.into_bytes()));
    };
    push(0, "deep arrays", format!("{}1{}", "[".repeat(DEPTH), "]".repeat(DEPTH)));
    push(1, "deep objects", format!("{}1{}", "{\"a\":".repeat(DEPTH), "}".repeat(DEPTH)));
    let wide = "[1,2,\"or 1=1\"],".repeat(300);
    push(2, "wide and deep", format!("{}[{wide}0]{}", "[".repeat(100), "]".repeat(100)));
    push(3, "many numbers", format!("[{}1]", "1,".repeat(980)));
    let values: Vec<String> =
        (0..480).map(|at| format!("\"k{at}'\":{}", quoted(&makers.fragments(60, b" ")))).collect();
    push(4, "fragments", format!("{{{}}}", values.join(",")));
    push(5, "one escaped string", format!("{{\"a\":\"{}\"}}", "\\u0027\\u006f\\u0072 ".repeat(VALUE / 19)));
    let names: Vec<String> =
        (0..400).map(|_| format!("{}:1", quoted(&makers.fragments(100, b"_")))).collect();
    push(6, "fragments as names", format!("{{{}}}", names.join(",")));
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\u{byte:04x}")),
        }
    }
    text.push('"');
    text
}

fn xml(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let mut push = |number, made_of: &str, body: Vec<u8>| {
        attacks.push(sent("xml", number, made_of.to_owned(), "application/xml", body));
    };
    push(0, "deep elements", [b"<a>".repeat(200), b"</a>".repeat(200)].concat());
    let attributes: Vec<u8> =
        (0..300).flat_map(|at| format!(" a{at}=\"' or {at}=1\"").into_bytes()).collect();
    push(1, "many attributes", [&b"<a"[..], &attributes, b"/>"].concat());
    let text: Vec<u8> = makers
        .fragments(BODY / 4, b" ")
        .into_iter()
        .filter(|byte| matches!(byte, b' '..=b'~') && !b"<&".contains(byte))
        .collect();
    push(2, "one text", [&b"<a>"[..], &text, b"</a>"].concat());
}

fn multipart(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let content_type = "multipart/form-data; boundary=--------x";
    let mut push = |number, made_of: &str, body: Vec<u8>| {
        attacks.push(sent("multipart", number, made_of.to_owned(), content_type, body));
    };
    let mut parts = Vec::new();
    for at in 0..200 {
        parts.extend(
            format!("----------x\r\nContent-Disposition: form-data; name=\"a{at}\"\r\n\r\n").into_bytes(),
        );
        parts.extend(makers.fragments(100, b" "));
        parts.extend_from_slice(b"\r\n");
    }
    parts.extend_from_slice(b"----------x--\r\n");
    push(0, "many parts", parts);
    let mut lines =
        b"----------x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n".to_vec();
    lines.extend(b"\r\n---------".repeat(BODY / 11));
    lines.extend_from_slice(b"\r\n----------x--\r\n");
    push(1, "lines that nearly are boundaries", lines);
}

fn fields(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let mut push = |number, made_of: &str, more: Vec<(Vec<u8>, Vec<u8>)>| {
        let mut attack = form("fields", number, made_of.to_owned(), Vec::new());
        attack.request.method = b"GET".to_vec();
        attack.request.headers.truncate(3);
        attack.request.headers.extend(more);
        attacks.push(attack);
    };
    let visible =
        |bytes: Vec<u8>| bytes.into_iter().filter(|byte| matches!(byte, b' '..=b'~')).collect::<Vec<u8>>();
    let many =
        (0..90).map(|at| (format!("X-A{at}").into_bytes(), visible(makers.fragments(80, b" ")))).collect();
    push(0, "many", many);
    for (number, name) in [(1, "Referer"), (2, "User-Agent"), (3, "X-A")] {
        push(number, name, vec![(name.as_bytes().to_vec(), visible(makers.fragments(VALUE, b" ")))]);
    }
    let cookies: Vec<u8> = (0..300)
        .flat_map(|at| {
            [format!("c{at}=").into_bytes(), visible(makers.fragments(16, b",")), b"; ".to_vec()].concat()
        })
        .collect();
    push(4, "many cookies", vec![(b"Cookie".to_vec(), cookies)]);
    let mut attack = form("fields", 5, "target".to_owned(), Vec::new());
    attack.request.method = b"GET".to_vec();
    attack.request.headers.truncate(3);
    attack.request.target = b"/".to_vec();
    for byte in makers.fragments(VALUE / 2, b"/") {
        attack.request.target.extend(format!("%{byte:02x}").into_bytes());
    }
    attacks.push(attack);
}
