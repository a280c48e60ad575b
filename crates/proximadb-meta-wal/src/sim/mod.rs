//! The proof of the log: a simulated disk, crashed at every moment, failing at every call, and damaged in every bit.
//!
//! `PXMETA_SOAK_SIM_SEEDS` sets how many workloads are crashed (the default suffices for a million images), `PXMETA_SOAK_SIM_FIRST` the
//! first one: a failure names both. `PXMETA_SOAK_SALVAGE_SEEDS` has that many stores verified and salvaged with every bit flipped (ten
//! minutes each), `PXMETA_SOAK_HOSTILE_SEEDS` that many times 500 hostile files judged.

mod bugs;
mod check;
mod crash;
mod damage;
mod dice;
mod disk;
mod fault;
mod hostile;
mod image;
mod salvage;
mod workload;

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crash::{Counts, Effort, Violation, crash_everywhere, fault_then_crash};
pub(crate) use disk::SimDisk;
use fault::{Fault, Plan};
use workload::{End, Workload};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// A line of the report, which the test runner must not swallow.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "proof: {line}");
}

/// Runs `work` for every seed, on two threads; the first violation.
fn for_seeds(first: u64, count: u64, work: &(dyn Fn(u64) -> Result<(), Violation> + Sync)) -> Result<(), Violation> {
    let next = AtomicU64::new(first);
    let run = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= first + count {
                return Ok(());
            }
            if let Err(v) = work(seed) {
                next.store(first + count, Ordering::SeqCst);
                return Err(v);
            }
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(run);
        let mine = run();
        mine.and(other.join().unwrap())
    })
}

/// Workloads that give more than a million different images.
const SEEDS: u64 = 280;
const CRASH: Effort = Effort { groups: 40, more: 250, deep: 512 };

#[test]
fn no_crash_loses_an_acknowledged_entry() {
    let counts = Counts::default();
    let (first, seeds) = (number("PXMETA_SOAK_SIM_FIRST", 1), number("PXMETA_SOAK_SIM_SEEDS", SEEDS));
    let result = for_seeds(first, seeds, &|seed| crash_everywhere(seed, CRASH, &counts));
    let (images, distinct) = (counts.images.load(Ordering::Relaxed), counts.distinct());
    report(&format!(
        "{seeds} workloads, {images} crash images, {distinct} distinct, {} violations",
        result.is_err() as u8
    ));
    if let Err(v) = result {
        let seed = v.place.split(':').next().unwrap_or_default().to_owned();
        panic!(
            "{v:?}\nagain with: PXMETA_SOAK_SIM_FIRST={seed} PXMETA_SOAK_SIM_SEEDS=1 cargo test -p proximadb-meta-wal --lib no_crash"
        );
    }
    assert!(seeds < SEEDS || distinct >= 1_000_000, "only {distinct} distinct images");
}

const FAULTS: Effort = Effort { groups: 12, more: 3, deep: 64 };

#[test]
fn no_fault_at_any_call_loses_an_acknowledged_entry() {
    let counts = Counts::default();
    let (faults, stopped) = (AtomicU64::new(0), AtomicU64::new(0));
    let (first, seeds) = (number("PXMETA_SOAK_SIM_FIRST", 1), number("PXMETA_SOAK_FAULT_SEEDS", 6));
    let result = for_seeds(first, seeds, &|seed| {
        // As many calls as the faultless run makes.
        let disk = SimDisk::default();
        crate::random::seed_salts(seed << 20);
        Workload::new(seed).run(&disk, FAULTS.groups);
        for call in 1..=disk.calls() {
            for fault in Fault::ALL {
                faults.fetch_add(1, Ordering::Relaxed);
                let end = fault_then_crash(seed, Plan::of(call, fault), FAULTS, &counts)?;
                stopped.fetch_add(u64::from(end == End::Stopped), Ordering::Relaxed);
            }
        }
        Ok(())
    });
    report(&format!(
        "{} faults, {} of them stopped the log, {} crash images after them, {} violations",
        faults.load(Ordering::Relaxed),
        stopped.load(Ordering::Relaxed),
        counts.images.load(Ordering::Relaxed),
        result.is_err() as u8
    ));
    if let Err(v) = result {
        let seed = v.place.split(':').next().unwrap_or_default().to_owned();
        panic!(
            "{v:?}\nagain with: PXMETA_SOAK_SIM_FIRST={seed} PXMETA_SOAK_FAULT_SEEDS=1 cargo test -p proximadb-meta-wal --lib no_fault"
        );
    }
}
