//! Directories of a log.

use std::sync::Arc;

use fuzz_targets::files::Files;
use fuzz_targets::format::{FileKind, MARKER, SALT, checkpoint_name, frame, header, kind, mend, segment_name};
use proximadb_meta_core::{ErrorKind, Result};
use proximadb_meta_wal::log::{Log, Opened};

use crate::avro::{TEXTS, long, puts, record, text};
use crate::counting::alone;
use crate::{ALLOWANCE, bounded, bounded_by};

fn directory(files: &[(String, Vec<u8>)]) -> (Files, usize) {
    let directory = Files::default();
    directory.put("FORMAT", MARKER);
    for (name, bytes) in files {
        directory.put(name, bytes.clone());
    }
    let size = directory.all().values().map(Vec::len).sum();
    (directory, size)
}

fn open(files: Files) -> Result<Opened> {
    Log::open(Arc::new(files), 1 << 30)
}

/// Opens a directory with this segment, and one with these frames in a checkpoint; both must be refused as damage.
fn refused(name: &str, kind: u8, payload: &[u8]) {
    let segment = [header(FileKind::Segment, 1, 1), frame(kind, 1, 0, payload)].concat();
    let mut checkpoint = header(FileKind::Checkpoint, 2, 1);
    checkpoint.extend(frame(kind, 1, 0, payload));
    checkpoint.extend(frame(kind::END, 2, 0, &[]));
    let beside = header(FileKind::Segment, 2, 2);
    for files in [vec![(segment_name(1), segment)], vec![(checkpoint_name(2), checkpoint), (segment_name(2), beside)]] {
        let (files, size) = directory(&files);
        bounded(name, size, || {
            let e = open(files).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Corruption, "{name}: {e}");
        });
    }
}

#[test]
fn lengths_and_counts_at_their_ends() {
    let _alone = alone();
    for n in [i64::MIN, i64::MIN + 1, -(1 << 40), -1, 1 << 20, 1 << 29, 1 << 31, 1 << 40, i64::MAX] {
        refused(&format!("a namespace of {n} bytes"), kind::UNIT, &long(n));
        refused(&format!("{n} deletes"), kind::UNIT, &[vec![0], long(n)].concat());
        refused(&format!("{n} deletes in {n} bytes"), kind::UNIT, &[vec![0], long(n), long(n)].concat());
        refused(&format!("a deleted id of {n} bytes"), kind::UNIT, &[vec![0, 2], long(n)].concat());
        refused(&format!("{n} records"), kind::UNIT, &[vec![0, 0], long(n), vec![0; 99]].concat());
        refused(&format!("{n} counters"), kind::UNIT, &[vec![0, 0, 0], long(n), vec![0; 99]].concat());
        refused(&format!("an id of {n} bytes"), kind::UNIT, &[vec![0, 0, 2], long(n)].concat());
    }
}

#[test]
fn lists_of_nothing_that_fill_a_frame() {
    let _alone = alone();
    let many = 16 << 20;
    refused(
        "empty deletes in one block",
        kind::UNIT,
        &[vec![0], long(many), vec![0; many as usize], vec![0; 3]].concat(),
    );
    refused("empty deletes in blocks of one", kind::UNIT, &[vec![0], [2, 0].repeat(8 << 20), vec![0; 3]].concat());
    let most = 32 * 1024;
    let deletes = [vec![0], long(most), vec![0; most as usize], vec![0; 3]].concat();
    refused("as many deletes as there may be", kind::UNIT, &deletes);
    let counters = [vec![0, 0, 0], long(most), vec![0; 4 * most as usize], vec![0]].concat();
    refused("as many counters as there may be", kind::UNIT, &counters);
    let empty = puts((0..most).map(|_| record("", "", &[])));
    refused("as many empty records as there may be", kind::UNIT, &empty);
    refused("blocks of no record, one after the other", kind::UNIT, &[vec![0, 0], [1, 0].repeat(8 << 20)].concat());
}

#[test]
fn texts_that_fill_a_frame() {
    let _alone = alone();
    for size in [300 << 10, 24 << 20] {
        let long = vec![b'a'; size];
        refused("a long namespace", kind::UNIT, &[text(&long), vec![0; 3]].concat());
        refused("a long mark", kind::MARK, &[&[1], &long[..]].concat());
        for place in TEXTS {
            refused(&format!("a long {place}"), kind::UNIT, &puts([record("x", place, &long)]));
        }
    }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{{\"a\":{}1{}}}", open.repeat(20_000), close.repeat(20_000));
        refused("deep JSON", kind::UNIT, &puts([record("x", "config", deep.as_bytes())]));
    }
    let keys: Vec<String> = (0..20_000).map(|n| format!("\"{n:05}\":1")).collect();
    let wide = format!("{{{}}}", keys.join(","));
    refused("wide JSON", kind::UNIT, &puts([record("x", "extra", wide.as_bytes())]));
}

/// What an unclean end looks like, but long: it is searched for a frame that proves it damaged.
#[test]
fn tails_that_are_no_frames() {
    let _alone = alone();
    let looks_like_a_head = [16, 0, 0, 0, 1, 0, 0, 0].repeat(2 << 20);
    let tails = [vec![0; 16 << 20], vec![0xff; 16 << 20], vec![1; 16 << 20], looks_like_a_head];
    for tail in tails {
        let (files, size) = directory(&[(segment_name(1), [header(FileKind::Segment, 1, 1), tail].concat())]);
        bounded("a long tail", size, || assert!(open(files).unwrap().state().records.is_empty()));
    }
}

#[test]
fn frames_longer_than_their_file() {
    let _alone = alone();
    for length in [0, 1, 31, 4096, 64 << 20, (64 << 20) + 1, u32::MAX - 31, u32::MAX] {
        let mut segment = [header(FileKind::Segment, 1, 1), frame(kind::UNIT, 1, 0, &[0; 4])].concat();
        segment[64..68].copy_from_slice(&length.to_le_bytes());
        mend(&mut segment);
        let (files, size) = directory(&[(segment_name(1), segment)]);
        bounded("a long frame", size, || drop(open(files)));
    }
}

#[test]
fn many_small_frames() {
    let _alone = alone();
    // Marks of many namespaces, and the same mark many times.
    for names in [1, 400_000] {
        let mut segment = header(FileKind::Segment, 1, 1);
        for n in 0..400_000u64 {
            let mark = [&[1], format!("{}", n % names).as_bytes()].concat();
            segment.extend(frame(kind::MARK, n + 1, n, &mark));
        }
        let (files, size) = directory(&[(segment_name(1), segment)]);
        bounded("marks", size, || assert_eq!(open(files).unwrap().state().restoring.len() as u64, names));
    }
    let mut segment = header(FileKind::Segment, 1, 1);
    for n in 0..1_000_000u64 {
        segment.extend(frame(kind::UNIT, n + 1, n, &[0; 4]));
    }
    let (files, size) = directory(&[(segment_name(1), segment)]);
    bounded("empty units", size, || drop(open(files).unwrap()));
}

#[test]
fn markers_and_headers() {
    let _alone = alone();
    for marker in [vec![b'1'; 16 << 20], [MARKER.as_bytes(), &vec![b'9'; 16 << 20]].concat(), vec![0xff; 16 << 20]] {
        let files = Files::default();
        let size = marker.len();
        files.put("FORMAT", marker);
        bounded("a long marker", size, || assert_eq!(open(files).unwrap_err().kind(), ErrorKind::Corruption));
    }
    for number in [0, 1, 2, 9_999_999_999, u64::MAX - 1, u64::MAX] {
        for seq in [0, 1, 1 << 62, u64::MAX - 1, u64::MAX] {
            let mut checkpoint = header(FileKind::Checkpoint, number, seq);
            checkpoint.extend(frame(kind::END, 1, 0, &[]));
            let beside = header(FileKind::Segment, number, seq.wrapping_add(1));
            let files = [(checkpoint_name(number), checkpoint), (segment_name(number), beside)];
            let (files, size) = directory(&files);
            bounded("a number at its end", size, || drop(open(files)));
        }
    }
    assert_eq!(SALT.len(), 16);
}

/// The catalog itself is what a file is for: it takes what its records take, and a record of 35 bytes takes some 330 in memory. So a
/// file that is full of the smallest records is the one that may take more than four times its size.
#[test]
fn a_log_full_of_the_smallest_records_takes_what_the_records_take() {
    let _alone = alone();
    const RECORDS: usize = 200_000;
    const RECORD: usize = 400;
    let units: Vec<Vec<u8>> = (0..RECORDS)
        .collect::<Vec<_>>()
        .chunks(64)
        .map(|ids| puts(ids.iter().map(|n| record(&format!("{n:x}"), "", &[]))))
        .collect();
    let mut segment = header(FileKind::Segment, 1, 1);
    for (n, unit) in (1..).zip(&units) {
        segment.extend(frame(kind::UNIT, n, n - 1, unit));
    }
    let (files, size) = directory(&[(segment_name(1), segment)]);
    assert!(size < 50 * RECORDS, "the records are not small: {size}");
    let limit = 4 * size + RECORD * RECORDS;
    assert!(limit > ALLOWANCE, "the allowance would hide what is counted");
    bounded_by("the smallest records", size, limit, || {
        assert_eq!(open(files).unwrap().state().records.values().next().unwrap().len(), RECORDS);
    });
}
