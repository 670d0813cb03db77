//! `portcullis-hostile RULES WORST [SECONDS]`: what the most expensive requests of every family cost, rules loaded from `RULES`.
//!
//! Prints one object of JSON a line: a family each, then the worst single value. `WORST` is written: the worst request of each family as
//! a corpus, under the family's name, for whoever wants to count its instructions.

use std::{collections::BTreeMap, fs, process::ExitCode, time::Duration};

use portcullis_peers::{
    driver::{Engine as _, Request, cpu, write},
    hostile::{Attack, VALUE, attacks},
    ours::{Portcullis, load},
};
use portcullis_waf::Options;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (rules, worst, seconds) = match arguments.as_slice() {
        [rules, worst] => (rules, worst, 0.004),
        [rules, worst, seconds] => (rules, worst, seconds.parse().unwrap_or(0.004)),
        _ => {
            eprintln!("usage: portcullis-hostile RULES WORST [SECONDS]");
            return ExitCode::FAILURE;
        }
    };
    let mut engine = match load(rules, Options::default()) {
        Ok(loaded) => loaded.engine,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::FAILURE;
        }
    };
    let attacks = attacks(&engine.program, SEED);
    let measured = measure(&mut engine, &attacks, seconds);
    let requests: Vec<Request> = measured.values().map(|(_, worst)| named(worst)).collect();
    if let Err(error) = fs::write(worst, write(&requests)) {
        eprintln!("{worst}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

const SEED: u64 = 20_261_124;

/// The dearest attack of each family, by nanoseconds a byte.
fn measure<'a>(
    engine: &mut Portcullis,
    attacks: &'a [Attack],
    seconds: f64,
) -> BTreeMap<&'static str, (f64, &'a Attack)> {
    let mut families: BTreeMap<&'static str, (f64, &Attack)> = BTreeMap::new();
    let mut value: Option<(f64, &Attack)> = None;
    for attack in attacks {
        let nanos = time(engine, &attack.request, seconds).as_secs_f64() * 1e9;
        let a_byte = nanos / attack.bytes() as f64;
        if families.get(attack.family).is_none_or(|(worst, _)| *worst < a_byte) {
            families.insert(attack.family, (a_byte, attack));
        }
        if attack.one_value && value.is_none_or(|(worst, _)| worst < nanos) {
            value = Some((nanos, attack));
        }
    }
    for (family, (a_byte, attack)) in &families {
        let requests = attacks.iter().filter(|attack| attack.family == *family).count();
        println!(
            "{{\"family\":\"{family}\",\"requests\":{requests},\"ns_per_byte\":{a_byte:.1},\"bytes\":{},\"us\":{:.1},\"made_of\":{:?}}}",
            attack.bytes(),
            a_byte * attack.bytes() as f64 / 1e3,
            attack.made_of
        );
    }
    if let Some((nanos, attack)) = value {
        println!(
            "{{\"value_bytes\":{VALUE},\"us\":{:.1},\"family\":\"{}\",\"made_of\":{:?}}}",
            nanos / 1e3,
            attack.family,
            attack.made_of
        );
    }
    families
}

/// CPU time of a transaction: the best of several, the first not counted.
fn time(engine: &mut Portcullis, request: &Request, seconds: f64) -> Duration {
    engine.transaction(request, None);
    let (begun, mut best) = (cpu(), Duration::MAX);
    for round in 0.. {
        let before = cpu();
        engine.transaction(request, None);
        let now = cpu();
        best = best.min(now - before);
        if round >= 2 && (now - begun).as_secs_f64() >= seconds {
            break;
        }
    }
    best
}

fn named(attack: &Attack) -> Request {
    let mut request = attack.request.clone();
    request.name = attack.family.replace(' ', "_").into_bytes();
    request
}
