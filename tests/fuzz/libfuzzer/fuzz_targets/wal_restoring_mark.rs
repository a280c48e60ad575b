//! Fuzzes the target `wal_restoring_mark`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("wal_restoring_mark", data));
