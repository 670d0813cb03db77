//! Large bodies: held whole, inspected, and forwarded as they came.

use portcullis_testkit::{h2_exchange, http::Request};

use crate::support::{assert_refusal, checksum, curl, house, url};

const FIVE_MIB: usize = 5 << 20;

/// Bytes that differ everywhere and are no attack.
fn clean_bytes(size: usize) -> Vec<u8> {
    (0..size).map(|index| b"abcdefghijklmnopqrstuvwxyz012345"[(index * 7 + index / 251) % 32]).collect()
}

fn expected(body: &[u8]) -> String {
    format!("POST /upload {} {}", body.len(), checksum(body))
}

#[test]
fn five_mebibytes_arrive_intact_over_http1_by_length_and_in_chunks() {
    let house = house(|_| {});
    let body = clean_bytes(FIVE_MIB);
    let head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\n";
    let mut wire = house.edge.client().connect().unwrap();
    wire.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    wire.send(&body).unwrap();
    assert_eq!(wire.answer().unwrap().text(), expected(&body));

    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    for chunk in body.chunks(60_000) {
        wire.send(format!("{:x}\r\n", chunk.len()).as_bytes()).unwrap();
        wire.send(chunk).unwrap();
        wire.send(b"\r\n").unwrap();
    }
    wire.send(b"0\r\n\r\n").unwrap();
    assert_eq!(wire.answer().unwrap().text(), expected(&body));
    let requests = house.upstream.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body == body));
}

#[test]
fn five_mebibytes_arrive_intact_over_http2() {
    let house = house(|_| {});
    let body = clean_bytes(FIVE_MIB);
    for declared in [true, false] {
        let mut request =
            Request::post(url(&house.edge, "/upload")).header("content-type", "application/octet-stream");
        if declared {
            request = request.header("content-length", body.len());
        }
        let request = request.header("user-agent", "test").header("accept", "*/*").body(()).unwrap();
        let answer = h2_exchange(&house.edge.client(), request, &body).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer.body), expected(&body), "declared: {declared}");
    }
}

#[test]
fn curl_uploads_by_length_and_in_chunks() {
    let house = house(|_| {});
    let body = clean_bytes(FIVE_MIB);
    let file = house.edge.dir().join("body");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    let target = url(&house.edge, "/upload");
    let kind = ["--header", "Content-Type: application/octet-stream"];
    for extra in [&["--http1.1"][..], &["--http1.1", "--header", "Transfer-Encoding: chunked"], &["--http2"]]
    {
        let mut arguments = extra.to_vec();
        arguments.extend(kind);
        arguments.extend(["--data-binary", &data, &target]);
        let (status, text) = curl(&house.edge, &arguments);
        assert_eq!((status, text), (200, expected(&body)), "{extra:?}");
    }
}

#[test]
fn an_attack_at_the_end_of_a_long_body_is_seen_and_nothing_arrives() {
    let house = house(|_| {});
    let padding = "a".repeat(200_000);
    let body = format!("{{\"padding\":\"{padding}\",\"q\":\"<script>alert(1)</script>\"}}");
    let answer =
        house.edge.client().exchange(&crate::support::post("/upload", "application/json", &body)).unwrap();
    assert_refusal(&answer, 403);
    assert_eq!(house.upstream.bytes().len(), 0);
}

#[test]
fn a_body_beyond_the_limit_is_413_by_declaration_and_by_count() {
    let house = house(|config| config.limits = "body_bytes = \"1MiB\"".to_owned());
    let head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\n";
    let declared = format!("{head}Content-Length: {FIVE_MIB}\r\n\r\n");
    assert_refusal(&house.edge.client().exchange(declared.as_bytes()).unwrap(), 413);
    let mut wire = house.edge.client().connect().unwrap();
    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    for chunk in clean_bytes(2 << 20).chunks(64 << 10) {
        // The edge may answer and close before all is sent.
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        if wire.send(&bytes).is_err() {
            break;
        }
    }
    assert_refusal(&wire.answer().unwrap(), 413);
    assert_eq!(house.upstream.bytes().len(), 0);
}
