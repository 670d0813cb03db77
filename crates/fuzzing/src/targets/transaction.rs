//! A request and its answer through the rules that the binary carries: it ends, twice in the same way, the compiled engine says what the
//! plain one says, a mode that refuses nothing sees what the other one refuses, and the report keeps to its bounds. Input: a request,
//! `\n===\n`, an answer (which may be missing).

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use portcullis_diag::{Diagnostic, Sources, render};
use portcullis_seclang::{MemoryLoader, ast::Document, parse};
use portcullis_waf::{
    Clock, Collections, Connection, Engine, Mode, Options, Program, Report, RequestHead, Transaction,
    Verdict, limits,
};

use crate::{
    Target,
    message::{Message, cut_at, message},
};

pub(super) const TARGET: Target = Target {
    name: "transaction",
    run,
    seeds: &[
        b"GET /?q=%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1\nHost: a.example\nUser-Agent: curl/8\nAccept: */*\nCookie: a=b; c=\"d\"\n\n",
        b"POST /login HTTP/2.0\nHost: a.example\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 24\n\nuser=a&pw=1'+or+'1'='1--\n===\nHTTP/1.1 200 OK\nContent-Type: text/html\n\nroot:x:0:0:root:/root:/bin/bash",
        b"POST /api HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n{\"a\":[{\"b\":\"../../etc/passwd\"}]}\n===\nHTTP/1.1 500 Oops\nContent-Type: application/json\n\n{}",
        b"PUT /x;y=1/../z HTTP/1.1\nHost: a.example\nContent-Type: text/xml\nTransfer-Encoding: chunked\n\n<a b='$(cat /etc/passwd)'>&lt;x</a>",
        b"POST /upload HTTP/1.1\nHost: a.example\nContent-Type: multipart/form-data; boundary=XX\n\n--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.php\"\r\n\r\n<?php system('id'); ?>\r\n--XX--\r\n",
        b"OPTIONS * HTTP/1.0\n\n",
    ],
    pieces: &[
        b"\n", b"\n\n", b"\n===\n", b"GET ", b"POST ", b" HTTP/1.1\n", b" HTTP/2.0\n", b"Host: ", b"Content-Type: ", b"application/json",
        b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=XX", b"text/xml", b"Content-Length: ", b"Transfer-Encoding: chunked\n",
        b"Cookie: a=", b"Range: bytes=0-", b"Referer: ", b"X-Forwarded-For: ", b"?", b"&", b"=", b"%00", b"%2e%2e%2f", b"%u003c", b"%3C", b"../",
        b"<script>", b"javascript:", b"' or 1=1--", b"union select ", b"; cat /etc/passwd", b"$(id)", b"${jndi:ldap://x}", b"{{7*7}}", b"<?php ",
        b"http://169.254.169.254/", b"\r", b"\0", b"\xff", b"\"", b"{\"a\":", b"--XX\r\n", b"<a>", b"&lt;", b"\\", b"+",
    ],
};

/// A request and the answer to it.
pub(super) struct Exchange<'a> {
    pub(super) request: Message<'a>,
    pub(super) response: Option<Message<'a>>,
}

/// One rule tree for both engines.
pub(super) struct Pair {
    compiled: Arc<Program>,
    plain: Arc<Program>,
}

impl Pair {
    /// What the compiler says of a tree, and the programs if there is one.
    pub(super) fn of(
        document: &Document,
        sources: &Sources,
        loader: &MemoryLoader,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let compile = |engine| {
            let options = Options { engine, ..Options::default() };
            portcullis_waf::compile_with(document, sources, loader, options)
        };
        let compiled = compile(Engine::Compiled);
        let plain = compiled.program.is_some().then(|| compile(Engine::Plain).program).flatten();
        let pair = compiled
            .program
            .zip(plain)
            .map(|(compiled, plain)| Self { compiled: Arc::new(compiled), plain: Arc::new(plain) });
        (pair, compiled.diagnostics)
    }
}

static RULES: LazyLock<Pair> = LazyLock::new(own_rules);

fn run(input: &[u8]) {
    let (request, response) = cut_at(input, b"\n===\n");
    run_exchange(&RULES, &Exchange { request: message(request), response: response.map(message) });
}

/// Runs an exchange in both modes and on both engines, and compares.
pub(super) fn run_exchange(pair: &Pair, exchange: &Exchange<'_>) {
    let (blocked, report) = run_in(&pair.compiled, Mode::Block, false, exchange);
    let (again, same) = run_in(&pair.compiled, Mode::Block, true, exchange);
    assert_eq!(blocked, again);
    assert_eq!(rules_of(&report), rules_of(&same));
    let (plainly, plain) = run_in(&pair.plain, Mode::Block, true, exchange);
    assert_eq!(again, plainly);
    assert_eq!(told(&same), told(&plain));
    let (detected, seen) = run_in(&pair.compiled, Mode::Detect, false, exchange);
    assert_eq!(detected, Verdict::Pass);
    assert!(!seen.enforced);
    assert_eq!(report.enforced, blocked != Verdict::Pass, "{:?} {blocked:?}", report.intervention);
    if let Verdict::Intervene(intervention) = &blocked {
        assert_eq!(report.intervention.as_ref(), Some(intervention));
    }
    for report in [&report, &seen] {
        bounded(report);
    }
}

fn rules_of(report: &Report) -> Vec<(u64, usize)> {
    report.matched.iter().map(|rule| (rule.id, rule.targets.len())).collect()
}

/// Everything that a report says.
fn told(report: &Report) -> String {
    let Report { intervention, enforced, inbound_score, outbound_score, audit_wanted, .. } = report;
    let head = format!("{intervention:?} {enforced} {inbound_score:?} {outbound_score:?} {audit_wanted}\n");
    report.matched.iter().fold(head, |told, rule| told + &format!("{rule:?}\n"))
}

fn run_in(
    program: &Arc<Program>,
    mode: Mode,
    keep_values: bool,
    exchange: &Exchange<'_>,
) -> (Verdict, Report) {
    let connection = Connection {
        client: SocketAddr::from(([192, 0, 2, 7], 4711)),
        server: SocketAddr::from(([198, 51, 100, 1], 443)),
        unique_id: "aZ0123456789".to_owned(),
    };
    let collections = Arc::new(Collections::new(8, 8));
    let mut transaction =
        Transaction::begin(Arc::clone(program), mode, connection, collections, Arc::new(Standing));
    if keep_values {
        transaction.keep_values();
    }
    let verdict = phases(&mut transaction, exchange);
    (verdict, transaction.finish())
}

fn phases(transaction: &mut Transaction, exchange: &Exchange<'_>) -> Verdict {
    let Message { words: [method, target, protocol], headers, body } = &exchange.request;
    let head = RequestHead { method, target, protocol, headers };
    let verdict = transaction.request_head(&head);
    if verdict != Verdict::Pass {
        return verdict;
    }
    let verdict = transaction.request_body(body);
    if verdict != Verdict::Pass {
        return verdict;
    }
    let Some(Message { words: [protocol, status, _], headers, body }) = &exchange.response else {
        return Verdict::Pass;
    };
    let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()).unwrap_or(200);
    let verdict = transaction.response_head(status, protocol, headers);
    if verdict != Verdict::Pass {
        return verdict;
    }
    transaction.response_body(body)
}

/// What the logs are made of: names and numbers, no more of them than the limits say, and nothing that breaks a line.
fn bounded(report: &Report) {
    assert!(report.matched.len() <= limits::MATCHED_RULES);
    for rule in &report.matched {
        assert!(rule.targets.len() <= limits::MATCHED_TARGETS);
        assert!(rule.log_data.is_none() && rule.expanded_message.is_none());
        for target in &rule.targets {
            let variable = target.variable();
            let plain = variable.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            assert!(plain && variable.len() <= limits::NAME_IN_REPORT * 4 + 64, "{variable}");
        }
    }
}

/// A clock that always shows the same time.
struct Standing;

impl Clock for Standing {
    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

/// The engine's defaults and the baseline set.
fn own_rules() -> Pair {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut loader = MemoryLoader::new();
    for directory in ["", "baseline"] {
        for entry in std::fs::read_dir(rules.join(directory)).into_iter().flatten().flatten() {
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if let Ok(text) = std::fs::read(entry.path()) {
                loader.insert(&name, text);
            }
        }
    }
    let mut sources = Sources::new();
    let text = b"Include portcullis.conf\nInclude baseline/*.conf\n";
    let parsed = parse("rules.conf", text, &loader, &mut sources);
    let (pair, diagnostics) = Pair::of(&parsed.document, &sources, &loader);
    let drawn = || -> String {
        let all = parsed.diagnostics.iter().chain(&diagnostics);
        all.map(|diagnostic| render(&sources, diagnostic)).collect()
    };
    match pair {
        Some(pair) if pair.plain.facts().rules > 20 => pair,
        _ => panic!("the rules of this tree do not compile: {}", drawn()),
    }
}
