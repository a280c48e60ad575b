//! Fuzzes the target `timestamp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("timestamp", data));
