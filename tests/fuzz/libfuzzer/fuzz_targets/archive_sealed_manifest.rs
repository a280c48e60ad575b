//! Fuzzes the target `archive_sealed_manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::run("archive_sealed_manifest", data));
