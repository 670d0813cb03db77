//! The body processors over bodies of about 1 KiB and 64 KiB, each read without an error before it is timed.

use std::{fmt::Write as _, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_body::{Limits, json, multipart, urlencoded, xml};

const LIMITS: Limits = Limits { fields: 10_000, depth: 64, parts: 10_000 };
const CONTENT_TYPE: &[u8] = b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk";

/// Entries of a body, chosen for its size.
const SIZES: [(&str, usize); 2] = [("1k", 14), ("64k", 900)];

fn form(entries: usize) -> Vec<u8> {
    let mut text = String::new();
    for entry in 0..entries {
        let _ = write!(
            text,
            "{}field_{entry}=some+value+%28with+escapes%29+and+{entry}+words%21",
            if entry > 0 { "&" } else { "" }
        );
    }
    text.into_bytes()
}

fn object(entries: usize) -> Vec<u8> {
    let entry = |entry| {
        format!(
            "{{\"id\":{entry},\"name\":\"A \\\"name\\\" \\u00e9\",\"tags\":[true,null,1.5e3],\"x\":{{}}}}"
        )
    };
    let list: Vec<String> = (0..entries).map(entry).collect();
    format!("{{\"items\":[{}]}}", list.join(", ")).into_bytes()
}

fn parts(entries: usize) -> Vec<u8> {
    let mut text = String::new();
    for entry in 0..entries {
        let _ = write!(
            text,
            "------WebKitFormBoundary7MA4YWxk\r\nContent-Disposition: form-data; name=\"field_{entry}\"\r\n\r\nvalue {entry}\r\n"
        );
    }
    text.push_str("------WebKitFormBoundary7MA4YWxk--\r\n");
    text.into_bytes()
}

fn upload(kilobytes: usize) -> Vec<u8> {
    let head = "------WebKitFormBoundary7MA4YWxk\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n";
    let content: Vec<u8> = (0..kilobytes * 1024).map(|at| (at * 31 % 251).to_le_bytes()[0]).collect();
    [head.as_bytes(), &content, b"\r\n------WebKitFormBoundary7MA4YWxk--\r\n"].concat()
}

fn document(entries: usize) -> Vec<u8> {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><items xmlns:a=\"urn:a\">");
    for entry in 0..entries {
        let _ = write!(
            text,
            "<a:item id=\"{entry}\" kind='x &amp; y'>A name &lt;{entry}&gt;<![CDATA[raw]]></a:item>"
        );
    }
    text.push_str("</items>");
    text.into_bytes()
}

fn processors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body");
    for (size, entries) in SIZES {
        let body = form(entries);
        assert_eq!(urlencoded::parse(&body, b'&', &LIMITS).fields.len(), entries);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("urlencoded", size), |bencher| {
            bencher.iter(|| urlencoded::parse(black_box(&body), b'&', &LIMITS));
        });
        let body = object(entries);
        assert_eq!(json::flatten(&body, &LIMITS).1, None);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("json", size), |bencher| {
            bencher.iter(|| json::flatten(black_box(&body), &LIMITS));
        });
        let body = document(entries);
        assert_eq!(xml::parse(&body, &LIMITS).1, None);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("xml", size), |bencher| {
            bencher.iter(|| xml::parse(black_box(&body), &LIMITS));
        });
        for (kind, body) in [("multipart_fields", parts(entries)), ("multipart_file", upload(entries / 14))] {
            let (read, error) = multipart::parse(CONTENT_TYPE, &body, &LIMITS);
            assert!(error.is_none() && !read.flags.strict_error(), "{error:?} {:?}", read.flags);
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(BenchmarkId::new(kind, size), |bencher| {
                bencher.iter(|| multipart::parse(CONTENT_TYPE, black_box(&body), &LIMITS));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, processors);
criterion_main!(benches);
