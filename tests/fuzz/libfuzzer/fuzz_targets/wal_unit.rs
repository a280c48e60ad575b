//! Fuzzes the target `wal_unit`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("wal_unit", data));
