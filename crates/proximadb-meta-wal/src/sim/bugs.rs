//! The proof proves itself: every protocol bug that can be switched on is found, and the report says by which image.

use super::crash::{Counts, Effort, Violation, crash_everywhere, fault_then_crash};
use super::disk::SimDisk;
use super::fault::{Fault, Plan};
use super::report;
use super::workload::Workload;
use crate::sabotage::{Sabotage, with_sabotage};

const ALL: [Sabotage; 18] = [
    Sabotage::UnsyncedAppend,
    Sabotage::UnsyncedDirectory,
    Sabotage::RenameBeforeSync,
    Sabotage::UnsyncedFile,
    Sabotage::RetriedSync,
    Sabotage::AcknowledgedBeforeSync,
    Sabotage::PublishedBeforeDurable,
    Sabotage::LogDeletedEarly,
    Sabotage::DamageCut,
    Sabotage::HeaderUnchecked,
    Sabotage::PayloadUnchecked,
    Sabotage::NoDurableMark,
    Sabotage::NotPoisoned,
    Sabotage::ShortWriteIsEnough,
    Sabotage::UnsyncedCut,
    Sabotage::StaleIndex,
    Sabotage::TailLeft,
    Sabotage::SuspectKept,
];

const EFFORT: Effort = Effort { groups: 30, more: 20, deep: 8 };
const FAULTY: Effort = Effort { groups: 10, more: 4, deep: 8 };

/// Looks for the bug with crashes, then with faults, then with flipped bits.
fn find(bug: Sabotage) -> Option<(String, Violation)> {
    with_sabotage(Some(bug), || {
        let counts = Counts::default();
        for seed in 1..=4 {
            if let Err(v) = crash_everywhere(seed, EFFORT, &counts) {
                return Some((format!("crash, {:?}", v.kind), v));
            }
        }
        for seed in 1..=3 {
            let disk = SimDisk::default();
            Workload::new(seed).run(&disk, FAULTY.groups);
            for call in 1..=disk.calls() {
                for fault in Fault::ALL {
                    if let Err(v) = fault_then_crash(seed, Plan::of(call, fault), FAULTY, &counts) {
                        return Some((format!("fault {fault:?}, then {:?}", v.kind), v));
                    }
                }
            }
        }
        super::damage::flips(1).err().map(|v| ("flipped bit".to_owned(), v))
    })
}

#[test]
fn every_protocol_bug_is_found() {
    let mut escaped = Vec::new();
    for bug in ALL {
        match find(bug) {
            Some((how, v)) => report(&format!("bug {bug:?} found by {how} at {}: {:.100}", v.place, v.what)),
            None => escaped.push(bug),
        }
    }
    report(&format!("{} protocol bugs, {} found", ALL.len(), ALL.len() - escaped.len()));
    assert!(escaped.is_empty(), "not found: {escaped:?}");
}
