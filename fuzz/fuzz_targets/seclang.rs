//! libFuzzer on the property `seclang` of `portcullis-fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portcullis_fuzzing::run("seclang", input));
