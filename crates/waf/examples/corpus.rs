//! Runs requests of the benchmark corpus again and again, for a profiler or a stop-watch.
//!
//! `corpus plain|compiled PARANOIA REQUEST|all ROUNDS`

#[path = "../tests/support/mod.rs"]
mod support;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use portcullis_waf::{Collections, Engine, Mode, Options, Program, Transaction, Verdict};
use support::{
    Disk, Standing, compile_with, connection,
    corpus::{Case, bench, fields, rules},
};

/// As a proxy holds them.
struct Bodies {
    request: Bytes,
    response: Bytes,
}

impl Bodies {
    fn of(case: &Case) -> Self {
        let answer = case.response.as_ref().map(|answer| answer.body.clone());
        Self { request: Bytes::from(case.body.clone()), response: Bytes::from(answer.unwrap_or_default()) }
    }
}

#[inline(never)]
fn transact(
    program: &Arc<Program>,
    collections: &Arc<Collections>,
    (case, bodies): (&Case, &Bodies),
) -> (Verdict, Vec<u64>) {
    let clock = Arc::new(Standing(std::time::Duration::from_secs(1_700_000_000)));
    let headers = fields(&case.headers);
    let mut transaction =
        Transaction::begin(Arc::clone(program), Mode::Block, connection(), Arc::clone(collections), clock);
    let mut verdict = transaction.request_head(&case.head(&headers));
    if verdict == Verdict::Pass {
        verdict = transaction.request_body_shared(&bodies.request);
    }
    if let (Verdict::Pass, Some(answer)) = (&verdict, &case.response) {
        let headers = fields(&answer.headers);
        verdict = transaction.response_head(answer.status, b"HTTP/1.1", &headers);
        if verdict == Verdict::Pass {
            verdict = transaction.response_body_shared(&bodies.response);
        }
    }
    let report = transaction.finish();
    (verdict, report.matched.iter().map(|rule| rule.id).collect())
}

/// What a profiler counts: the rounds after the first.
#[inline(never)]
fn warm(program: &Arc<Program>, collections: &Arc<Collections>, case: (&Case, &Bodies)) {
    std::hint::black_box(transact(program, collections, case));
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let engine = if words[1] == "plain" { Engine::Plain } else { Engine::Compiled };
    let text = rules(words[2].parse().unwrap(), "On").expect("CRS");
    let begun = Instant::now();
    let (program, _) = compile_with(&text, &Disk, Options { engine, ..Options::default() })
        .unwrap_or_else(|all| panic!("{all}"));
    println!("compiled in {:?}", begun.elapsed());
    for (phase, id, course) in program.courses().filter(|_| words[3] == "courses") {
        println!("{phase} {id} {course}");
    }
    let collections = Arc::new(Collections::new(64, 64));
    let rounds: usize = words[4].parse().unwrap();
    for case in bench().expect("corpus").iter().filter(|case| words[3] == "all" || case.name == words[3]) {
        let bodies = Bodies::of(case);
        let (verdict, ids) = transact(&program, &collections, (case, &bodies));
        let mut best = f64::MAX;
        for _ in 0..rounds {
            let begun = Instant::now();
            warm(&program, &collections, (case, &bodies));
            best = best.min(begun.elapsed().as_secs_f64());
        }
        let pass = if verdict == Verdict::Pass { "pass" } else { "refused" };
        println!("{:16} {pass:8} {:10.1} us  {} matched {ids:?}", case.name, best * 1e6, ids.len());
    }
}
