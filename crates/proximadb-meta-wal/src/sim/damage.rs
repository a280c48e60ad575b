//! Damage: every bit of small logs, checkpoints and markers flipped, every file cut at every length or gone. Refused with the
//! place, or harmless; never served, never silently dropped.

use std::sync::Arc;

use proximadb_meta_core::ErrorKind;

use super::crash::Violation;
use super::disk::{Inode, SimDisk, State};
use super::image::Kind;
use super::report;
use super::workload::{SEGMENT_BYTES, Workload};

/// Segments that are never left: several groups in one file.
pub(super) const LARGE: u64 = 1 << 20;
use crate::log::Log;
use crate::recover::State as Catalog;

/// A directory to damage.
pub(super) struct Sample {
    pub(super) disk: State,
    /// What it holds.
    pub(super) full: Catalog,
    /// The catalogs that damage to the last unsealed group may leave.
    pub(super) earlier: Vec<Arc<Catalog>>,
    /// The catalog after each entry, the empty one first.
    pub(super) states: Vec<Arc<Catalog>>,
}

/// A small store: a few groups, perhaps with a checkpoint, closed or not.
pub(super) fn sample(seed: u64, groups: usize, close: bool, segment_bytes: u64) -> Sample {
    let disk = SimDisk::default();
    crate::random::seed_salts(seed << 20);
    let mut workload = Workload::new(seed);
    workload.run_open(&disk, groups, close, segment_bytes);
    let last_group = workload.before_last_group.min(workload.states.len() - 1);
    let full = (**workload.states.last().unwrap()).clone();
    let earlier = if close { Vec::new() } else { workload.states[last_group..].to_vec() };
    let mut state = disk.state();
    state.pending.clear();
    for inode in &mut state.inodes {
        inode.durable = inode.pages.clone();
    }
    state.durable_names = state.names.clone();
    Sample { disk: state, full, earlier, states: workload.states }
}

fn try_open(s: &Sample, disk: State, place: &str) -> Result<(), Violation> {
    let wrong = |what: String| Err(Violation { kind: Kind::KeepAll, place: place.to_owned(), what });
    match Log::open(Arc::new(SimDisk::of(disk)), SEGMENT_BYTES) {
        Ok(opened) if opened.state() == s.full => Ok(()),
        Ok(opened) if s.earlier.iter().any(|e| **e == opened.state()) => Ok(()),
        Ok(_) => wrong("opens with a catalog that is not what was written".to_owned()),
        Err(e) if matches!(e.kind(), ErrorKind::Corruption | ErrorKind::Unsupported) => {
            // The place: a file's name.
            if ["FORMAT", "wal-", "checkpoint-"].iter().any(|n| e.to_string().contains(n))
                || e.kind() == ErrorKind::Unsupported
            {
                Ok(())
            } else {
                wrong(format!("refused without the place: {e}"))
            }
        }
        Err(e) => wrong(format!("refused as {e:?}")),
    }
}

pub(super) fn with(disk: &State, inode: usize, bytes: Vec<u8>) -> State {
    let mut disk = disk.clone();
    let bytes = Arc::new(bytes);
    disk.inodes[inode] = Inode::settled(bytes);
    disk
}

/// Flips, cuts and removals over samples of a seed; how many.
pub(crate) fn flips(seed: u64) -> Result<u64, Violation> {
    let mut n = 0;
    let kinds = [(3, false, LARGE), (3, true, LARGE), (6, false, SEGMENT_BYTES), (6, true, SEGMENT_BYTES)];
    for (groups, close, segment_bytes) in kinds {
        let s = sample(seed, groups, close, segment_bytes);
        for (name, &inode) in &s.disk.names {
            let bytes = s.disk.inodes[inode].pages.clone();
            for bit in 0..bytes.len() * 8 {
                let mut bad = (*bytes).clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                try_open(
                    &s,
                    with(&s.disk, inode, bad),
                    &format!("{seed}: bit {bit} of {name}, {groups} groups, closed {close}"),
                )?;
                n += 1;
            }
            for length in 0..bytes.len() {
                let cut = bytes[..length].to_vec();
                let result =
                    try_open(&s, with(&s.disk, inode, cut), &format!("{seed}: {name} cut at {length}, closed {close}"));
                // A cut inside the frames of the last segment is what a torn tail looks like; a cut elsewhere is damage.
                if !is_last_segment(&s.disk, name) {
                    result?;
                }
                n += 1;
            }
            let mut gone = s.disk.clone();
            gone.names.remove(name);
            gone.durable_names.remove(name);
            try_open(&s, gone, &format!("{seed}: {name} gone, closed {close}"))?;
            n += 1;
        }
    }
    Ok(n)
}

fn is_last_segment(disk: &State, name: &str) -> bool {
    name.starts_with("wal-") && disk.names.keys().rfind(|n| n.starts_with("wal-")).is_some_and(|n| **n == *name)
}

#[test]
fn every_flipped_bit_is_refused_or_harmless() {
    let mut n = 0;
    for seed in 1..=super::number("PXMETA_SOAK_FLIP_SEEDS", 2) {
        match flips(seed) {
            Ok(more) => n += more,
            Err(v) => panic!("{v:?}"),
        }
    }
    report(&format!("{n} flips, cuts and lost files, 0 violations"));
}
