//! Inspect and verify on real directories: what they list, what they find, and that they change nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod checkpoint;
mod store;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proximadb_meta_core::{ErrorKind, Namespace};
use proximadb_meta_wal::inspect::{InUse, Loss, Role, SeqRange, Verdict, inspect, verify};
use proximadb_meta_wal::log::Entry;
use proximadb_meta_wal::salvage::{SalvageOptions, salvage};
use store::{checkpoint, count, delete, frames, fresh, open, put, record, snapshot, spoil, told, write};

const SEGMENT: &str = "wal-0000000001.log";

#[test]
fn every_file_is_listed_with_what_it_holds() {
    let dir = fresh();
    let entries = [put(record("a", "a", 1)), put(record("b", "b", 1)), count("a", 3), delete("b")];
    write(dir.path(), &entries, false);
    checkpoint(dir.path());
    let tenant = Namespace::new("tenant").unwrap();
    write(dir.path(), &[Entry::Restoring(tenant, true), put(record("c", "c", 1)), count("c", 1)], true);
    fs::write(dir.path().join("wal-0000000009.log.tmp"), "begun").unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let before = snapshot(dir.path());
    let found = inspect(dir.path()).unwrap();
    assert_eq!(snapshot(dir.path()), before, "nothing is changed");
    assert_eq!((found.in_use, found.changed), (InUse::No, false));
    let roles: Vec<_> = found.files.iter().map(|f| (&*f.name, f.role, f.length)).collect();
    let length = |name: &str| Some(before[name].0.len() as u64);
    assert_eq!(
        roles,
        [
            ("FORMAT", Role::Marker, Some(28)),
            ("LOCK", Role::Lock, Some(0)),
            ("checkpoint-0000000002.ckpt", Role::Checkpoint, length("checkpoint-0000000002.ckpt")),
            ("notes.txt", Role::Foreign, None),
            ("wal-0000000002.log", Role::Segment, length("wal-0000000002.log")),
            ("wal-0000000009.log.tmp", Role::Unfinished, Some(5)),
        ]
    );
    assert!(found.files.iter().all(|f| f.trouble.is_none()), "{found:?}");
    let header = found.files[4].header.as_ref().unwrap();
    assert_eq!((header.format, header.reader, header.writer, header.number, header.seq), (1, 1, 1, 2, 5));
    assert_eq!(header.salt.len(), 32);
    let frames = found.files[4].frames.as_ref().unwrap();
    assert_eq!((frames.units, frames.restoring, frames.seals, frames.turns, frames.ends), (2, 1, 1, 0, 0));
    assert_eq!((frames.first, frames.last, frames.durable_upto), (Some(5), Some(8), 7));
    assert_eq!((frames.puts, frames.deletes, frames.counters), (1, 0, 1));
    assert_eq!(frames.namespaces, ["", "tenant"]);
    assert_eq!((Some(frames.good_end), &frames.rest), (found.files[4].length, &None));
    let frames = found.files[2].frames.as_ref().unwrap();
    assert_eq!((frames.units, frames.ends, frames.puts), (1, 1, 1));
}

#[test]
fn what_follows_the_good_part_is_told() {
    let dir = fresh();
    write(dir.path(), &[put(record("a", "a", 1)), put(record("b", "b", 1)), put(record("c", "c", 1))], true);
    let segment = dir.path().join(SEGMENT);
    let bytes = fs::read(&segment).unwrap();
    let starts = frames(&bytes);
    spoil(&segment, 1);
    let found = inspect(dir.path()).unwrap();
    let frames = found.files[2].frames.as_ref().unwrap();
    assert_eq!((frames.good_end, frames.units, frames.seals), (starts[1] as u64, 2, 1));
    let rest = frames.rest.as_ref().unwrap();
    assert_eq!(
        (rest.bytes, rest.frames, rest.first, rest.last),
        ((bytes.len() - starts[1]) as u64, 2, Some(3), Some(4))
    );
    assert_eq!(rest.what, "the payload does not match its checksum");
    // The header's own bytes stay visible when they are damaged.
    let mut bad = bytes.clone();
    bad[32] ^= 2;
    fs::write(&segment, bad).unwrap();
    let found = inspect(dir.path()).unwrap();
    assert_eq!(found.files[2].trouble.as_deref(), Some("the file header does not match its checksum"));
    assert_eq!(found.files[2].header.as_ref().unwrap().seq, 3);
    assert_eq!(found.files[2].frames.as_ref().unwrap().units, 3);
}

#[test]
fn a_directory_that_is_open_is_looked_at_all_the_same() {
    let dir = fresh();
    let mut log = open(dir.path(), 1 << 20).unwrap().log;
    log.append(&[put(record("a", "a", 1))]).unwrap();
    let before = snapshot(dir.path());
    let found = verify(dir.path()).unwrap();
    assert_eq!((found.verdict, found.in_use, found.records, found.last_seq), (Verdict::Unsealed, InUse::Yes, 1, 1));
    let listed = inspect(dir.path()).unwrap();
    assert_eq!(listed.in_use, InUse::Yes);
    let frames = listed.files[2].frames.as_ref().unwrap();
    assert!(frames.zeros > 0 && frames.rest.is_none(), "zeros are written ahead: {frames:?}");
    assert_eq!(Some(frames.good_end + frames.zeros), listed.files[2].length);
    assert_eq!(snapshot(dir.path()), before);
    log.append(&[put(record("b", "b", 1))]).unwrap();
    assert_eq!(verify(dir.path()).unwrap().records, 2, "the log goes on undisturbed");
    log.close().unwrap();
    let found = verify(dir.path()).unwrap();
    assert_eq!((found.verdict, found.in_use), (Verdict::Sealed, InUse::No));
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = fresh();
    assert_eq!(inspect(dir.path().join("missing")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(verify(dir.path()).unwrap_err().kind(), ErrorKind::NotFound, "an empty directory");
    assert_eq!(inspect(dir.path()).unwrap().files, []);
    fs::write(dir.path().join("thesis.tex"), "x").unwrap();
    assert_eq!(verify(dir.path()).unwrap_err().kind(), ErrorKind::NotFound, "a directory of something else");
    assert_eq!(inspect(dir.path().join("thesis.tex")).unwrap_err().kind(), ErrorKind::Config, "a file");

    let dir = fresh();
    write(dir.path(), &[put(record("a", "a", 1))], false);
    checkpoint(dir.path());
    let segment = dir.path().join("wal-0000000002.log");
    fs::remove_file(&segment).unwrap();
    // Opening a pipe to read it would wait for ever.
    assert!(std::process::Command::new("mkfifo").arg(&segment).status().unwrap().success());
    for _ in ["a pipe", "a directory"] {
        let found = verify(dir.path()).unwrap();
        assert_eq!((found.verdict, found.records, found.doubtful), (Verdict::Damaged, 1, 1));
        assert_eq!(found.damages[0].what, "cannot be read: not a regular file");
        assert_eq!(found.damages[0].lost, Loss::Entries(SeqRange { first: 2, last: None }));
        assert!(open(dir.path(), 1 << 20).is_err());
        fs::remove_file(&segment).ok();
        fs::create_dir_all(&segment).unwrap();
    }
}

#[test]
fn every_damage_is_found() {
    let dir = fresh();
    let all: Vec<Entry> = (0..9).map(|n| put(record(&format!("{n}"), &format!("n{n}"), 1))).collect();
    write(dir.path(), &all, true);
    let segment = dir.path().join(SEGMENT);
    for n in [1, 2, 5, 8] {
        spoil(&segment, n);
    }
    let found = verify(dir.path()).unwrap();
    assert_eq!(found.damages.len(), 4);
    assert_eq!(found.lost.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2-3", "6", "9"]);
    assert_eq!(found.intact.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1", "4-5", "7-8", "10"]);
    // A header that is gone takes the frame with it; the next one is found all the same.
    let mut bytes = fs::read(&segment).unwrap();
    let starts = frames(&bytes);
    bytes[starts[3]..starts[4]].fill(0xaa);
    fs::write(&segment, bytes).unwrap();
    let found = verify(dir.path()).unwrap();
    assert_eq!(found.lost.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2-4", "6", "9"]);
    assert_eq!((found.records, found.doubtful), (4, 4));
}

/// Every bit of a small segment: the verdict is that of an opening, and what each kind of damage leaves is saved.
#[test]
fn every_flipped_bit_is_judged_as_an_opening_judges_it() {
    let dir = fresh();
    let entries = [put(record("a", "a", 1)), put(record("b", "b", 1)), count("a", 3)];
    write(dir.path(), &entries, false);
    let segment = dir.path().join(SEGMENT);
    let bytes = fs::read(&segment).unwrap();
    let end = *frames(&bytes).last().unwrap();
    assert!(end < bytes.len());
    let full = told(&open(dir.path(), 1 << 20).unwrap().state());
    let before_last =
        vec![full[0].clone(), full[1].clone()].into_iter().map(|r| (r.0, r.1, r.2, 0)).collect::<Vec<_>>();
    let (mut said, mut kinds) = (BTreeSet::new(), [0, 0]);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&segment, &bad).unwrap();
        let found = verify(dir.path()).unwrap();
        if said.insert(format!("{found:?}")) {
            let newest = if bit / 8 < end { &before_last } else { &full };
            check_salvage(dir.path(), &full, newest, bit);
        }
        assert_eq!(fs::read(&segment).unwrap(), bad, "bit {bit}: the file is as it was");
        match (found.verdict, open(dir.path(), 1 << 20)) {
            (Verdict::TornTail, Ok(opened)) => {
                // Behind the last frame there are zeros, written ahead.
                let expected = if bit / 8 < end { &before_last } else { &full };
                assert_eq!(told(&opened.state()), *expected, "bit {bit}");
                kinds[0] += 1;
            }
            (Verdict::Damaged, Err(e)) => {
                assert_eq!(e.kind(), ErrorKind::Corruption, "bit {bit}: {e}");
                kinds[1] += 1;
            }
            (verdict, opened) => panic!("bit {bit}: {verdict:?}, but opening says {opened:?}"),
        }
    }
    assert!(kinds[0] > 100 && kinds[1] > 1000 && said.len() > 5, "{kinds:?} {}", said.len());
}

fn check_salvage(
    dir: &Path,
    full: &[(String, String, u64, u64)],
    before_last: &[(String, String, u64, u64)],
    bit: usize,
) {
    for options in [SalvageOptions::default(), SalvageOptions::including_stale()] {
        let to = fresh();
        let report = salvage(dir, to.path().join("new"), options).unwrap();
        let saved = told(&open(&to.path().join("new"), 1 << 20).unwrap().state());
        assert_eq!(saved.len() as u64, report.written, "bit {bit}");
        let newest = if report.source.torn_tail.is_some() { before_last } else { full };
        for r in &saved {
            let is_doubtful = report.doubtful.iter().any(|d| *d.id == r.0);
            assert!(newest.contains(r) || is_doubtful && before_last.contains(r), "bit {bit}: {r:?} of {report:?}");
        }
    }
}
