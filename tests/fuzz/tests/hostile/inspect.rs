//! Inspect, verify and salvage: they keep a place for each record, not the record.

use std::fs;
use std::path::Path;

use fuzz_targets::format::{FileKind, MARKER, checkpoint_name, frame, header, kind, segment_name};
use proximadb_meta_wal::inspect::{Verdict, inspect, verify};
use proximadb_meta_wal::salvage::{SalvageOptions, salvage};

use crate::avro::{long, puts, record, text};
use crate::bounded_by;
use crate::counting::alone;

/// Bytes of a file. The smallest records in it would take ten times as much as an opening keeps them.
const SIZE: usize = 4 << 20;
/// Beside four times the size: what a checkpoint is written through. The allowance would hide what is counted.
const BUFFERS: usize = 3 << 20;

fn temporary() -> tempfile::TempDir {
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() }.unwrap()
}

/// Has everything that looks at a directory look at one with this file; what verify says.
fn looked_at(what: &str, name: &str, bytes: Vec<u8>) -> Verdict {
    let (dir, new) = (temporary(), temporary());
    fs::write(dir.path().join("FORMAT"), MARKER).unwrap();
    fs::write(dir.path().join(name), &bytes).unwrap();
    let size = bytes.len() + MARKER.len();
    drop(bytes);
    let bounded =
        |call: &str, work: &mut dyn FnMut()| bounded_by(&format!("{call}: {what}"), size, 4 * size + BUFFERS, work);
    let mut verdict = None;
    bounded("inspect", &mut || assert_eq!(inspect(dir.path()).unwrap().files.len(), 2));
    bounded("verify", &mut || verdict = Some(verify(dir.path()).unwrap().verdict));
    bounded("salvage", &mut || {
        let report = salvage(dir.path(), new.path().join("store"), SalvageOptions::including_stale()).unwrap();
        assert_eq!(Some(report.source.verdict), verdict);
    });
    verdict.unwrap()
}

/// A segment of entries until it is full.
fn segment(kind: u8, payload: impl Fn(u64) -> Vec<u8>, hole: bool) -> Vec<u8> {
    let mut out = header(FileKind::Segment, 1, 1);
    let mut seq = 0;
    while out.len() < SIZE {
        seq += 1;
        out.extend(frame(kind, seq, seq - 1, &payload(seq)));
    }
    if hole {
        // An entry is missing: every record before it is doubtful.
        out.extend(frame(kind, seq + 2, seq + 1, &payload(seq + 2)));
    }
    out
}

/// The smallest records, 64 in a unit.
fn records(seq: u64, name: Option<&str>) -> Vec<u8> {
    let one = |n: u64| {
        let id = format!("{:x}", seq * 64 + n);
        record(&id, if name.is_some() { "name" } else { "" }, name.unwrap_or_default().as_bytes())
    };
    puts((0..64).map(one))
}

#[test]
fn a_log_full_of_the_smallest_records_is_looked_at_in_little_memory() {
    let _alone = alone();
    let whole = segment(kind::UNIT, |seq| records(seq, None), false);
    assert_eq!(looked_at("the smallest records", &segment_name(1), whole), Verdict::Unsealed);
    let doubtful = segment(kind::UNIT, |seq| records(seq, None), true);
    assert_eq!(looked_at("doubtful records", &segment_name(1), doubtful), Verdict::Damaged);
    let conflicts = segment(kind::UNIT, |seq| records(seq, Some("n")), false);
    assert_eq!(looked_at("records of one name", &segment_name(1), conflicts), Verdict::Unsealed);
}

#[test]
fn a_damaged_checkpoint_full_of_the_smallest_records_is_looked_at_in_little_memory() {
    let _alone = alone();
    let mut checkpoint = header(FileKind::Checkpoint, 1, 7);
    let mut n = 0;
    while checkpoint.len() < SIZE {
        n += 1;
        checkpoint.extend(frame(kind::UNIT, n, 0, &records(n, None)));
    }
    checkpoint.extend(frame(kind::END, n + 2, 0, &[]));
    assert_eq!(looked_at("a damaged checkpoint", &checkpoint_name(1), checkpoint), Verdict::Damaged);
}

#[test]
fn many_small_frames_and_holes_are_looked_at_in_little_memory() {
    let _alone = alone();
    let empty = |_: u64| vec![0; 4];
    assert_eq!(looked_at("empty units", &segment_name(1), segment(kind::UNIT, empty, false)), Verdict::Unsealed);
    let marks = |seq: u64| [&[1], format!("{seq:x}").as_bytes()].concat();
    assert_eq!(looked_at("marks", &segment_name(1), segment(kind::MARK, marks, false)), Verdict::Unsealed);
    let one = |seq: u64| [text(format!("{seq:x}").as_bytes()), puts([record("x", "", &[])])[1..].to_vec()].concat();
    assert_eq!(looked_at("namespaces", &segment_name(1), segment(kind::UNIT, one, false)), Verdict::Unsealed);
    let mut broken = segment(kind::UNIT, empty, false);
    for at in (100..broken.len()).step_by(72) {
        broken[at] ^= 1;
    }
    assert_eq!(looked_at("broken frames", &segment_name(1), broken), Verdict::Damaged);
    let mut gaps = segment(kind::UNIT, empty, false);
    for at in (64..gaps.len()).step_by(72) {
        gaps[at] ^= 1;
    }
    assert_eq!(looked_at("gaps", &segment_name(1), gaps), Verdict::Damaged);
}

#[test]
fn entries_about_nothing_are_looked_at_in_little_memory() {
    let _alone = alone();
    let deletes = |_: u64| [vec![0], long(32_768), [2, b'x'].repeat(32_768), vec![0; 3]].concat();
    assert_eq!(looked_at("deletions", &segment_name(1), segment(kind::UNIT, deletes, true)), Verdict::Damaged);
    let counters = |_: u64| [vec![0; 3], long(32_768), [2, b'x', 0, 0, 0].repeat(32_768), vec![0]].concat();
    assert_eq!(looked_at("counters", &segment_name(1), segment(kind::UNIT, counters, true)), Verdict::Damaged);
}
