//! Requests made to be read two ways: each gets its answer, and what reaches the backend is one request for every parser that may
//! stand there.
//!
//! The probes are data (`tests/probes`). The backend keeps its bytes; parsers with one leniency each read them back, and must agree.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use portcullis_testkit::{Frame, H2Wire, RecordingUpstream, Reply};

use crate::{
    lenient::{self, DIALECTS},
    site::{HSTS, NAME, Site},
};

const HTTP1: &str = include_str!("../probes/http1.txt");
const HTTP2: &str = include_str!("../probes/http2.txt");

/// What must be answered as what it is, whatever came before it on its connection.
const CANARY: &str = "GET /canary HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n";

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let wanted = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    wanted.map(|line| line.split('|').collect())
}

/// `\r \n \t \0 \\ \xHH` as what they stand for.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'r') => bytes.push(b'\r'),
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'0') => bytes.push(0),
            Some(b'\\') => bytes.push(b'\\'),
            Some(b'x') => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).expect("hex digits");
                bytes.push(u8::from_str_radix(hex, 16).expect("hex digits"));
            }
            other => panic!("no such escape: {other:?}"),
        }
    }
    bytes
}

fn backend() -> RecordingUpstream {
    RecordingUpstream::plain(|request| Reply::new(200, format!("{} {}", request.method, request.target)))
        .expect("a backend")
}

/// Every parser reads as many requests, the same ones, and nothing is left over.
fn one_reading(name: &str, backend: &RecordingUpstream, count: usize) {
    let bytes = backend.bytes();
    let readings: BTreeSet<_> = DIALECTS.iter().map(|dialect| lenient::read(&bytes, dialect)).collect();
    let shown = bytes.escape_ascii();
    assert_eq!(readings.len(), 1, "{name}: parsers disagree over {shown}");
    let reading = readings.first().expect("one");
    assert_eq!(reading.len(), count, "{name}: {shown}");
    for request in reading {
        assert!(request.is_whole, "{name}: {shown}");
        assert_ne!(request.target, "/smuggled", "{name}: {shown}");
        assert_eq!(
            request.host.trim_end_matches('.').to_ascii_lowercase().split(':').next(),
            Some(NAME),
            "{name}: {shown}"
        );
    }
}

fn probe(site: &Site, backend: &RecordingUpstream, line: &[&str]) {
    let [name, statuses, reached, bytes] = line else { panic!("{line:?}: four columns") };
    let (name, reached) = (name.trim(), reached.trim().parse::<usize>().expect("a number"));
    let statuses: Vec<u16> =
        statuses.split_whitespace().map(|status| status.parse().expect("a status")).collect();
    let mut request = unescaped(bytes.strip_prefix(' ').expect("a space behind the last bar"));
    let open = statuses.last() == Some(&200);
    if open {
        request.extend_from_slice(CANARY.as_bytes());
    }
    backend.forget();
    let mut wire = site.client().timeout(Duration::from_secs(5)).connect().expect("connected");
    wire.send(&request).expect("sent");
    for status in &statuses {
        let answer = wire.answer().unwrap_or_else(|error| panic!("{name}: {error} instead of {status}"));
        assert_eq!(answer.status, *status, "{name}: {}", answer.text());
        assert_eq!(answer.header("strict-transport-security").as_deref(), Some(HSTS), "{name}");
    }
    if open {
        assert_eq!(wire.answer().expect(name).text(), "GET /canary", "{name}");
    }
    let more = wire.answer_or_end().map_or(None, |answer| answer.map(|answer| answer.status));
    assert_eq!(more, None, "{name}: one answer too many");
    one_reading(name, backend, reached + usize::from(open));
}

#[test]
fn http1_is_read_one_way() {
    let backend = backend();
    let site = Site::before(&backend);
    let (mut count, mut failed) = (0, Vec::new());
    for line in lines(HTTP1) {
        let holds = catch_unwind(AssertUnwindSafe(|| probe(&site, &backend, &line)));
        failed.extend(holds.is_err().then_some(line[0]));
        count += 1;
    }
    assert!(failed.is_empty(), "of {count} probes failed: {failed:?}");
    assert!(count >= 100, "{count} probes");
}

fn probe_http2(site: &Site, backend: &RecordingUpstream, line: &[&str]) {
    let [name, expected, reached, fields, body] = line else { panic!("{line:?}: five columns") };
    let (name, expected) = (name.trim(), expected.trim());
    let fields: Vec<(String, Vec<u8>)> = fields
        .split(" ; ")
        .map(|field| {
            let (field, value) = field.trim().split_once('=').expect("name=value");
            (String::from_utf8(unescaped(field)).expect("text"), unescaped(value))
        })
        .collect();
    let fields: Vec<(&str, &[u8])> =
        fields.iter().map(|(field, value)| (field.as_str(), value.as_slice())).collect();
    let body = unescaped(body.strip_prefix(' ').unwrap_or(body));
    backend.forget();
    let mut wire = H2Wire::connect(&site.client()).expect("connected");
    wire.send_headers(1, &fields, body.is_empty()).expect("sent");
    if !body.is_empty() {
        // A stream that was reset by then is no fault of this probe.
        let _ = wire.send_frame(0, 1, 1, &body);
    }
    let frames = wire
        .until(|frame| frame.kind == 7 || (frame.stream == 1 && (frame.kind == 3 || frame.flags & 1 == 1)))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let status = frames.iter().find(|frame| frame.stream == 1 && frame.kind == 1).and_then(Frame::status);
    let answer = status.map_or("reset".to_owned(), |status| status.to_string());
    assert_eq!(answer, expected, "{name}: {frames:?}");
    one_reading(name, backend, reached.trim().parse().expect("a number"));
}

#[test]
fn http2_is_read_one_way() {
    let backend = backend();
    let site = Site::before(&backend);
    let (mut count, mut failed) = (0, Vec::new());
    for line in lines(HTTP2) {
        let holds = catch_unwind(AssertUnwindSafe(|| probe_http2(&site, &backend, &line)));
        failed.extend(holds.is_err().then_some(line[0]));
        count += 1;
    }
    assert!(failed.is_empty(), "of {count} probes failed: {failed:?}");
    assert!(count >= 15, "{count} probes");
}
