//! Every target over its seeds, over every input that once broke it, and over mutations of its seeds: a bounded share of what
//! `cargo xtask fuzz-smoke` does, on any toolchain.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use portcullis_fuzzing::{TARGETS, Target, mutation};

/// Mutations of one target, unless [`BUDGET`] is used up before.
const MUTATIONS: u64 = 3000;

/// Time for the mutations of one target: a machine that has others to serve tries fewer.
const BUDGET: Duration = Duration::from_secs(6);

/// The seeds, which are small, and the regressions take no longer than this, even on a slow machine.
const LONGEST: Duration = Duration::from_secs(10);

fn holds(target: &Target, what: &str, input: &[u8]) {
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(result.is_ok(), "{}: {what}: {}", target.name, input.escape_ascii());
    assert!(begun.elapsed() < LONGEST, "{}: {what}: took {:?}", target.name, begun.elapsed());
}

#[test]
fn seeds_and_their_beginnings_hold() {
    for target in TARGETS {
        for seed in target.seeds {
            for at in 0..=seed.len() {
                holds(target, "beginning of a seed", &seed[..at]);
            }
        }
    }
}

#[test]
fn regressions_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&root).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() {
            continue;
        }
        let target = portcullis_fuzzing::find(&name).unwrap_or_else(|| panic!("no target is called {name}"));
        for input in std::fs::read_dir(entry.path()).unwrap().flatten() {
            holds(target, &input.path().display().to_string(), &std::fs::read(input.path()).unwrap());
            replayed += 1;
        }
    }
    println!("{replayed} regressions");
}

#[test]
fn mutations_hold() {
    for target in TARGETS {
        let begun = Instant::now();
        for case in 0..MUTATIONS {
            if begun.elapsed() > BUDGET {
                println!("{}: {case} mutations", target.name);
                break;
            }
            holds(target, &format!("mutation {case}"), &mutation(target, case));
        }
    }
}

/// A directory of `fuzz/` without a target would be replayed by nobody, a target without a binary never fuzzed.
#[test]
fn every_target_has_a_binary_and_a_sorted_line() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(fuzz.join(format!("fuzz_targets/{}.rs", target.name)).is_file(), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
    assert!(TARGETS.is_sorted_by_key(|target| target.name));
}
