//! HTTP/2 floods end in GOAWAY, one by one of the frames that cost us and bring nothing; ordinary clients go on.

use portcullis_testkit::{Frame, H2Wire, RecordingUpstream, Reply, header_block};

use crate::site::{NAME, Site};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const FIELDS: [(&str, &[u8]); 4] =
    [(":method", b"POST"), (":scheme", b"https"), (":authority", b"edge.test"), (":path", b"/a")];

type Flood = fn(&mut H2Wire, u32) -> std::io::Result<()>;

/// Each sends one more of its frames; the number begins with zero.
const FLOODS: [(&str, Flood); 10] = [
    ("streams taken back", |wire, number| {
        wire.send_headers(2 * number + 1, &FIELDS, true)?;
        wire.send_frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8])
    }),
    ("streams taken back with their body unsent", |wire, number| {
        wire.send_headers(2 * number + 1, &FIELDS, false)?;
        wire.send_frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8])
    }),
    ("pings", |wire, _| wire.send_frame(PING, 0, 0, &[0; 8])),
    ("answers to pings that nobody sent", |wire, _| wire.send_frame(PING, 1, 0, &[0; 8])),
    ("settings", |wire, _| wire.send_frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
    ("priorities", |wire, _| wire.send_frame(2, 0, 1, &[0, 0, 0, 0, 1])),
    ("empty data", |wire, number| match number {
        0 => wire.send_headers(1, &FIELDS, false),
        _ => wire.send_frame(0, 0, 1, &[]),
    }),
    ("continuations", |wire, number| match number {
        0 => wire.send_frame(HEADERS, 0, 1, &header_block(&FIELDS)),
        _ => wire.send_frame(CONTINUATION, 0, 1, &header_block(&[("x", b"y")])),
    }),
    ("empty continuations", |wire, number| match number {
        0 => wire.send_frame(HEADERS, 0, 1, &header_block(&FIELDS)),
        _ => wire.send_frame(CONTINUATION, 0, 1, &[]),
    }),
    ("windows by the byte", |wire, _| wire.send_frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
];

fn goaway(frames: &[Frame]) -> Option<u32> {
    let last = frames.iter().rev().find(|frame| frame.kind == GOAWAY)?;
    let code = last.payload.get(4..8)?;
    Some(u32::from_be_bytes([code[0], code[1], code[2], code[3]]))
}

#[test]
fn floods_end_in_goaway() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::with(&backend, |config, _| {
        config.limits.h2_resets = 20;
        config.limits.h2_control_frames = 100;
    });
    for (name, flood) in FLOODS {
        let mut wire = H2Wire::connect(&site.client()).expect("connected");
        // Whoever floods does not stop because the other side has had enough.
        let sent = (0..20_000).take_while(|number| flood(&mut wire, *number).is_ok()).count();
        assert!(sent < 20_000, "{name}: all of them were taken");
        let frames = wire.until(|_| false).unwrap_or_default();
        if let Some(code) = goaway(&frames) {
            // ENHANCE_YOUR_CALM, or PROTOCOL_ERROR where the library had enough first.
            assert!(matches!(code, 11 | 1), "{name}: {code}");
        }
    }
    // A reset may overtake the GOAWAY of whoever does not read; what the edge made of each flood stands in its numbers.
    let metrics = site.metrics();
    let counted = |reason: &str| -> usize {
        let start = format!("portcullis_refusals_total{{reason=\"{reason}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0)
    };
    assert!(counted("h2_flood") + counted("h2_connection_error") >= FLOODS.len(), "{metrics}");
    site.access().wait_for(|line| line["refusal"] == "h2_flood").expect("an access line");
    assert_eq!(site.client().get("/").expect("an answer").status, 200);
}

#[test]
fn whoever_reads_sees_the_goaway() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::with(&backend, |config, _| config.limits.h2_control_frames = 100);
    let mut wire = H2Wire::connect(&site.client()).expect("connected");
    // In one piece: who closes with something unread sends a reset, which can overtake the GOAWAY.
    let ping = [0, 0, 8, PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    wire.send(&ping.repeat(150)).expect("sent");
    assert_eq!(goaway(&wire.until(|frame| frame.kind == GOAWAY).expect("frames")), Some(11));
}

#[test]
fn what_browsers_do_is_no_flood() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let mut wire = H2Wire::connect(&site.client()).expect("connected");
    for stream in (1..60).step_by(2) {
        wire.send_headers(stream, &FIELDS, true).expect("sent");
        wire.send_frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]).expect("sent");
        wire.send_frame(PING, 0, 0, &[0; 8]).expect("sent");
    }
    for stream in (61..120).step_by(2) {
        wire.send_headers(stream, &FIELDS, true).expect("sent");
        wire.send_frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]).expect("sent");
    }
    wire.send_headers(121, &FIELDS, true).expect("sent");
    let frames = wire
        .until(|frame| frame.kind == GOAWAY || (frame.stream == 121 && frame.flags & END_STREAM != 0))
        .expect("frames");
    assert_eq!(goaway(&frames), None);
    assert!(frames.iter().any(|frame| frame.status() == Some(200)), "{frames:?}");
}

#[test]
fn a_header_block_that_does_not_end_is_cut_at_the_deadline_of_a_head() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let block = header_block(&FIELDS);
    let starts: [(&str, Vec<u8>); 2] = [
        ("no END_HEADERS", {
            let mut bytes = vec![0, 0, u8::try_from(block.len()).expect("short"), HEADERS, 0, 0, 0, 0, 1];
            bytes.extend_from_slice(&block);
            bytes
        }),
        ("half a frame", vec![0, 0, 100, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x82]),
    ];
    for (name, start) in starts {
        let mut wire = H2Wire::connect(&site.client()).expect("connected");
        wire.send(&start).expect("sent");
        let frames = wire.until(|frame| frame.kind == GOAWAY).expect("frames");
        assert!(goaway(&frames).is_some(), "{name}: {frames:?}");
    }
    site.access().wait_for(|line| line["refusal"] == "head_timeout").expect("an access line");
}

#[test]
fn authorities_that_differ_are_told_so_by_us() {
    let backend = RecordingUpstream::plain(|_| Reply::new(200, "ok")).expect("a backend");
    let site = Site::before(&backend);
    let request = http::Request::get(format!("https://{NAME}/a"))
        .header("host", "other.test")
        .body(())
        .expect("a request");
    let answer = portcullis_testkit::h2_exchange(&site.client(), request, b"").expect("an answer");
    assert_eq!(answer.status, 400);
    assert!(answer.header("strict-transport-security").is_some());
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    let id = answer.header("x-request-id").expect("an id");
    let line = site.access().wait_for(|line| line["request_id"] == id.as_str()).expect("an access line");
    assert_eq!((&line["refusal"], &line["path"]), (&"bad_host".into(), &"/a".into()));
    assert_eq!(backend.connections(), 0);
}
