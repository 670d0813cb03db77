//! SIGHUP under load, SIGTERM with requests in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use portcullis_testkit::{Authority, RecordingUpstream, Reply};

use crate::support::{house, house_with};

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Lines about reloads so far. They are told apart from others by the word alone.
fn reports(log: &str) -> usize {
    log.lines().filter(|line| line.to_ascii_lowercase().contains("reload")).count()
}

#[test]
fn ten_reloads_good_and_bad_under_load_fail_no_request() {
    let house = house(|_| {});
    let (stop, sent, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let client = house.edge.client();
                let mut wire = client.connect().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let request =
                        b"GET /load HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\n\r\n";
                    let answer = wire.send(request).and_then(|()| wire.answer());
                    sent.fetch_add(1, Ordering::Relaxed);
                    match answer {
                        Ok(answer) if answer.status == 200 => {
                            if answer.header("connection").is_some_and(|value| value == "close") {
                                wire = client.connect().unwrap();
                            }
                        }
                        other => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            eprintln!("{other:?}");
                            wire = client.connect().unwrap();
                        }
                    }
                }
            });
        }
        for round in 0..10 {
            let before = reports(&house.edge.log());
            match round % 2 {
                0 => house.edge.rewrite(|config| config.after = format!("# round {round}\n")).unwrap(),
                _ => house.edge.rewrite(|config| config.tail = "[nonsense]\nkey = 1\n".to_owned()).unwrap(),
            }
            house.edge.signal("HUP").unwrap();
            wait_until("a word about the reload", || reports(&house.edge.log()) > before);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (sent, failed) = (sent.into_inner(), failed.into_inner());
    println!("{sent} requests during ten reloads");
    assert_eq!(failed, 0);
    assert!(sent > 20);
    // The bad ones said why.
    assert!(house.edge.logged("nonsense"), "{}", house.edge.log());
}

#[test]
fn a_good_reload_takes_effect_and_a_bad_one_keeps_the_old_state() {
    let house = house(|_| {});
    let rule = "SecRule ARGS:word \"@streq xyzzy\" \"id:1000001,phase:1,deny,status:403,log,msg:'magic'\"\n";
    let client = house.edge.client();
    assert_eq!(client.get("/?word=xyzzy").unwrap().status, 200);
    house.edge.rewrite(|config| config.after = rule.to_owned()).unwrap();
    house.edge.signal("HUP").unwrap();
    wait_until("the new rule", || client.get("/?word=xyzzy").unwrap().status == 403);
    let before = reports(&house.edge.log());
    house
        .edge
        .rewrite(|config| config.after = "SecRule ARGS \"@nonsense x\" \"id:1,deny\"\n".to_owned())
        .unwrap();
    house.edge.signal("HUP").unwrap();
    wait_until("a report of the bad rule", || {
        reports(&house.edge.log()) > before && house.edge.logged("after.conf")
    });
    assert_eq!(client.get("/?word=xyzzy").unwrap().status, 403);
}

#[test]
fn sigterm_lets_a_request_in_flight_finish() {
    let authority = Authority::new("backend");
    let upstream = RecordingUpstream::tls(&authority, &["backend.test"], |_| {
        Reply::new(200, "finished").after(Duration::from_millis(800))
    })
    .unwrap();
    let mut house = house_with(&authority, Arc::new(upstream), |_| {});
    let client = house.edge.client();
    let request = thread::spawn(move || client.get("/"));
    thread::sleep(Duration::from_millis(300));
    house.edge.signal("TERM").unwrap();
    let answer = request.join().unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "finished"));
    let status = house.edge.wait(Duration::from_secs(40)).unwrap();
    assert_eq!(status.code(), Some(0));
}
