//! The bytes of a log's files, written from `docs/format.md` of the crate: checksums that are right over any content.

use crate::crc::crc32c;

/// Bytes of a file header.
pub const FILE_HEADER: usize = 64;
/// Bytes of a frame header.
pub const FRAME_HEADER: usize = 32;
/// The marker of a finished directory.
pub const MARKER: &str = "proximadb-meta-wal format 1\n";
/// The salt of every file that is made here.
pub const SALT: [u8; 16] = *b"salt for fuzzing";

/// Kinds of frames, as the format numbers them.
pub mod kind {
    /// A unit.
    pub const UNIT: u8 = 1;
    /// A restoring mark.
    pub const MARK: u8 = 2;
    /// A seal.
    pub const SEAL: u8 = 3;
    /// The end of a checkpoint.
    pub const END: u8 = 4;
    /// A turn.
    pub const TURN: u8 = 5;
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A log segment.
    Segment,
    /// A checkpoint.
    Checkpoint,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Segment => b"PXMETAWL",
            Self::Checkpoint => b"PXMETACK",
        }
    }
}

/// The name of a segment.
#[must_use]
pub fn segment_name(n: u64) -> String {
    format!("wal-{n:010}.log")
}

/// The name of a checkpoint.
#[must_use]
pub fn checkpoint_name(n: u64) -> String {
    format!("checkpoint-{n:010}.ckpt")
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Four bytes as a number; 0 where they are not all there.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
}

/// Eight bytes as a number; 0 where they are not all there.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

/// A file header.
#[must_use]
pub fn header(kind: FileKind, number: u64, seq: u64) -> Vec<u8> {
    let mut out = vec![0; FILE_HEADER];
    put(&mut out, 40, &SALT);
    number_header(&mut out, kind, number);
    put(&mut out, 32, &seq.to_le_bytes());
    mend(&mut out);
    out
}

/// A frame of a file with the usual salt. The length is that of the payload, whatever it is.
#[must_use]
pub fn frame(kind: u8, seq: u64, durable_upto: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; FRAME_HEADER];
    put(&mut out, 0, &(payload.len() as u32).to_le_bytes());
    put(&mut out, 4, &[kind]);
    put(&mut out, 8, &seq.to_le_bytes());
    put(&mut out, 16, &durable_upto.to_le_bytes());
    out.extend_from_slice(payload);
    mend_frame(&mut out, &SALT);
    out
}

/// Makes the checksums of a frame right, and gives its length if all of it is there.
fn mend_frame(bytes: &mut [u8], salt: &[u8]) -> Option<usize> {
    let end = FRAME_HEADER.checked_add(u32_at(bytes, 0) as usize)?;
    let crc = bytes.get(FRAME_HEADER..end).map(|payload| crc32c(&[payload]));
    put(bytes, 24, &crc.unwrap_or_default().to_le_bytes());
    let head = crc32c(&[salt, bytes.get(..28)?]);
    put(bytes, 28, &head.to_le_bytes());
    crc.map(|_| end)
}

/// Makes every checksum of a file right, as far as its frames' lengths lead.
pub fn mend(bytes: &mut [u8]) {
    let Some(head) = bytes.get(..60) else { return };
    let crc = crc32c(&[head]);
    put(bytes, 60, &crc.to_le_bytes());
    let salt = bytes.get(40..56).unwrap_or_default().to_vec();
    each_frame(bytes, |frame, _| mend_frame(frame, &salt));
}

/// Gives a file header its magic, number and format.
fn number_header(bytes: &mut [u8], kind: FileKind, number: u64) {
    put(bytes, 0, kind.magic());
    for at in [8, 12, 16] {
        put(bytes, at, &1u32.to_le_bytes());
    }
    put(bytes, 20, &[0; 4]);
    put(bytes, 24, &number.to_le_bytes());
    put(bytes, 56, &[0; 4]);
}

/// Makes the header one of this file, numbers the frames in order, and then makes the checksums right: what is left to be wrong
/// is what the frames say.
pub fn renumber(bytes: &mut [u8], kind: FileKind, number: u64, seq: u64) {
    number_header(bytes, kind, number);
    put(bytes, 32, &seq.to_le_bytes());
    let first = if kind == FileKind::Checkpoint { 1 } else { seq };
    each_frame(bytes, |frame, index| {
        put(frame, 5, &[0; 3]);
        put(frame, 8, &first.wrapping_add(index).to_le_bytes());
        FRAME_HEADER.checked_add(u32_at(frame, 0) as usize)
    });
    mend(bytes);
}

/// Visits the frames from the first one on, with their index; each visit gives the length, `None` ends.
fn each_frame(bytes: &mut [u8], mut visit: impl FnMut(&mut [u8], u64) -> Option<usize>) {
    let (mut at, mut index) = (FILE_HEADER, 0);
    while let Some(rest) = bytes.get_mut(at..).filter(|r| r.len() >= FRAME_HEADER) {
        let Some(length) = visit(rest, index) else { return };
        at += length;
        index += 1;
    }
}
