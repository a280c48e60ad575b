//! Fuzzes the target `connection_string`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("connection_string", data));
