//! `@detectSQLi` and `@detectXSS` over what they mostly see, clean values, and over attacks; each verdict is checked before it is timed.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_injection::{sqli, xss};

/// Name, value, whether it is SQL injection, whether it is cross-site scripting.
const VALUES: &[(&str, &[u8], bool, bool)] = &[
    ("word", b"alice", false, false),
    ("sentence", b"I'd like 3 red shoes (size 42), please: they're for my sister's birthday!", false, false),
    ("address", b"https://shop.example.com/a/b.html?page=2&sort=price_asc#top", false, false),
    (
        "markup",
        b"<p class=\"x\">Hello <b>world</b>, see <a href=\"https://a.example/\">this</a></p>",
        false,
        false,
    ),
    ("or_true", b"1' OR '1'='1' -- ", true, false),
    ("union", b"-1 union all select user, password, null from mysql.user where 1=1 -- x", true, false),
    ("script", b"<script>alert(document.cookie)</script>", false, true),
    ("handler", b"\"><img src=x onerror=\"alert(1)\">", false, true),
];

fn detectors(criterion: &mut Criterion) {
    let long: Vec<u8> = b"Lorem ipsum dolor sit amet, it's 5 < 6 and x = y; ".repeat(200);
    for (name, value, is_sql, is_script) in VALUES {
        assert_eq!(sqli::detect(value).is_some(), *is_sql, "{name}");
        assert_eq!(xss::detect(value), *is_script, "{name}");
    }
    let values = VALUES.iter().map(|(name, value, ..)| (*name, *value)).chain([("long", &long[..])]);
    for (name, value) in values {
        let mut group = criterion.benchmark_group("injection");
        group.throughput(Throughput::Bytes(value.len() as u64));
        group.bench_with_input(BenchmarkId::new("sqli", name), value, |bencher, value| {
            bencher.iter(|| sqli::detect(black_box(value)));
        });
        group.bench_with_input(BenchmarkId::new("xss", name), value, |bencher, value| {
            bencher.iter(|| xss::detect(black_box(value)));
        });
        group.finish();
    }
}

criterion_group!(benches, detectors);
criterion_main!(benches);
