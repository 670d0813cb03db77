//! Rules of anybody's making: they compile or are refused with words that can be drawn, and what compiles runs a request to its end, on
//! the compiled engine as on the plain one. Input: a rule file. What a rule file may cost is its author's business; that it ends is ours.

use portcullis_diag::{Diagnostic, Sources, render};
use portcullis_seclang::{MemoryLoader, parse};

use super::{
    seclang::{PIECES, SEEDS},
    transaction::{Exchange, Pair, run_exchange},
};
use crate::{Target, message::message};

pub(super) const TARGET: Target = Target { name: "rules", run, seeds: SEEDS, pieces: PIECES };

const REQUEST: &[u8] = b"POST /a/b.php?x=1&y=%3Cscript%3E HTTP/1.1\nHost: a.example\nContent-Type: application/json\nCookie: a=b; c=d\n\n{\"a\":[1,\"x' or 1=1\"]}";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<html>root:x:0:0:</html>";

fn run(input: &[u8]) {
    let loader = MemoryLoader::new()
        .with("x/a.conf", &b"SecMarker A\n"[..])
        .with("a.data", &b"alpha\nbeta\n# comment\n10.0.0.0/8\n"[..]);
    let mut sources = Sources::new();
    let parsed = parse("fuzz.conf", input, &loader, &mut sources);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        return;
    }
    let (pair, diagnostics) = Pair::of(&parsed.document, &sources, &loader);
    for diagnostic in &diagnostics {
        assert!(!render(&sources, diagnostic).is_empty());
    }
    assert_eq!(pair.is_none(), diagnostics.iter().any(Diagnostic::is_error));
    if let Some(pair) = pair {
        let exchange = Exchange { request: message(REQUEST), response: Some(message(RESPONSE)) };
        run_exchange(&pair, &exchange);
    }
}
