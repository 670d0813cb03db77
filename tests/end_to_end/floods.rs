//! Floods of HTTP/2 frames: each connection ends, the process does not grow, and ordinary clients go on.

use std::time::Duration;

use portcullis_testkit::{H2Wire, header_block};

use crate::support::{House, house};

/// Frames that each connection tries to send.
const FRAMES: u32 = 5_000;

/// What a round may leave behind when the rounds before it have filled every pool: nothing, and what an allocator keeps.
const SLACK_KIB: usize = 16 << 10;

const FIELDS: [(&str, &[u8]); 4] =
    [(":method", b"POST"), (":scheme", b"https"), (":authority", b"localhost"), (":path", b"/a")];

type Flood = fn(&mut H2Wire, u32) -> std::io::Result<()>;

const FLOODS: [Flood; 5] = [
    |wire, number| {
        wire.send_headers(2 * number + 1, &FIELDS, true)?;
        wire.send_frame(3, 0, 2 * number + 1, &[0, 0, 0, 8])
    },
    |wire, _| wire.send_frame(6, 0, 0, &[0; 8]),
    |wire, _| wire.send_frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]),
    |wire, number| match number {
        0 => wire.send_frame(1, 0, 1, &header_block(&FIELDS)),
        _ => wire.send_frame(9, 0, 1, &header_block(&[("x", &[b'y'; 100])])),
    },
    |wire, number| match number {
        0 => wire.send_headers(1, &FIELDS, false),
        _ => wire.send_frame(0, 0, 1, &[]),
    },
];

fn round(house: &House) {
    for flood in FLOODS {
        for _ in 0..4 {
            let mut wire = H2Wire::connect(&house.edge.client()).unwrap();
            let is_cut = (0..FRAMES).any(|number| flood(&mut wire, number).is_err());
            let _ = wire.until(|_| false);
            assert!(is_cut || is_ended(&mut wire), "a connection outlives its flood");
        }
    }
}

/// Whether the edge has ended a connection. A fast client has sent all of a flood before it can hear of that: what it sends later fails,
/// few frames as it is.
fn is_ended(wire: &mut H2Wire) -> bool {
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        wire.send_frame(6, 0, 0, &[0; 8]).is_err()
    })
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn floods_leave_no_memory_behind() {
    let house = house(|config| config.limits = "h2_resets = 50\nh2_control_frames = 200".to_owned());
    round(&house);
    let before = resident(house.edge.pid());
    for _ in 0..4 {
        round(&house);
    }
    let after = resident(house.edge.pid());
    println!("{before} KiB before four rounds, {after} KiB after");
    assert!(after < before + SLACK_KIB, "{before} KiB before, {after} KiB after");
    assert_eq!(house.edge.client().get("/").unwrap().status, 200);
}
