//! What every topic starts from.

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use portcullis_testkit::{Answer, Authority, Backend, Edge, EdgeConfig, RecordingUpstream, Reply};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_portcullis");

/// An edge, its backend over TLS, and the authority that signed the backend's certificate.
pub(crate) struct House {
    pub(crate) edge: Edge,
    pub(crate) upstream: Arc<RecordingUpstream>,
}

/// A backend that tells what it got: the answer is `METHOD target LENGTH CHECKSUM`.
pub(crate) fn telling(authority: &Authority) -> RecordingUpstream {
    RecordingUpstream::tls(authority, &["backend.test"], |request| {
        let text = format!(
            "{} {} {} {}",
            request.method,
            request.target,
            request.body.len(),
            checksum(&request.body)
        );
        Reply::new(200, text).header("content-type", "text/plain")
    })
    .expect("a backend")
}

/// The embedded rules in front of a telling backend.
pub(crate) fn house(change: impl FnOnce(&mut EdgeConfig)) -> House {
    let authority = Authority::new("backend authority");
    let upstream = Arc::new(telling(&authority));
    house_with(&authority, upstream, change)
}

/// The same in front of this backend, whose certificate must be signed by `trusted`.
pub(crate) fn house_with(
    trusted: &Authority,
    upstream: Arc<RecordingUpstream>,
    change: impl FnOnce(&mut EdgeConfig),
) -> House {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ca = trusted.write(dir.path(), "backend-ca").expect("a file");
    let mut config = EdgeConfig::with_backend(Backend::tls("backend", &upstream, &ca, "backend.test"));
    change(&mut config);
    let edge = Edge::start(Path::new(BINARY), config)
        .unwrap_or_else(|start| panic!("not ready ({:?}):\n{}", start.status, start.log));
    // Reloads read the file again.
    let _ = dir.keep();
    House { edge, upstream }
}

/// A checksum that two sides can compare.
pub(crate) fn checksum(body: &[u8]) -> String {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in body {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{state:016x}")
}

/// `curl` with the edge's authority, silent, ten seconds at most; the body follows `STATUS CONTENT-TYPE HTTP-VERSION\n`.
pub(crate) fn curl(edge: &Edge, arguments: &[&str]) -> (u16, String) {
    let authority = edge.authority_file().expect("a file");
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "10", "--cacert"])
        .arg(authority)
        .args(["--output", "-", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is installed by ./test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
    (status.trim().parse().unwrap_or(0), body.to_owned())
}

/// The edge's URL with this path.
pub(crate) fn url(edge: &Edge, path: &str) -> String {
    format!("https://localhost:{}{path}", edge.https().port())
}

/// The binary with these arguments, run to its end.
pub(crate) fn portcullis(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().expect("the binary runs")
}

/// A request with a body.
pub(crate) fn post(target: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Asserts what every answer of our own must be: RFC 9457, HSTS, a request id, and nothing that tells which rule or which server.
pub(crate) fn assert_refusal(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    assert!(answer.header("strict-transport-security").is_some(), "no HSTS on {status}");
    assert!(answer.header("x-request-id").is_some(), "no request id on {status}");
    assert!(answer.header("server").is_none(), "{:?}", answer.header("server"));
    let text = answer.text();
    let problem: serde_json::Value = serde_json::from_str(&text).expect("a JSON body");
    assert_eq!(problem["status"], status);
    for telling in ["949110", "94110", "94210", "paranoia", "OWASP", "pingora", "Pingora"] {
        assert!(!text.contains(telling), "{text}");
    }
}
