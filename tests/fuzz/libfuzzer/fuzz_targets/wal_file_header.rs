//! Fuzzes the target `wal_file_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("wal_file_header", data));
