//! Fuzzes the target `wal_marker`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("wal_marker", data));
