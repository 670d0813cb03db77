//! Backends that are gone, lie about who they are, or answer nonsense.

use std::{sync::Arc, time::Duration};

use portcullis_testkit::{Authority, Leaf, RecordingUpstream, Reply};

use crate::support::{House, assert_refusal, house, house_with};

fn with_leaf(trusted: &Authority, leaf: &Leaf) -> House {
    let upstream = RecordingUpstream::with_leaf(leaf, |_| Reply::new(200, "never")).unwrap();
    house_with(trusted, Arc::new(upstream), |_| {})
}

#[test]
fn a_killed_backend_is_502_with_hsts() {
    let house = house(|_| {});
    assert_eq!(house.edge.client().get("/").unwrap().status, 200);
    house.upstream.stop();
    std::thread::sleep(Duration::from_millis(200));
    assert_refusal(&house.edge.client().get("/").unwrap(), 502);
    let line = house.edge.access().wait_for(|line| line["status"] == 502).unwrap();
    assert!(line["refusal"].is_string(), "{line}");
}

#[test]
fn a_certificate_that_is_not_the_backends_is_502_and_nothing_is_sent() {
    let (known, stranger) = (Authority::new("known"), Authority::new("stranger"));
    for (what, leaf) in [
        ("a stranger's", stranger.leaf(&["backend.test"])),
        ("an expired", known.expired_leaf(&["backend.test"])),
        ("another name's", known.leaf(&["other.test"])),
    ] {
        let house = with_leaf(&known, &leaf);
        println!("{what} certificate");
        assert_refusal(&house.edge.client().get("/").unwrap(), 502);
        assert!(house.upstream.bytes().is_empty(), "{what} certificate");
    }
}

#[test]
fn a_backend_that_answers_nonsense_or_nothing_is_502() {
    let authority = Authority::new("known");
    for raw in ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"] {
        let upstream =
            RecordingUpstream::tls(&authority, &["backend.test"], move |_| Reply::raw(raw)).unwrap();
        let house = house_with(&authority, Arc::new(upstream), |_| {});
        let answer = house.edge.client().get("/");
        match raw {
            // The head was forwarded before the body failed: a broken connection tells the client.
            raw if raw.starts_with("HTTP") && answer.is_err() => {}
            _ => assert_refusal(&answer.unwrap(), 502),
        }
    }
}

#[test]
fn answers_arrive_as_the_backend_framed_them() {
    let authority = Authority::new("known");
    let upstream =
        RecordingUpstream::tls(&authority, &["backend.test"], |request| match request.target.as_str() {
            "/chunked" => {
                Reply::new(200, "x".repeat(100_000)).header("content-type", "text/html").chunked(7_000)
            }
            "/close" => Reply::new(200, "until the end").header("content-type", "text/html").until_close(),
            "/slow" => Reply::new(200, "late").after(Duration::from_millis(300)),
            "/404" => Reply::new(404, "nothing here").header("content-type", "text/plain"),
            _ => Reply::new(204, ""),
        })
        .unwrap();
    let house = house_with(&authority, Arc::new(upstream), |_| {});
    let client = house.edge.client();
    assert_eq!(client.get("/chunked").unwrap().body, "x".repeat(100_000).into_bytes());
    assert_eq!(client.get("/close").unwrap().text(), "until the end");
    assert_eq!(client.get("/slow").unwrap().text(), "late");
    let missing = client.get("/404").unwrap();
    assert_eq!((missing.status, missing.text().as_str()), (404, "nothing here"));
    assert!(missing.header("strict-transport-security").is_some());
    assert_eq!(client.get("/empty").unwrap().status, 204);
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let house = house(|_| {});
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\nAccept: */*\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-End: 2\r\n\r\n";
    assert_eq!(house.edge.client().exchange(request.as_bytes()).unwrap().status, 200);
    let received = house.upstream.requests().remove(0);
    assert_eq!(received.header("x-end").as_deref(), Some("2"));
    assert_eq!(received.header("x-hop"), None);
    assert_eq!(received.header("keep-alive"), None);
}
