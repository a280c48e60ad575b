//! What a salvage keeps, what it calls doubtful, and what it never does.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod checkpoint;
mod store;

use std::fs;
use std::path::Path;

use proximadb_meta_core::{ErrorKind, Namespace};
use proximadb_meta_wal::inspect::{Loss, SeqRange, Verdict, verify};
use proximadb_meta_wal::log::Entry;
use proximadb_meta_wal::salvage::{Fate, NameConflict, SalvageOptions, SalvageReport, salvage};
use store::{checkpoint, count, delete, fresh, open, put, record, snapshot, spoil, told, write};

const SEGMENT: &str = "wal-0000000001.log";

/// Salvages and opens what came of it.
fn saved(dir: &Path, options: SalvageOptions) -> (SalvageReport, Vec<(String, String, u64, u64)>) {
    let to = fresh();
    let to = to.path().join("new");
    let before = snapshot(dir);
    let report = salvage(dir, &to, options).unwrap();
    assert_eq!(snapshot(dir), before, "the damaged directory is as it was");
    let found = verify(&to).unwrap();
    assert_eq!((found.verdict, found.records), (Verdict::Sealed, report.written));
    assert_eq!(snapshot(&to).len(), 4, "lock, marker, checkpoint, segment");
    let opened = open(&to, 1 << 20).unwrap();
    (report, told(&opened.state()))
}

fn row(id: &str, name: &str, version: u64, vectors: u64) -> (String, String, u64, u64) {
    (id.to_owned(), name.to_owned(), version, vectors)
}

fn doubtful(report: &SalvageReport) -> Vec<(&str, u64, Fate)> {
    report.doubtful.iter().map(|d| (&*d.id, d.as_of, d.fate)).collect()
}

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange { first, last: Some(last) }
}

#[test]
fn a_sound_directory_is_saved_as_it_is() {
    let dir = fresh();
    write(dir.path(), &[put(record("a", "n", 1)), put(record("b", "m", 1)), count("a", 7), delete("b")], true);
    checkpoint(dir.path());
    write(dir.path(), &[count("a", 8), Entry::Restoring(Namespace::new("t").unwrap(), true)], false);
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert!(report.complete && report.doubtful.is_empty(), "{report:?}");
    assert_eq!((report.written, report.certain), (1, 1));
    assert_eq!(records, [row("a", "n", 1, 8)]);
    assert_eq!(report.source.restoring, ["t"]);
}

/// The rule of docs/format.md, on one small log.
#[test]
fn behind_a_hole_only_what_is_written_whole_is_certain() {
    let dir = fresh();
    let entries = [
        put(record("a", "a", 1)),
        put(record("b", "b", 1)),
        count("b", 2),
        put(record("a", "a", 2)), // lost
        count("a", 5),            // to a version that nobody knows
        count("b", 6),            // perhaps, too
        put(record("c", "c", 1)),
        count("c", 9),
        count("d", 1), // of a record that the lost entry did not make: it does not exist, so it was made there
    ];
    write(dir.path(), &entries, true);
    spoil(&dir.path().join(SEGMENT), 3);
    let found = verify(dir.path()).unwrap();
    assert_eq!((found.verdict, found.records, found.doubtful), (Verdict::Damaged, 3, 2));
    assert_eq!((&*found.lost, &*found.intact), (&[range(4, 4)][..], &[range(1, 3), range(5, 10)][..]));
    assert_eq!((found.damages.len(), found.damages[0].lost), (1, Loss::Entries(range(4, 4))));
    assert_eq!(found.affected.iter().map(|a| &*a.id).collect::<Vec<_>>(), ["d"]);

    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert_eq!(records, [row("c", "c", 1, 9)]);
    assert!(!report.complete);
    assert_eq!(doubtful(&report), [("a", 1, Fate::LeftOut), ("b", 2, Fate::LeftOut)]);
    assert_eq!(report.source, found);

    let (report, records) = saved(dir.path(), SalvageOptions::including_stale());
    assert_eq!(
        records,
        [row("a", "a", 1, 0), row("b", "b", 1, 2), row("c", "c", 1, 9)],
        "as they were before the hole"
    );
    assert!(!report.complete);
    assert_eq!((report.written, report.certain), (3, 1));
    assert_eq!(doubtful(&report), [("a", 1, Fate::Kept), ("b", 2, Fate::Kept)]);
}

#[test]
fn of_two_records_with_one_name_the_later_keeps_it() {
    let dir = fresh();
    let entries = [
        put(record("a", "n", 1)),
        put(record("b", "m", 1)),
        put(record("a", "o", 2)), // lost: the name is free
        put(record("c", "n", 1)),
    ];
    write(dir.path(), &entries, true);
    spoil(&dir.path().join(SEGMENT), 2);
    let (report, records) = saved(dir.path(), SalvageOptions::including_stale());
    assert_eq!(records, [row("b", "m", 1, 0), row("c", "n", 1, 0)]);
    assert_eq!(doubtful(&report), [("a", 1, Fate::NameTaken), ("b", 2, Fate::Kept)]);
    let NameConflict { name, kept, left_out, .. } = &report.conflicts[0];
    assert_eq!((&**name, &**kept, &**left_out, report.conflicts.len()), ("n", "c", "a", 1));
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert_eq!(records, [row("c", "n", 1, 0)]);
    assert!(report.conflicts.is_empty(), "a doubtful record that is left out holds no name");
}

#[test]
fn every_record_of_a_whole_frame_of_a_damaged_checkpoint_is_certain() {
    let dir = fresh();
    let all: Vec<Entry> = (0..150).map(|n| put(record(&format!("{n:03}"), &format!("n{n}"), 1))).collect();
    write(dir.path(), &all, false);
    let mut log = open(dir.path(), 1 << 20).unwrap();
    let records: Vec<_> = log.state().records.values().flat_map(|t| t.values().cloned()).collect();
    let mut file = log.log.begin_checkpoint().unwrap();
    for part in records.chunks(50) {
        file.records(&Namespace::default(), part).unwrap();
    }
    let covered = file.finish(&log.state().restoring).unwrap();
    log.log.end_checkpoint(covered);
    log.log.append(&[put(record("060", "new", 2)), count("000", 7)]).unwrap();
    log.log.close().unwrap();
    spoil(&dir.path().join("checkpoint-0000000002.ckpt"), 1);
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert_eq!((report.written, report.certain, report.doubtful.len(), report.complete), (101, 101, 0, false));
    assert_eq!(report.source.damages[0].lost, Loss::CheckpointFrames(range(2, 2)));
    assert!(records.contains(&row("060", "new", 2, 0)) && records.contains(&row("000", "n0", 1, 7)));
    assert!(report.source.lost.is_empty(), "no entry of the log is lost");
}

/// A crash may leave the older checkpoint and its segments beside the newer one.
#[test]
fn an_older_checkpoint_with_its_log_stands_in_for_a_damaged_one() {
    let dir = fresh();
    write(dir.path(), &[put(record("a", "a", 1)), put(record("b", "b", 1))], false);
    checkpoint(dir.path());
    write(dir.path(), &[put(record("b", "b", 2)), put(record("c", "c", 1))], false);
    let old = snapshot(dir.path());
    checkpoint(dir.path());
    write(dir.path(), &[count("a", 3)], true);
    for (name, (bytes, _)) in &old {
        // The second segment ends as it did when the third was begun.
        if !dir.path().join(name).exists() {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
    }
    spoil(&dir.path().join("checkpoint-0000000003.ckpt"), 0);
    let found = verify(dir.path()).unwrap();
    assert_eq!((found.verdict, found.doubtful, found.damages[0].lost), (Verdict::Damaged, 0, Loss::Nothing));
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert!(report.complete, "{report:?}");
    assert_eq!(records, [row("a", "a", 1, 3), row("b", "b", 2, 0), row("c", "c", 1, 0)]);
    // Without the second segment the newer checkpoint's frames are all there is of that time.
    fs::remove_file(dir.path().join("wal-0000000002.log")).unwrap();
    let (report, records) = saved(dir.path(), SalvageOptions::including_stale());
    assert!(!report.complete);
    assert_eq!(records, [row("a", "a", 1, 0), row("b", "b", 1, 0)], "{report:?}");
    assert_eq!(doubtful(&report), [("a", 2, Fate::Kept), ("b", 2, Fate::Kept)]);
}

#[test]
fn with_the_end_of_the_log_missing_nothing_is_certain() {
    let dir = fresh();
    write(dir.path(), &[put(record("a", "a", 1))], false);
    checkpoint(dir.path());
    fs::remove_file(dir.path().join("wal-0000000002.log")).unwrap();
    let found = verify(dir.path()).unwrap();
    assert_eq!(found.lost, [SeqRange { first: 2, last: None }]);
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert_eq!((report.certain, records.len()), (0, 0));
    assert_eq!(doubtful(&report), [("a", 1, Fate::LeftOut)]);
}

#[test]
fn a_lost_marker_or_header_costs_nothing() {
    let dir = fresh();
    write(dir.path(), &[put(record("a", "a", 1)), put(record("b", "b", 1))], true);
    let segment = dir.path().join(SEGMENT);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[24] ^= 4;
    fs::write(&segment, bytes).unwrap();
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    assert_eq!(open(dir.path(), 1 << 20).unwrap_err().kind(), ErrorKind::Corruption);
    let (report, records) = saved(dir.path(), SalvageOptions::default());
    assert!(report.complete, "{report:?}");
    assert_eq!(report.source.damages.iter().map(|d| &*d.file).collect::<Vec<_>>(), ["FORMAT", SEGMENT]);
    assert_eq!(records.len(), 2);
}

#[test]
fn nothing_is_written_where_something_is_or_into_the_damaged_directory() {
    let place = fresh();
    let at = |name: &str| place.path().join(name);
    write(&at("old"), &[put(record("a", "a", 1))], true);
    let before = snapshot(&at("old"));
    let refused = |to: &Path, kind: ErrorKind| {
        let e = salvage(at("old"), to, SalvageOptions::default()).unwrap_err();
        assert_eq!(e.kind(), kind, "{e}");
    };
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full").join("thesis.tex"), "x").unwrap();
    fs::write(at("file"), "x").unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("link")).unwrap();
    for taken in ["full", "file", "link", "old"] {
        refused(&at(taken), ErrorKind::AlreadyExists);
    }
    refused(&at("old").join("new"), ErrorKind::InvalidInput);
    refused(&at("old").join("deep/er/new"), ErrorKind::InvalidInput);
    refused(Path::new("/"), ErrorKind::InvalidInput);
    let e = salvage(at("missing"), at("new"), SalvageOptions::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "{e}");
    fs::create_dir(at("empty")).unwrap();
    let e = salvage(at("empty"), at("new"), SalvageOptions::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "{e}");
    assert_eq!(snapshot(&at("old")), before);
    let mut names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["empty", "file", "full", "link", "old"], "nothing was begun");
    // An empty directory, and one whose parents are missing, are as good as none.
    salvage(at("old"), at("empty"), SalvageOptions::default()).unwrap();
    salvage(at("old"), at("a/b/c"), SalvageOptions::default()).unwrap();
    assert_eq!(fs::read_dir(at("a/b")).unwrap().count(), 1, "no unfinished directory is left beside it");
}

#[test]
fn a_directory_that_is_open_is_not_salvaged() {
    let place = fresh();
    let dir = place.path().join("old");
    let opened = open(&dir, 1 << 20).unwrap();
    let e = salvage(&dir, place.path().join("new"), SalvageOptions::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Locked, "{e}");
    drop(opened);
    salvage(&dir, place.path().join("new"), SalvageOptions::default()).unwrap();
}

#[test]
fn a_newer_format_is_not_salvaged() {
    let place = fresh();
    let dir = place.path().join("old");
    write(&dir, &[put(record("a", "a", 1))], true);
    fs::write(dir.join("FORMAT"), "proximadb-meta-wal format 2\n").unwrap();
    let e = salvage(&dir, place.path().join("new"), SalvageOptions::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported, "{e}");
    assert!(!place.path().join("new").exists());
}
