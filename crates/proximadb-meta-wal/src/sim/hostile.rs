//! Files that somebody made: payloads that were changed and given their right checksums again. Nothing panics, verify agrees with an
//! opening, and what a salvage writes opens.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::ErrorKind;

use super::damage::{LARGE, sample, with};
use super::dice::Dice;
use super::disk::{SimDisk, State};
use super::report;
use super::workload::SEGMENT_BYTES;
use crate::frame::{self, FILE_HEADER, Frame, salt_of};
use crate::inspect::{InUse, Verdict, inspect_storage, load, verify_storage};
use crate::log::Log;
use crate::salvage::{SalvageOptions, save};

/// Another payload, made from this one.
fn changed(dice: &mut Dice, payload: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = payload.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(out.len() + 1);
        let some = |dice: &mut Dice| {
            let from = dice.below(other.len() + 1);
            let rest = other.get(from..).unwrap_or_default();
            rest.get(..dice.below(rest.len().min(40) + 1)).unwrap_or_default().to_vec()
        };
        match dice.below(6) {
            0 => out.truncate(at),
            1 => drop(out.splice(at..at, some(dice))),
            2 => drop(out.splice(at.., some(dice))),
            3 => {
                let end = out.len().min(at + dice.below(9));
                drop(out.drain(at..end));
            }
            // Numbers that are short, long and at the edges.
            4 => {
                const NUMBERS: [&[u8]; 8] = [
                    &[0],
                    &[1],
                    &[2],
                    &[0x7f],
                    &[0x80, 0x01],
                    &[0xff; 9],
                    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                    &[0x80; 12],
                ];
                let bytes = dice.pick(&NUMBERS);
                let end = out.len().min(at + 1);
                drop(out.splice(at..end, bytes.iter().copied()));
            }
            _ => {
                if let Some(byte) = out.get_mut(at) {
                    *byte = dice.next() as u8;
                }
            }
        }
    }
    out
}

/// The frames of a file, one of them with another payload, number, durable mark or place.
fn hostile(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let salt = salt_of(bytes);
    let mut frames = Vec::new();
    let mut at = FILE_HEADER;
    while let Some(Ok(found)) = bytes.get(at..).map(|rest| frame::read(rest, &salt)) {
        at += found.length();
        frames.push((found, found.payload.to_vec()));
    }
    let n = dice.below(frames.len());
    let other = dice.pick(&frames).1.clone();
    match dice.below(8) {
        0 => frames[n].0.seq = *dice.pick(&[0, 1, u64::MAX, u64::MAX - 1, frames[n].0.seq + 1]),
        1 => frames[n].0.durable_upto = *dice.pick(&[0, u64::MAX, frames[n].0.seq]),
        2 => drop(frames.remove(n)),
        3 => {
            let again = frames[n].clone();
            frames.insert(dice.below(frames.len()), again);
        }
        4 => frames[n].0.kind = frames[dice.below(frames.len())].0.kind,
        _ => frames[n].1 = changed(dice, &frames[n].1, &other),
    }
    let mut out = bytes[..FILE_HEADER].to_vec();
    for (frame, payload) in &frames {
        frame::push(&mut out, &salt, Frame { payload, ..*frame }).unwrap();
    }
    out
}

/// Checks one; what came of it.
fn check(disk: &State) -> Result<Verdict, String> {
    let fresh = || SimDisk::of(disk.clone());
    let opened = Log::open(Arc::new(fresh()), SEGMENT_BYTES);
    inspect_storage(&fresh(), InUse::Unknown).map_err(|e| format!("inspect: {e}"))?;
    let found = verify_storage(&fresh(), InUse::Unknown).map_err(|e| format!("verify: {e}"))?;
    let records = |state: &crate::recover::State| state.records.values().map(|t| t.len() as u64).sum::<u64>();
    match (&opened, found.verdict) {
        (Err(e), Verdict::Damaged) if e.kind() == ErrorKind::Corruption => {}
        (Ok(o), Verdict::Sealed | Verdict::Unsealed | Verdict::TornTail) if records(&o.state()) == found.records => {}
        _ => return Err(format!("opening says {opened:?}, verify {found:?}")),
    }
    for options in [SalvageOptions::default(), SalvageOptions::including_stale()] {
        let loaded = load(&fresh(), InUse::Unknown).map_err(|e| e.to_string())?;
        let new = SimDisk::default();
        let report = save(loaded, Arc::new(new.clone()), Path::new("new"), options).map_err(|e| format!("{e:?}"))?;
        let saved = Log::open(Arc::new(new), SEGMENT_BYTES).map_err(|e| format!("the new store: {e:?}"))?;
        if let Ok(o) = &opened
            && saved.state() != o.state()
            && report.conflicts.is_empty()
        {
            return Err(format!("what opens as {:?} is saved as {:?}", o.state(), saved.state()));
        }
        if records(&saved.state()) != report.written {
            return Err("the count of records is not true".to_owned());
        }
    }
    Ok(found.verdict)
}

#[test]
fn hostile_files_are_judged_as_an_opening_does() {
    let (mut sound, mut damaged) = (0_u64, 0_u64);
    for seed in 1..=super::number("PXMETA_SOAK_HOSTILE_SEEDS", 4) {
        let segment_bytes = if seed % 2 == 0 { SEGMENT_BYTES } else { LARGE };
        let sample = sample(seed, 2 + (seed as usize % 3) * 3, seed % 4 < 2, segment_bytes);
        let mut dice = Dice::new(seed);
        let files: Vec<usize> = sample
            .disk
            .names
            .iter()
            .filter(|(n, _)| n.ends_with(".log") || n.ends_with(".ckpt"))
            .map(|(_, i)| *i)
            .collect();
        for n in 0..500 {
            let inode = *dice.pick(&files);
            let bytes = sample.disk.inodes[inode].pages.clone();
            if bytes.len() == FILE_HEADER {
                continue;
            }
            let bad = with(&sample.disk, inode, hostile(&mut dice, &bytes));
            match check(&bad) {
                Ok(Verdict::Damaged) => damaged += 1,
                Ok(_) => sound += 1,
                Err(what) => panic!("seed {seed}, case {n}: {what}"),
            }
        }
    }
    report(&format!("{} hostile files, {sound} of them open, verify and opening agree on all", sound + damaged));
    assert!(sound > 50 && damaged > 50);
}
