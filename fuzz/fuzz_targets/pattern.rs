//! libFuzzer on the property `pattern` of `portcullis-fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portcullis_fuzzing::run("pattern", input));
