//! TLS as clients see it.

use std::process::{Command, Stdio};

use portcullis_testkit::{Client, Edge};

use crate::support::{curl, house, url};

fn s_client(edge: &Edge, arguments: &[&str]) -> String {
    let authority = edge.authority_file().unwrap();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &edge.https().to_string(), "-CAfile"])
        .arg(authority)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed by ./test");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn versions_and_protocols() {
    let house = house(|_| {});
    let edge = &house.edge;
    assert!(s_client(edge, &["-tls1_3", "-servername", "localhost"]).contains("Verify return code: 0"));
    assert!(s_client(edge, &["-tls1_2", "-servername", "localhost"]).contains("Verify return code: 0"));
    assert!(s_client(edge, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).contains("Cipher is (NONE)"));
    assert!(s_client(edge, &["-alpn", "h2,http/1.1"]).contains("ALPN protocol: h2"));
    assert!(s_client(edge, &["-alpn", "http/1.1"]).contains("ALPN protocol: http/1.1"));
    // A client without SNI gets the default certificate.
    assert!(s_client(edge, &["-noservername"]).contains("Verify return code: 0"));
}

#[test]
fn an_address_in_the_url_is_served() {
    let house = house(|_| {});
    let target = url(&house.edge, "/").replace("localhost", "127.0.0.1");
    assert_eq!(curl(&house.edge, &[&target]).0, 200);
}

#[test]
fn plaintext_on_the_tls_port_is_closed_and_does_not_disturb_others() {
    let house = house(|_| {});
    let plain = Client::plain(house.edge.https());
    let mut wire = plain.connect().unwrap();
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let rest = wire.rest().unwrap_or_default();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    assert_eq!(house.edge.client().get("/").unwrap().status, 200);
}
