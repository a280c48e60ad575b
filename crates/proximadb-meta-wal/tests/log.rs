//! The log against damage, truncation and foreign directories.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod checkpoint;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use checkpoint::checkpoint;
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, ErrorKind, Incarnation, Namespace};
use proximadb_meta_wal::log::{Counters, Entry, Log, Unit};
use proximadb_meta_wal::{FileStorage, State};

fn open(dir: &Path) -> proximadb_meta_core::Result<(Log, State)> {
    Log::open(Arc::new(FileStorage::new(dir)), 1 << 20).map(|o| (o.state(), o.log)).map(|(state, log)| (log, state))
}

fn put(n: u64) -> Entry {
    let mut r = CollectionMetadata::new(format!("name-{n}"), 3, DistanceMetric::COSINE);
    r.id = format!("id-{n}").into();
    r.version = 1;
    r.incarnation = Incarnation(u64::MAX - n);
    r.owner = Some("bob".into());
    r.tags = ["x", "y"].into();
    Entry::Unit(Unit { puts: vec![Arc::new(r)], ..Unit::default() })
}

fn ids(state: &State) -> Vec<String> {
    state.records.values().flat_map(|t| t.keys().map(|k| k.to_string())).collect()
}

fn write(dir: &Path, n: u64) -> State {
    let (mut log, _) = open(dir).unwrap();
    for i in 0..n {
        log.append(&[put(i)]).unwrap();
    }
    drop(log);
    let (log, state) = open(dir).unwrap();
    drop(log);
    state
}

#[test]
fn reopen_checkpoint_seal_and_marks_keep_everything() {
    let dir = tempfile::tempdir().unwrap();
    let full = write(dir.path(), 4);
    assert_eq!(ids(&full), ["id-0", "id-1", "id-2", "id-3"]);
    let (mut log, state) = open(dir.path()).unwrap();
    let counters = Counters { id: "id-1".into(), incarnation: (u64::MAX - 1).cast_signed(), vectors: 7, bytes: 8 };
    let unit = Unit { deletes: vec!["id-0".into()], counters: vec![counters], ..Unit::default() };
    let ns = Namespace::new("t").unwrap();
    log.append(&[Entry::Unit(unit), Entry::Restoring(ns.clone(), true)]).unwrap();
    assert_eq!(state, full);
    log.close().unwrap();
    let (mut log, state) = open(dir.path()).unwrap();
    assert_eq!(ids(&state), ["id-1", "id-2", "id-3"]);
    assert_eq!(state.records[&Namespace::default()]["id-1"].vector_count, 7);
    assert!(state.restoring.contains(&ns));
    checkpoint(&mut log, &state);
    log.append(&[put(9)]).unwrap();
    drop(log);
    let (_log, after) = open(dir.path()).unwrap();
    assert_eq!(ids(&after), ["id-1", "id-2", "id-3", "id-9"]);
    assert_eq!(after.restoring, state.restoring);
}

#[test]
fn every_cut_leaves_whole_units_and_every_flip_is_refused_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let full = write(dir.path(), 3);
    let segment = dir.path().join("wal-0000000001.log");
    let bytes = fs::read(&segment).unwrap();
    for cut in 64..bytes.len() {
        fs::write(&segment, &bytes[..cut]).unwrap();
        let (_log, state) = open(dir.path()).unwrap();
        assert!(ids(&full).starts_with(&ids(&state)), "cut at {cut}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&segment, &bad).unwrap();
        match open(dir.path()) {
            Ok((_log, state)) => assert_eq!(ids(&state), ["id-0", "id-1"], "bit {bit}: only the last unit may be torn"),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Corruption, "bit {bit}: {e}"),
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 2);
    let (mut log, state) = open(dir.path()).unwrap();
    checkpoint(&mut log, &state);
    drop(log);
    let path = dir.path().join("checkpoint-0000000002.ckpt");
    let bytes = fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).unwrap();
        assert_eq!(open(dir.path()).unwrap_err().kind(), ErrorKind::Corruption, "bit {bit}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(open(dir.path()).unwrap_err().kind(), ErrorKind::Corruption, "a lost checkpoint");
}

#[test]
fn locked_foreign_and_unmarked_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, _) = open(dir.path()).unwrap();
    assert_eq!(open(dir.path()).unwrap_err().kind(), ErrorKind::Locked);
    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("thesis.tex"), "x").unwrap();
    assert_eq!(open(foreign.path()).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(fs::read_dir(foreign.path()).unwrap().count(), 1);
    let unmarked = tempfile::tempdir().unwrap();
    write(unmarked.path(), 1);
    fs::remove_file(unmarked.path().join("FORMAT")).unwrap();
    assert_eq!(open(unmarked.path()).unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn a_newer_format_is_refused_with_the_reason_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    fs::write(dir.path().join("FORMAT"), "proximadb-meta-wal format 2\n").unwrap();
    let e = open(dir.path()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported, "{e}");
    assert!(e.to_string().contains("format 2"), "{e}");
    for bad in ["", "proximadb-meta-wal format 1", "proximadb-meta-wal format x\n", "\u{1}"] {
        fs::write(dir.path().join("FORMAT"), bad).unwrap();
        assert_eq!(open(dir.path()).unwrap_err().kind(), ErrorKind::Corruption, "{bad:?}");
    }
}

#[test]
fn a_marker_that_says_being_made_over_a_log_is_damage_and_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    fs::write(dir.path().join("FORMAT"), "proximadb-meta-wal format 1, being created\n").unwrap();
    let e = open(dir.path()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    fs::write(dir.path().join("FORMAT"), "proximadb-meta-wal format 1\n").unwrap();
    assert_eq!(ids(&open(dir.path()).unwrap().1), ["id-0"]);
    // What making a directory leaves when it is killed is no damage.
    let new = tempfile::tempdir().unwrap();
    drop(open(new.path()).unwrap());
    fs::write(new.path().join("FORMAT"), "proximadb-meta-wal format 1, being created\n").unwrap();
    assert_eq!(open(new.path()).unwrap().1, State::default());
}

#[test]
fn a_counter_that_no_record_can_have_is_damage() {
    for (vectors, bytes) in [(1 << 53, 0), (0, 1 << 53), (-1, 0), (0, i64::MIN)] {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = open(dir.path()).unwrap();
        let counters = Counters { id: "id-0".into(), incarnation: u64::MAX.cast_signed(), vectors, bytes };
        log.append(&[put(0), Entry::Unit(Unit { counters: vec![counters], ..Unit::default() })]).unwrap();
        drop(log);
        let e = open(dir.path()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
        assert!(e.to_string().contains("wal-0000000001.log, byte"), "{e}");
    }
}

#[test]
fn opening_and_closing_leaves_no_files_behind() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        let (log, _) = open(dir.path()).unwrap();
        log.close().unwrap();
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "marker, lock and one segment");
    for n in 0..3 {
        let (mut log, state) = open(dir.path()).unwrap();
        assert_eq!(ids(&state).len(), n);
        log.append(&[put(n as u64)]).unwrap();
        log.close().unwrap();
    }
}
