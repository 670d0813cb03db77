//! The requests themselves: what a browser, an API client, a form, an upload and four attackers send.

use super::{Exchange, Text};

pub(super) fn all() -> Vec<Exchange> {
    let get = |name, target: &str, refused_from| {
        exchange(name, "GET", target, browser(&[]), Text::default(), refused_from)
    };
    let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let multipart_type = format!("multipart/form-data; boundary={boundary}");
    // Payloads of the attacks are those of CRS's own tests 942100-1, 941110-2, 932160-1 and 930120-1.
    vec![
        get(
            "get_browser",
            "/accounts/«d4»/transactions?page=«d1»&limit=50&sort=date&order=desc&from=20«d2»-01-0«d1»",
            Some(5),
        ),
        json("json_1k", 1_024),
        json("json_10k", 10_240),
        posted("form_post", "/contact", FORM_TYPE, Text::template(FORM), Some(4)),
        posted("multipart_100k", "/files", &multipart_type, multipart(boundary, 100 * 1_024), Some(4)),
        posted("atk_sqli", "/post", FORM_TYPE, Text::plain("var=1234 OR 1=1"), Some(1)),
        get("atk_xss", "/get?x=%3Cscript+%3Ealert(1);%3C/script%3E", Some(1)),
        get("atk_rce", "/get?932160-1=cat%20/etc/passwd", Some(1)),
        get("atk_lfi", "/get/index.php?file=News&op=../../../../../boot.ini%00", Some(1)),
    ]
}

const FORM_TYPE: &str = "application/x-www-form-urlencoded";

const FORM: &str = "first_name=«w5»&last_name=«w6»&email=«w5».«w6»%40example.com&phone=%2B44+20+«d4»+«d4»\
    &address1=«d2»+«w7»+Street&city=«w7»&postcode=BS1+«d1»QA&country=GB&company=«w6»+Systems\
    &message=Please+call+me+back+about+the+«w7»+«w7»&newsletter=1&csrf_token=«h32»";

fn exchange(
    name: &'static str,
    method: &'static str,
    target: &str,
    headers: Vec<(&'static str, Text)>,
    body: Text,
    refused_from: Option<u8>,
) -> Exchange {
    let answer = invoice(1_024);
    let length = answer.bytes.len().to_string();
    Exchange {
        name,
        refused_from: refused_from.filter(|level| *level <= 4),
        method,
        target: Text::template(target),
        headers,
        body,
        response_headers: vec![
            ("Content-Type", Text::plain("application/json")),
            ("Content-Length", Text::plain(&length)),
            ("Cache-Control", Text::plain("no-store")),
        ],
        response_body: answer,
    }
}

fn browser(more: &[(&'static str, &str)]) -> Vec<(&'static str, Text)> {
    let fields = [
        ("Host", "www.example.com"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        ),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept-Language", "en-GB,en;q=0.9"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Referer", "https://www.example.com/accounts/overview"),
        ("DNT", "1"),
        ("Upgrade-Insecure-Requests", "1"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Cookie", "session=«h32»; theme=dark; lang=en; _ga=GA1.2.1«d9».17«d8»; consent=1"),
    ];
    fields.iter().chain(more).map(|(name, value)| (*name, Text::template(value))).collect()
}

fn posted(
    name: &'static str,
    target: &str,
    content_type: &str,
    body: Text,
    refused_from: Option<u8>,
) -> Exchange {
    let length = body.bytes.len().to_string();
    let mut more = vec![("Content-Type", content_type), ("Content-Length", &*length)];
    if refused_from != Some(1) {
        more.push(("Origin", "https://www.example.com"));
    }
    exchange(name, "POST", target, browser(&more), body, refused_from)
}

fn json(name: &'static str, size: usize) -> Exchange {
    let fields = [
        ("Host", "api.example.com"),
        ("User-Agent", "acme-client/2.4.1"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip"),
        ("Authorization", "Bearer «b36».«b240».«b43»"),
        ("Content-Type", "application/json"),
        ("X-Request-Id", "«h8»-«h4»-«h4»-«h4»-«h12»"),
        ("Content-Length", &size.to_string()),
    ];
    let headers = fields.iter().map(|(name, value)| (*name, Text::template(value))).collect();
    exchange(name, "POST", "/companies/«h4»/push/invoices", headers, invoice(size), Some(3))
}

/// A JSON document of exactly so many bytes, more than 400 of them.
fn invoice(size: usize) -> Text {
    let mut text = Text::template(
        "{\"companyId\":\"«h8»-«h4»-«h4»-«h4»-«h12»\",\"type\":\"invoice\",\"currency\":\"GBP\",\
        \"issueDate\":\"2026-03-1«d1»T09:3«d1»:00Z\",\"customerRef\":{\"id\":\"CUST-«d4»\",\"companyName\":\"«w8» Trading Ltd\"},\
        \"status\":\"Submitted\",\"lineItems\":[",
    );
    let tail = "],\"note\":\"";
    let end = "\"}";
    loop {
        let before = text.clone();
        if text.bytes.last() == Some(&b'}') {
            text.push(",");
        }
        text.push(
            "{\"description\":\"«w7» «w8» «w6»\",\"quantity\":3«d1»,\"unitAmount\":4«d2».1«d1»,\"taxRateRef\":{\"id\":\"T«d1»\"},\
            \"accountRef\":{\"id\":\"«h8»\"},\"isBilled\":true}",
        );
        if text.bytes.len() + tail.len() + end.len() > size {
            text = before;
            break;
        }
    }
    text.push(tail);
    let mut left = size.saturating_sub(text.bytes.len() + end.len());
    while left > 0 {
        let word = left.min(8);
        text.push(&format!("«w{}»{}", word.saturating_sub(1), if word == 8 { " " } else { "s" }));
        left -= word;
    }
    text.push(end);
    text
}

/// Two fields and a file of so many bytes.
fn multipart(boundary: &str, size: usize) -> Text {
    let part = |head: &str| format!("--{boundary}\r\nContent-Disposition: form-data; name={head}\r\n\r\n");
    let mut text = Text::template(&format!(
        "{}March «w7»\r\n{}1«d4»\r\n{}",
        part("\"title\""),
        part("\"account\""),
        part("\"file\"; filename=\"statement.csv\"\r\nContent-Type: text/csv"),
    ));
    let begin = text.bytes.len();
    while text.bytes.len() - begin < size {
        text.push("2026-03-1«d1»,«w7»,«w6»,4«d3».«d2»,GBP\r\n");
    }
    text.push(&format!("--{boundary}--\r\n"));
    text
}
