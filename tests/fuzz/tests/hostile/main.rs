//! Hostile files and texts: whatever they hold, a decoder neither panics nor has more than 64 MiB and four times their size
//! allocated at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod archive;
mod avro;
mod counting;
mod inspect;
mod log;
mod random;
mod texts;

/// What a decoder may take beside four times the input.
const ALLOWANCE: usize = 64 << 20;

/// Runs a decoder on an input of `size` bytes, which were allocated before, and checks what it takes.
fn bounded(name: &str, size: usize, decode: impl FnOnce()) {
    bounded_by(name, size, ALLOWANCE + 4 * size, decode);
}

fn bounded_by(name: &str, size: usize, limit: usize, decode: impl FnOnce()) {
    let taken = counting::peak(decode);
    assert!(taken <= limit, "{name}: {taken} bytes allocated at once for an input of {size}; the limit is {limit}");
    if std::env::var_os("PXMETA_SOAK_FUZZ_SHOW").is_some() {
        eprintln!("size: {name}: {:.1} MiB for {:.1} MiB", taken as f64 / 1048576.0, size as f64 / 1048576.0);
    }
}

#[test]
fn the_count_is_right() {
    let _alone = counting::alone();
    let taken = counting::peak(|| drop(std::hint::black_box(vec![0u8; 10 << 20])));
    assert!((10 << 20..12 << 20).contains(&taken), "{taken}");
    let grown = counting::peak(|| {
        let mut bytes = vec![0u8; 4 << 20];
        bytes.reserve_exact(6 << 20);
        drop(std::hint::black_box(bytes));
    });
    assert!((14 << 20..16 << 20).contains(&grown), "both blocks of a growing one are there at once: {grown}");
}
