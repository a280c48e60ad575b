//! The files of the log, each through an opening of the whole directory.

use std::sync::LazyLock;

use proximadb_meta_core::Namespace;

use crate::files::Files;
use crate::format::{
    self, FILE_HEADER, FileKind, MARKER, checkpoint_name, frame, header, kind, mend, renumber, segment_name, u64_at,
};
use crate::opened::{opens, serves};
use crate::sample::{self, SEGMENT, base, groups, payload, segment, units};

fn directory(files: &[(&str, Vec<u8>)]) -> Files {
    let directory = Files::default();
    directory.put("FORMAT", MARKER);
    for (name, bytes) in files {
        directory.put(name, bytes.clone());
    }
    directory
}

/// The bytes of a file as they are, with right checksums, and with a right header and numbers too.
fn variants(data: &[u8], kind: FileKind, number: u64, seq: u64) -> [Vec<u8>; 3] {
    let (mut mended, mut numbered) = (data.to_vec(), data.to_vec());
    mend(&mut mended);
    renumber(&mut numbered, kind, number, seq);
    [data.to_vec(), mended, numbered]
}

/// The content of the marker file.
pub(crate) fn marker(data: &[u8]) -> bool {
    let files = directory(&[(&segment_name(1), header(FileKind::Segment, 1, 1))]);
    files.put("FORMAT", data);
    opens(&files)
}

/// A file header: of the only segment, and of a checkpoint.
pub(crate) fn file_header(data: &[u8]) -> bool {
    let head = data.get(..FILE_HEADER).unwrap_or(data);
    let mut opened = false;
    for bytes in variants(head, SEGMENT.0, SEGMENT.1, u64_at(head, 32)) {
        opened |= opens(&directory(&[(&segment_name(1), bytes)]));
    }
    for mut bytes in variants(head, FileKind::Checkpoint, 2, u64_at(head, 32)) {
        let seq = u64_at(&bytes, 32);
        bytes.extend(frame(kind::END, 1, 0, &[]));
        mend(&mut bytes);
        opened |= opens(&beside_segment(bytes, seq));
    }
    opened
}

/// A checkpoint with number 2, and the segment that goes on from it.
fn beside_segment(checkpoint: Vec<u8>, seq: u64) -> Files {
    let segment = header(FileKind::Segment, 2, seq.wrapping_add(1));
    directory(&[(&checkpoint_name(2), checkpoint), (&segment_name(2), segment)])
}

/// A whole segment, the only one.
pub(crate) fn log_segment(data: &[u8]) -> bool {
    let mut opened = false;
    for bytes in variants(data, SEGMENT.0, SEGMENT.1, 1) {
        opened |= opens(&directory(&[(&segment_name(1), bytes)]));
    }
    opened
}

/// A whole checkpoint.
pub(crate) fn checkpoint(data: &[u8]) -> bool {
    let seq = u64_at(data, 32);
    let mut opened = false;
    for bytes in variants(data, FileKind::Checkpoint, 2, seq) {
        opened |= opens(&beside_segment(bytes, seq));
    }
    opened
}

/// The payload of a unit, in a log that holds three records.
pub(crate) fn unit(data: &[u8]) -> bool {
    framed(kind::UNIT, data)
}

/// The payload of a restoring mark.
pub(crate) fn restoring_mark(data: &[u8]) -> bool {
    framed(kind::MARK, data)
}

/// The payload of the unit that stands before the one under test.
static BASE: LazyLock<Vec<u8>> = LazyLock::new(|| payload(&base()));

fn framed(kind: u8, payload: &[u8]) -> bool {
    let mut file = header(FileKind::Segment, 1, 1);
    file.extend(frame(kind::UNIT, 1, 0, &BASE));
    file.extend(frame(kind, 2, 1, payload));
    let in_segment = opens(&directory(&[(&segment_name(1), file)]));
    let mut file = header(FileKind::Checkpoint, 2, 2);
    file.extend(frame(kind::UNIT, 1, 0, &BASE));
    file.extend(frame(kind, 2, 0, payload));
    file.extend(frame(kind::END, 3, 0, &[]));
    let in_checkpoint = opens(&beside_segment(file, 2));
    assert!(in_segment || !in_checkpoint, "a payload is bad in a segment and good in a checkpoint");
    in_segment
}

/// Seeds of [`marker`].
pub(crate) fn marker_seeds() -> Vec<Vec<u8>> {
    [MARKER, "proximadb-meta-wal format 1, being created\n", "proximadb-meta-wal format 2\n"].map(Into::into).into()
}

/// Seeds of [`file_header`].
pub(crate) fn header_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![header(FileKind::Segment, 1, 1), header(FileKind::Checkpoint, 2, 9)];
    seeds.extend([u64::MAX, u64::MAX - 1, 1 << 62].map(|seq| header(FileKind::Checkpoint, 2, seq)));
    let mut newer = header(FileKind::Segment, 1, 1);
    if let Some(format) = newer.get_mut(8..20) {
        format.copy_from_slice(&[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]);
    }
    mend(&mut newer);
    seeds.push(newer);
    seeds
}

/// Seeds of [`log_segment`].
pub(crate) fn segment_seeds() -> Vec<Vec<u8>> {
    let whole = segment(&groups(), false);
    let torn = whole.get(..whole.len() - 5).unwrap_or_default().to_vec();
    let mut turned = segment(&groups(), false);
    turned.extend(frame(kind::TURN, 9, 8, &[]));
    vec![segment(&[], false), whole, segment(&groups(), true), torn, turned]
}

/// Seeds of [`checkpoint`].
pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let mut empty = header(FileKind::Checkpoint, 2, 4);
    empty.extend(frame(kind::END, 1, 0, &[]));
    let whole = sample::checkpoint_file();
    let torn = whole.get(..whole.len() - 5).unwrap_or_default().to_vec();
    vec![whole, torn, empty]
}

/// Seeds of [`unit`].
pub(crate) fn unit_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = units().iter().map(payload).collect();
    // A namespace of half a gigabyte, 2^40 deletes, a delete of what is not there, a block that says its length.
    seeds.push(vec![0x80, 0x80, 0x80, 0x80, 0x04]);
    seeds.push(vec![0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]);
    seeds.push(vec![0, 2, 2, b'x', 0, 0, 0]);
    seeds.push([&[0, 1, 10, 8][..], b"id-0", &[0, 0, 0]].concat());
    seeds
}

/// Seeds of [`restoring_mark`].
pub(crate) fn mark_seeds() -> Vec<Vec<u8>> {
    let long = Namespace::new(&"n".repeat(64)).unwrap_or_default();
    [(1, ""), (0, ""), (1, "tenant"), (0, "tenant"), (1, long.as_str()), (2, "tenant"), (1, "a\u{1}")]
        .map(|(on, name)| [&[on], name.as_bytes()].concat())
        .into()
}

/// One file of a directory in the input of [`whole_directory`]: which name, what to make right, length, content.
const NAMES: [&str; 12] = [
    "FORMAT",
    "LOCK",
    "wal-0000000001.log",
    "wal-0000000002.log",
    "wal-0000000003.log",
    "checkpoint-0000000001.ckpt",
    "checkpoint-0000000002.ckpt",
    "checkpoint-0000000003.ckpt",
    "wal-0000000002.log.tmp",
    "FORMAT.tmp",
    "wal-18446744073709551615.log",
    "thesis.tex",
];

/// Several files from one input: for each a byte that names it (its two highest bits: as it is, right checksums, right numbers
/// and checksums), its length in two bytes, its content.
pub(crate) fn whole_directory(data: &[u8]) -> bool {
    let files = Files::default();
    let mut rest = data;
    while let Some((head, more)) = rest.split_first_chunk::<3>() {
        let [name, low, high] = *head;
        let (bytes, after) = more.split_at(usize::from(u16::from_le_bytes([low, high])).min(more.len()));
        rest = after;
        let place = usize::from(name & 63) % NAMES.len();
        let mut bytes = bytes.to_vec();
        match (name >> 6, place) {
            (1, _) => mend(&mut bytes),
            (2 | 3, 2..=4) => {
                let seq = u64_at(&bytes, 32);
                renumber(&mut bytes, FileKind::Segment, place as u64 - 1, seq);
            }
            (2 | 3, 5..=7) => {
                let seq = u64_at(&bytes, 32);
                renumber(&mut bytes, FileKind::Checkpoint, place as u64 - 4, seq);
            }
            _ => {}
        }
        files.put(NAMES.get(place).copied().unwrap_or_default(), bytes);
    }
    let opened = opens(&files);
    if opened {
        serves(&files);
    }
    opened
}

fn pack(files: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        out.push(*name);
        out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(*bytes);
    }
    out
}

/// Seeds of [`whole_directory`].
pub(crate) fn directory_seeds() -> Vec<Vec<u8>> {
    let marker = (0, MARKER.as_bytes());
    let being_made: (u8, &[u8]) = (0, b"proximadb-meta-wal format 1, being created\n");
    let (one, sealed, check) = (segment(&groups(), false), segment(&groups(), true), sample::checkpoint_file());
    let last = groups().iter().map(Vec::len).sum::<usize>() as u64;
    let next = |number, seq| format::header(FileKind::Segment, number, seq);
    let (second, after_seal) = (next(2, last + 1), next(2, last + 2));
    let empty = format::header(FileKind::Segment, 1, 1);
    vec![
        pack(&[]),
        pack(&[being_made]),
        pack(&[being_made, (2 + 64, &empty)]),
        pack(&[marker, (2 + 64, &one)]),
        pack(&[marker, (2 + 64, &sealed), (3 + 64, &after_seal)]),
        pack(&[marker, (2 + 64, &one), (3 + 128, &second)]),
        pack(&[marker, (6 + 64, &check), (3 + 64, &second), (2, &one), (8, b"unfinished")]),
        pack(&[being_made, (2 + 64, &one)]),
        pack(&[being_made, (6 + 64, &check)]),
        pack(&[(11, b"x")]),
    ]
}
