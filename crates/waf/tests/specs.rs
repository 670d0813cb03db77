//! Runs the literate specifications in `tests/spec/*.md`.
//!
//! Under a heading stand prose and fenced blocks, in this order: `seclang` (rules), then any number of `http` (a request), each
//! optionally followed by `response`, and its `expect`. Words behind `http` change how it is sent: `crlf` ends the body's lines with CRLF,
//! `escaped` reads `\r \n \t \\ \xHH`, `+60` lets so many seconds pass first, `whole` keeps the last line feed of the body. Requests under
//! one heading share the persistent collections. With `diagnostics` instead of requests the rules must be refused with just that text;
//! with `warnings` they must load with just that text.
//!
//! Lines of `expect`: `pass`, `deny 403 by 2 in phase 1`, `drop by ..`, `redirect 302 /x by ..`; `would deny ..` in DetectionOnly;
//! `matched 1 2` (all ids in order; bare `matched` for none), `score 5`, `audit yes`, `target 1 ARGS:a 0+3`, `message 1 text`, `data 1 text`.

mod support;

use std::{fmt::Write, path::Path, sync::Arc, time::Duration};

use portcullis_seclang::MemoryLoader;
use portcullis_waf::{
    Collections, Disposition, Header, Intervention, Mode, Program, Report, Transaction, Verdict,
};
use support::{Request, Standing, compile, connection};

#[derive(Default)]
struct Spec {
    name: String,
    rules: String,
    requests: Vec<Exchange>,
    diagnostics: Option<String>,
    warnings: Option<String>,
}

#[derive(Default)]
struct Exchange {
    request: Vec<u8>,
    later: u64,
    response: Option<String>,
    expect: String,
}

#[test]
fn the_specifications_hold() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spec");
    let mut files: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut problems = String::new();
    let mut count = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        if file.file_name().is_some_and(|name| name == "README.md") {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap();
        for spec in read(&text) {
            count += 1;
            if let Err(problem) = check(&spec) {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let _ = writeln!(problems, "{name}: {}\n{problem}\n", spec.name);
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(count >= 40, "only {count} specifications were found");
}

fn read(text: &str) -> Vec<Spec> {
    let mut specs: Vec<Spec> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            specs.push(Spec { name: name.to_owned(), ..Spec::default() });
            continue;
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut block = String::new();
        for inner in lines.by_ref().take_while(|inner| !inner.starts_with("```")) {
            block.push_str(inner);
            block.push('\n');
        }
        let spec = specs.last_mut().unwrap_or_else(|| panic!("a block before the first heading: {block}"));
        let mut words = info.split_whitespace();
        match words.next() {
            Some("seclang") => spec.rules.push_str(&block),
            Some("http") => spec.requests.push(exchange(words, &block)),
            Some("response") => spec.requests.last_mut().unwrap().response = Some(block),
            Some("expect") => spec.requests.last_mut().unwrap().expect.push_str(&block),
            Some("diagnostics") => spec.diagnostics = Some(block),
            Some("warnings") => spec.warnings = Some(block),
            other => panic!("{}: unknown block {other:?}", spec.name),
        }
    }
    specs
}

fn exchange<'a>(words: impl Iterator<Item = &'a str>, block: &str) -> Exchange {
    let mut exchange = Exchange::default();
    let (head, body) = block.split_once("\n\n").unwrap_or((block.trim_end_matches('\n'), ""));
    let mut body = body.to_owned();
    let mut escaped_text = false;
    let mut whole = false;
    for word in words {
        match word {
            "crlf" => body = body.replace('\n', "\r\n"),
            "escaped" => escaped_text = true,
            "whole" => whole = true,
            later => exchange.later = later.trim_start_matches('+').parse().unwrap(),
        }
    }
    if !whole && body.ends_with('\n') && !body.ends_with("\r\n") {
        body.pop();
    }
    let text = format!("{head}\n\n{body}");
    exchange.request = if escaped_text { escaped(&text) } else { text.into_bytes() };
    exchange
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (kind, behind) = rest.split_first().unwrap();
        rest = behind;
        out.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).unwrap()
            }
            other => *other,
        });
    }
    out
}

fn check(spec: &Spec) -> Result<(), String> {
    let loader = MemoryLoader::new()
        .with("words.data", "alpha\n# beta\n\ngamma\n")
        .with("geo.mmdb", support::geo::documentation())
        .with("asn.mmdb", support::geo::database("GeoLite2-ASN", &[]))
        .with("best-fit.mapping", "20127 (US-ASCII)\n00a0:20 2039:3c\n");
    let compiled = compile(&spec.rules, &loader);
    if let Some(expected) = &spec.diagnostics {
        return match compiled {
            Ok(_) => Err("the rules were accepted".to_owned()),
            Err(drawn) if drawn == *expected => Ok(()),
            Err(drawn) => Err(format!("other diagnostics:\n{drawn}")),
        };
    }
    let (program, drawn) = compiled?;
    if drawn != spec.warnings.as_deref().unwrap_or_default() {
        return Err(format!("other warnings:\n{drawn}"));
    }
    let collections = Arc::new(Collections::new(16, 16));
    let mut now = 1_700_000_000;
    for (number, exchange) in spec.requests.iter().enumerate() {
        now += exchange.later;
        let seen = run(&program, exchange, &collections, now);
        for line in exchange.expect.lines().filter(|line| !line.trim().is_empty()) {
            if !seen.lines().any(|held| held == line.trim_end()) {
                return Err(format!("request {}: expected `{line}`, but:\n{seen}", number + 1));
            }
        }
        if exchange.expect.trim().is_empty() {
            return Err(format!("request {} expects nothing; it gave:\n{seen}", number + 1));
        }
    }
    if spec.requests.is_empty() && spec.warnings.is_none() {
        return Err("nothing is asked".to_owned());
    }
    Ok(())
}

/// Runs a request and says all that can be expected of it, line by line.
fn run(program: &Arc<Program>, exchange: &Exchange, collections: &Arc<Collections>, now: u64) -> String {
    let clock = Arc::new(Standing(Duration::from_secs(now)));
    let mut transaction =
        Transaction::begin(Arc::clone(program), Mode::Block, connection(), Arc::clone(collections), clock);
    transaction.keep_values();
    let end = exchange.request.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let (head, body) = (&exchange.request[..end], &exchange.request[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let line: Vec<&[u8]> = lines.next().unwrap().splitn(3, |byte| *byte == b' ').collect();
    let [method, target, protocol] = line[..] else { panic!("no request line") };
    let request = Request { method, target, protocol, headers: lines.map(field).collect(), body };
    let mut verdict = support::run_request(&mut transaction, &request);
    if let (Verdict::Pass, Some(response)) = (&verdict, &exchange.response) {
        let (head, body) = response.split_once("\n\n").unwrap_or((response.trim_end_matches('\n'), ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<Header<'_>> = lines.map(|line| field(line.as_bytes())).collect();
        verdict = transaction.response_head(status, b"HTTP/1.1", &headers);
        if verdict == Verdict::Pass {
            verdict = transaction.response_body(body.trim_end_matches('\n').as_bytes());
        }
    }
    told(&verdict, &transaction.finish())
}

fn field(line: &[u8]) -> Header<'_> {
    let colon = line.iter().position(|byte| *byte == b':').unwrap();
    Header { name: &line[..colon], value: line[colon + 1..].trim_ascii() }
}

fn told(verdict: &Verdict, report: &Report) -> String {
    let mut out = match verdict {
        Verdict::Pass => "pass\n".to_owned(),
        Verdict::Intervene(intervention) => format!("{}\n", decision(intervention)),
    };
    if let (Some(intervention), false) = (&report.intervention, report.enforced) {
        let _ = writeln!(out, "would {}", decision(intervention));
    }
    let logged = report.matched.iter().filter(|rule| rule.logged).map(|rule| rule.id);
    assert!(report.matched.logged().map(|rule| rule.id).eq(logged));
    let ids: String = report.matched.iter().map(|rule| format!(" {}", rule.id)).collect();
    let _ = writeln!(out, "matched{ids}");
    if let Some(score) = report.inbound_score {
        let _ = writeln!(out, "score {score}");
    }
    let _ = writeln!(out, "audit {}", if report.audit_wanted { "yes" } else { "no" });
    for rule in &report.matched {
        for target in &rule.targets {
            let _ =
                writeln!(out, "target {} {} {}+{}", rule.id, target.variable(), target.offset, target.length);
        }
        for (what, text) in [("message", &rule.expanded_message), ("data", &rule.log_data)] {
            if let Some(text) = text {
                let text = text.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
                let _ = writeln!(out, "{what} {} {text}", rule.id);
            }
        }
    }
    out
}

fn decision(intervention: &Intervention) -> String {
    let what = match &intervention.disposition {
        Disposition::Deny(status) => format!("deny {status}"),
        Disposition::Drop => "drop".to_owned(),
        Disposition::Redirect(status, location) => format!("redirect {status} {}", location.escape_ascii()),
    };
    format!("{what} by {} in phase {}", intervention.rule, intervention.phase)
}
