//! What a rule file can make the parser do is bounded.

use portcullis_diag::Sources;
use portcullis_seclang::{Loader, MemoryLoader, load, parse};

fn codes(name: &str, loader: &dyn Loader) -> Vec<&'static str> {
    load(name, loader, &mut Sources::new()).diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect()
}

#[test]
fn reading_stops_after_a_hundred_errors() {
    let loader = MemoryLoader::new().with("a.conf", "SecNoSuch On\n".repeat(1000));
    let codes = codes("a.conf", &loader);
    assert_eq!(codes.len(), 101);
    assert_eq!(codes.last(), Some(&"E0199"));
}

#[test]
fn errors_within_one_directive_count_too() {
    let text = format!("SecAction \"id:1,{}\"\n", "nosuch,".repeat(10_000));
    let parsed = parse("a.conf", text.as_bytes(), &MemoryLoader::new(), &mut Sources::new());
    assert!(parsed.diagnostics.len() <= 102);
}

#[test]
fn includes_end_at_a_depth() {
    let loader: MemoryLoader =
        (0..50).map(|at| (format!("{at}.conf"), format!("Include {}.conf\n", at + 1))).collect();
    assert_eq!(codes("0.conf", &loader), ["E0203"]);
}

#[test]
fn a_file_that_includes_itself_is_named_once() {
    let loader = MemoryLoader::new().with("a.conf", "Include b.conf\n").with("b.conf", "Include a.conf\n");
    assert_eq!(codes("a.conf", &loader), ["E0202"]);
}

#[test]
fn files_that_multiply_are_counted() {
    let twice = |next: usize| format!("Include {next}.conf\n").repeat(10);
    let loader: MemoryLoader = (0..10).map(|at| (format!("{at}.conf"), twice(at + 1))).collect();
    let loader = loader.with("10.conf", "");
    assert!(codes("0.conf", &loader).contains(&"E0204"));
}

#[test]
fn bytes_that_multiply_are_counted() {
    let loader = MemoryLoader::new()
        .with("a.conf", "Include big.conf\n".repeat(100))
        .with("big.conf", "# nothing\n".repeat(200_000));
    assert!(codes("a.conf", &loader).contains(&"E0205"));
}

#[test]
fn a_missing_file_is_an_error_and_a_wildcard_without_a_match_is_none() {
    let loader = MemoryLoader::new()
        .with("a.conf", "Include missing.conf\n")
        .with("b.conf", "Include missing/*.conf\nIncludeOptional missing.conf\n");
    assert_eq!(codes("a.conf", &loader), ["E0201"]);
    assert!(codes("b.conf", &loader).is_empty());
    assert_eq!(codes("c.conf", &loader), ["E0201"]);
}
