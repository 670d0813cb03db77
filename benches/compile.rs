//! From rule files to a program, in the two steps of a start or a reload.

#[expect(dead_code, reason = "shared with the benchmark of transactions")]
mod shared;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn compile(criterion: &mut Criterion) {
    let rules = shared::RuleSet::installed();
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    group.bench_function(BenchmarkId::new("parse", rules.name), |bencher| {
        bencher.iter(|| rules.document());
    });
    let (document, sources) = rules.document();
    group.bench_function(BenchmarkId::new("compile", rules.name), |bencher| {
        bencher.iter(|| portcullis_waf::compile(&document, &sources, &rules.loader));
    });
    group.finish();
}

criterion_group!(benches, compile);
criterion_main!(benches);
