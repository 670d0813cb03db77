//! libFuzzer on the property `json` of `portcullis-fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portcullis_fuzzing::run("json", input));
