//! Where the log says it stands, and how its files grow, are replaced and go.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, DistanceMetric, Incarnation};
use proximadb_meta_wal::FileStorage;
use proximadb_meta_wal::log::{Entry, Log, Opened, Position, Unit};

const SEGMENT: u64 = 16 * 1024;

fn open(dir: &Path) -> Opened {
    Log::open(Arc::new(FileStorage::new(dir)), SEGMENT).unwrap()
}

fn put(n: u64) -> Entry {
    let mut r = CollectionMetadata::new(format!("name-{n}"), 3, DistanceMetric::COSINE);
    r.id = format!("id-{n}").into();
    r.version = 1;
    r.incarnation = Incarnation(1);
    r.description = Some("x".repeat(700).into());
    Entry::Unit(Unit { puts: vec![Arc::new(r)], ..Unit::default() })
}

fn length(dir: &Path, segment: u64) -> u64 {
    fs::metadata(dir.join(format!("wal-{segment:010}.log"))).map_or(0, |m| m.len())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Appends until the next segment was begun; how many entries that took.
fn fill(log: &mut Log, from: u64) -> u64 {
    let segments = log.position().segments;
    let mut n = 0;
    while log.position().segments == segments {
        log.append(&[put(from + n)]).unwrap();
        n += 1;
    }
    n
}

#[test]
fn segments_turn_over_when_they_are_full_and_all_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    let start = Position { seq: 0, checkpoint_seq: 0, segments: 1, log_bytes: 64, checkpoint_bytes: 0 };
    assert_eq!(log.position(), start);
    log.append(&[put(0)]).unwrap();
    let one = log.position().log_bytes - 64;
    log.append(&[put(1)]).unwrap();
    assert_eq!(log.position(), Position { seq: 2, log_bytes: 64 + 2 * one, ..start });
    let more = fill(&mut log, 2);
    let first = length(dir.path(), 1);
    assert!((SEGMENT + 1..SEGMENT + one + 64).contains(&first), "{first} bytes");
    let position = log.position();
    assert_eq!((position.segments, position.seq, position.log_bytes), (2, 2 + more, first + 64));
    fill(&mut log, 100);
    assert_eq!(log.position().log_bytes, first + length(dir.path(), 2) + 64);
    let before = log.position();
    log.close().unwrap();
    let again = open(dir.path());
    assert_eq!(again.replayed, before.seq + 1, "the seal is an entry");
    let after = again.log.position();
    // The seal takes a number and a frame.
    assert_eq!(after, Position { seq: before.seq + 1, log_bytes: before.log_bytes + 32, ..before });
}

#[test]
fn zeros_are_written_ahead_and_the_end_of_a_segment_takes_them_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    assert_eq!(length(dir.path(), 1), 64);
    let mut lengths = Vec::new();
    for n in 0..12 {
        log.append(&[put(n)]).unwrap();
        lengths.push((log.position().log_bytes, length(dir.path(), 1)));
    }
    // As many zeros as there was log before the append that needed them, so that the file is made longer a few times only.
    let (mut end, mut used) = (64, 64);
    for (log_bytes, file) in lengths {
        if log_bytes > end {
            end = log_bytes + used;
        }
        assert_eq!(file, end, "after {log_bytes} bytes of log");
        used = log_bytes;
    }
    assert!(end > used);
    log.close().unwrap();
    assert_eq!(length(dir.path(), 1), used + 32, "the seal stands at the end");
}

#[test]
fn a_checkpoint_is_counted_and_what_it_covers_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    fill(&mut log, 0);
    let covered_seq = log.position().seq;
    let file = log.begin_checkpoint().unwrap();
    log.append(&[put(1000)]).unwrap();
    let covered = file.finish(&[].into()).unwrap();
    fill(&mut log, 2000);
    let open_bytes = log.position().log_bytes;
    log.end_checkpoint(covered);
    assert_eq!(
        names(dir.path()),
        ["FORMAT", "LOCK", "checkpoint-0000000003.ckpt", "wal-0000000003.log", "wal-0000000004.log"]
    );
    let position = log.position();
    assert_eq!((position.checkpoint_seq, position.segments), (covered_seq, 2));
    assert_eq!(position.checkpoint_bytes, fs::metadata(dir.path().join("checkpoint-0000000003.ckpt")).unwrap().len());
    // Of the log what the checkpoint does not cover.
    assert!(position.log_bytes < open_bytes);
    assert_eq!(position.log_bytes, length(dir.path(), 3) + 64);
    // The next one takes its place.
    let covered = log.begin_checkpoint().unwrap().finish(&[].into()).unwrap();
    log.end_checkpoint(covered);
    assert_eq!(names(dir.path()), ["FORMAT", "LOCK", "checkpoint-0000000005.ckpt", "wal-0000000005.log"]);
}

#[test]
fn what_a_crash_left_unfinished_is_removed_and_foreign_names_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).log;
    log.append(&[put(0)]).unwrap();
    drop(log);
    for name in ["wal-0000000009.log.tmp", "checkpoint-0000000009.ckpt.tmp", "FORMAT.tmp", "notes.tmp", "notes"] {
        fs::write(dir.path().join(name), b"x").unwrap();
    }
    drop(open(dir.path()));
    assert_eq!(names(dir.path()), ["FORMAT", "LOCK", "notes", "notes.tmp", "wal-0000000001.log"]);
}
