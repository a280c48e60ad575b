//! The proof proves itself: every protocol bug that can be switched on is found, and the report says by which image.

use super::crash::{Counts, Effort, Violation, crash_everywhere, fault_then_crash};
use super::disk::SimDisk;
use super::fault::{Fault, Plan};
use super::report;
use super::workload::Workload;
use crate::sabotage::{Sabotage, with_sabotage};

/// Where a bug is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Crash,
    Fault,
    Flip,
}

/// Every bug, and where it is looked for first.
const ALL: [(Sabotage, Look); 18] = [
    (Sabotage::UnsyncedAppend, Look::Crash),
    (Sabotage::UnsyncedDirectory, Look::Crash),
    (Sabotage::RenameBeforeSync, Look::Crash),
    (Sabotage::UnsyncedFile, Look::Crash),
    (Sabotage::RetriedSync, Look::Fault),
    (Sabotage::AcknowledgedBeforeSync, Look::Crash),
    (Sabotage::PublishedBeforeDurable, Look::Fault),
    (Sabotage::LogDeletedEarly, Look::Crash),
    (Sabotage::DamageCut, Look::Flip),
    (Sabotage::HeaderUnchecked, Look::Crash),
    (Sabotage::PayloadUnchecked, Look::Crash),
    (Sabotage::NoDurableMark, Look::Flip),
    (Sabotage::NotPoisoned, Look::Fault),
    (Sabotage::ShortWriteIsEnough, Look::Fault),
    (Sabotage::UnsyncedCut, Look::Fault),
    (Sabotage::StaleIndex, Look::Crash),
    (Sabotage::TailLeft, Look::Crash),
    (Sabotage::SuspectKept, Look::Fault),
];

const EFFORT: Effort = Effort { groups: 30, more: 20, deep: 8 };
const FAULTY: Effort = Effort { groups: 10, more: 4, deep: 8 };

fn look(at: Look) -> Option<(String, Violation)> {
    let counts = Counts::default();
    match at {
        Look::Crash => (1..=4).find_map(|seed| {
            crash_everywhere(seed, EFFORT, &counts).err().map(|v| (format!("crash, {:?}", v.kind), v))
        }),
        Look::Fault => (1..=3).find_map(|seed| {
            let disk = SimDisk::default();
            Workload::new(seed).run(&disk, FAULTY.groups);
            (1..=disk.calls()).flat_map(|call| Fault::ALL.map(|fault| (call, fault))).find_map(|(call, fault)| {
                let found = fault_then_crash(seed, Plan::of(call, fault), FAULTY, &counts);
                found.err().map(|v| (format!("fault {fault:?}, then {:?}", v.kind), v))
            })
        }),
        Look::Flip => super::damage::flips(1).err().map(|v| ("flipped bit".to_owned(), v)),
    }
}

/// Looks where the bug is likely, then everywhere.
fn find(bug: Sabotage, first: Look) -> Option<(String, Violation)> {
    with_sabotage(Some(bug), || {
        let others = [Look::Crash, Look::Fault, Look::Flip].into_iter().filter(|l| *l != first);
        std::iter::once(first).chain(others).find_map(look)
    })
}

#[test]
fn every_protocol_bug_is_found() {
    let mut escaped = Vec::new();
    for (bug, first) in ALL {
        match find(bug, first) {
            Some((how, v)) => report(&format!("bug {bug:?} found by {how} at {}: {:.100}", v.place, v.what)),
            None => escaped.push(bug),
        }
    }
    report(&format!("{} protocol bugs, {} found", ALL.len(), ALL.len() - escaped.len()));
    assert!(escaped.is_empty(), "not found: {escaped:?}");
}
