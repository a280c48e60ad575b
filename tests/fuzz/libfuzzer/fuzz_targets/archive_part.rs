//! Fuzzes the target `archive_part`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("archive_part", data));
