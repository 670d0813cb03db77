//! Every transformation over an ordinary value, one made of escapes, and one that it leaves as it is.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_transform::{Context, TABLE};

fn transformations(criterion: &mut Criterion) {
    let values: [(&str, Vec<u8>); 3] = [
        ("text", b"The quick brown fox, 42 years old; jumps over /var/www/html/index.php?a=1 ".repeat(13)),
        ("escapes", b"%3Cscript%3E&lt;a href&#61;x&gt;\\u0041\\x42 /*c*/ ../.. %u2039 0x4142 ".repeat(13)),
        ("word", b"abcdefghijklmnopqrstuvwxyz012345".repeat(31)),
    ];
    let mut group = criterion.benchmark_group("transform");
    for (kind, value) in &values {
        group.throughput(Throughput::Bytes(value.len() as u64));
        for line in TABLE {
            let mut out = Vec::with_capacity(value.len() * 6);
            group.bench_with_input(BenchmarkId::new(line.name, kind), value, |bencher, value| {
                bencher.iter(|| {
                    out.clear();
                    (line.apply)(black_box(value), &mut out, &Context::default())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, transformations);
criterion_main!(benches);
