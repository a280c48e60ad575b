//! The bytes of a log file: one header of 64 bytes, then frames, each with a checksum of its header and one of its payload.

use proximadb_meta_core::{Error, ErrorKind, Result};

use crate::sabotage::{Sabotage, sabotaged};

/// The format this release writes.
pub(crate) const FORMAT: u32 = 1;
/// Length of a file header.
pub(crate) const FILE_HEADER: usize = 64;
/// Length of a frame header.
pub(crate) const FRAME_HEADER: usize = 32;
/// Numbers of files and of frames end here: one more always has room.
const MAX_NUMBER: u64 = 1 << 62;
/// Longest payload: checked before anything is allocated for it.
pub(crate) const MAX_PAYLOAD: usize = 64 * 1024 * 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A log segment.
    Segment,
    /// A checkpoint.
    Checkpoint,
}

impl FileKind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Segment => b"PXMETAWL",
            Self::Checkpoint => b"PXMETACK",
        }
    }
}

/// The header of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// What the file is.
    pub(crate) kind: FileKind,
    /// The number in its name.
    pub(crate) number: u64,
    /// Segment: the sequence number of its first frame. Checkpoint: the last one it covers.
    pub(crate) seq: u64,
    /// Random; part of every checksum, so that frames of another file are never taken for this one's.
    pub(crate) salt: [u8; 16],
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl FileHeader {
    /// A header with a fresh salt.
    pub(crate) fn new(kind: FileKind, number: u64, seq: u64) -> Self {
        Self { kind, number, seq, salt: crate::random::salt() }
    }

    /// The bytes.
    pub(crate) fn encode(&self) -> [u8; FILE_HEADER] {
        let mut out = [0; FILE_HEADER];
        out[0..8].copy_from_slice(self.kind.magic());
        for at in [8, 12, 16] {
            // Format, oldest reader, oldest writer: all the first one.
            out[at..at + 4].copy_from_slice(&FORMAT.to_le_bytes());
        }
        out[24..32].copy_from_slice(&self.number.to_le_bytes());
        out[32..40].copy_from_slice(&self.seq.to_le_bytes());
        out[40..56].copy_from_slice(&self.salt);
        let crc = crc32c::crc32c(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header of the file `name`, which must be of this kind and number.
    ///
    /// # Errors
    /// `Corruption` for bytes that are not what was written, `Unsupported` for a newer format.
    pub(crate) fn decode(bytes: &[u8], kind: FileKind, number: u64, name: &str) -> Result<Self> {
        Self::examine(bytes, kind, number).map_err(|problem| match problem {
            HeaderProblem::Damaged { offset, what } => damaged(name, offset, what),
            HeaderProblem::Newer { format, reader, writer } => Error::unsupported(format!(
                "{name} has format {format}, which needs a release that reads format {reader} and writes format {writer}; \
                 this release knows format {FORMAT}"
            ))
            .with_hint("open it with the release that wrote it, or a newer one"),
        })
    }

    /// As [`decode`](Self::decode), with what is wrong in parts.
    pub(crate) fn examine(bytes: &[u8], kind: FileKind, number: u64) -> Result<Self, HeaderProblem> {
        let bad = |offset, what| Err(HeaderProblem::Damaged { offset, what });
        let Some(head) = bytes.get(..FILE_HEADER) else { return bad(bytes.len(), "the file header is cut short") };
        if u32_at(head, 60) != crc32c::crc32c(&head[..60]) {
            return bad(0, "the file header does not match its checksum");
        }
        if !head.starts_with(kind.magic()) {
            return bad(0, "the file is of another kind");
        }
        let (format, reader, writer) = format_of(head);
        if reader.max(writer) > FORMAT {
            return Err(HeaderProblem::Newer { format, reader, writer });
        }
        if u64_at(head, 24) != number {
            return bad(24, "the file has another number than its name");
        }
        if format == 0 || head[20..24].iter().chain(&head[56..60]).any(|b| *b != 0) {
            return bad(20, "reserved bytes of the file header are set");
        }
        if number.max(u64_at(head, 32)) > MAX_NUMBER {
            return bad(24, "the file has a number that no log reaches");
        }
        Ok(Self { kind, number, seq: u64_at(head, 32), salt: salt_of(head) })
    }
}

/// What is wrong with a file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderProblem {
    /// It is not what was written.
    Damaged {
        /// Where.
        offset: usize,
        /// In which way.
        what: &'static str,
    },
    /// A newer release wrote it.
    Newer {
        /// The file's format.
        format: u32,
        /// The oldest format a reader must know.
        reader: u32,
        /// The oldest format a writer must know.
        writer: u32,
    },
}

/// The format, the oldest a reader must know, the oldest a writer must know; as they stand there.
pub(crate) fn format_of(head: &[u8]) -> (u32, u32, u32) {
    (u32_at(head, 8), u32_at(head, 12), u32_at(head, 16))
}

/// The number of the file, and of its first or last entry; as they stand there.
pub(crate) fn numbers_of(head: &[u8]) -> (u64, u64) {
    (u64_at(head, 24), u64_at(head, 32))
}

/// The salt as it stands there, zeros where the header is cut short.
pub(crate) fn salt_of(head: &[u8]) -> [u8; 16] {
    head.get(40..56).and_then(|b| b.try_into().ok()).unwrap_or_default()
}

/// Damage found in a file.
pub(crate) fn damaged(name: &str, offset: usize, what: &str) -> Error {
    Error::new(ErrorKind::Corruption, format!("{name}, byte {offset}: {what}"))
        .with_hint("restore the directory from a backup; nothing was changed")
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One atomic unit of one namespace.
    Unit,
    /// A namespace is being restored, or no longer.
    Restoring,
    /// The log was closed in good order: nothing follows in this file.
    Seal,
    /// The end of a checkpoint: nothing follows in this file.
    End,
    /// The log goes on in the next segment, which is there: nothing follows in this file.
    Turn,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Unit => 1,
            Self::Restoring => 2,
            Self::Seal => 3,
            Self::End => 4,
            Self::Turn => 5,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Unit),
            2 => Some(Self::Restoring),
            3 => Some(Self::Seal),
            4 => Some(Self::End),
            5 => Some(Self::Turn),
            _ => None,
        }
    }
}

/// A frame read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it holds.
    pub(crate) kind: Kind,
    /// Its sequence number.
    pub(crate) seq: u64,
    /// Everything up to this was synced before this frame was written.
    pub(crate) durable_upto: u64,
    /// The payload.
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// Length of the frame with its header.
    pub(crate) fn length(&self) -> usize {
        FRAME_HEADER + self.payload.len()
    }
}

/// Appends a frame.
///
/// # Errors
/// `InvalidInput` for a payload over its limit: nothing is appended.
pub(crate) fn push(out: &mut Vec<u8>, salt: &[u8; 16], frame: Frame<'_>) -> Result<()> {
    let Frame { kind, seq, durable_upto, payload } = frame;
    write(out, salt, (kind, seq, durable_upto), |out| {
        out.extend_from_slice(payload);
        Ok(())
    })
}

/// Appends a frame of this kind, sequence number and `durable_upto`, whose payload is written in its place.
///
/// # Errors
/// `InvalidInput` for a payload over its limit, and what writing it gives: nothing is appended.
pub(crate) fn write(
    out: &mut Vec<u8>,
    salt: &[u8; 16],
    (kind, seq, durable_upto): (Kind, u64, u64),
    payload: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let start = out.len();
    out.resize(start + FRAME_HEADER, 0);
    let done = payload(out).and_then(|()| {
        let Some((head, payload)) = out.get_mut(start..).and_then(|f| f.split_at_mut_checked(FRAME_HEADER)) else {
            return Err(Error::new(ErrorKind::Internal, "a payload took the place of its header"));
        };
        let length = u32::try_from(payload.len()).ok().filter(|n| *n as usize <= MAX_PAYLOAD).ok_or_else(|| {
            Error::invalid(format!("the unit takes {} bytes of log; the limit is {MAX_PAYLOAD}", payload.len()))
        })?;
        head[0..4].copy_from_slice(&length.to_le_bytes());
        head[4] = kind.code();
        head[8..16].copy_from_slice(&seq.to_le_bytes());
        head[16..24].copy_from_slice(&durable_upto.to_le_bytes());
        head[24..28].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(salt), &head[..28]);
        head[28..].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    });
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// The frame header at the start of `bytes`, if there is a valid one: kind, seq, durable_upto, payload length and checksum.
pub(crate) fn peek(bytes: &[u8], salt: &[u8; 16]) -> Option<(Kind, u64, u64, usize, u32)> {
    let head = bytes.get(..FRAME_HEADER)?;
    let length = u32_at(head, 0) as usize;
    // The cheap tests first: a search for frames runs this at every byte.
    if length > MAX_PAYLOAD || head[5..8] != [0; 3] {
        return None;
    }
    let kind = Kind::of(head[4])?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(salt), &head[..28]);
    (crc == u32_at(head, 28) || sabotaged(Sabotage::HeaderUnchecked))
        .then(|| (kind, u64_at(head, 8), u64_at(head, 16), length, u32_at(head, 24)))
}

/// The frame at the start of `bytes`; the words say what is wrong with it.
pub(crate) fn read<'a>(bytes: &'a [u8], salt: &[u8; 16]) -> Result<Frame<'a>, &'static str> {
    let (kind, seq, durable_upto, length, crc) = peek(bytes, salt).ok_or("no valid frame header")?;
    let payload = bytes.get(FRAME_HEADER..FRAME_HEADER + length).ok_or("the frame is cut short")?;
    if crc32c::crc32c(payload) != crc && !sabotaged(Sabotage::PayloadUnchecked) {
        return Err("the payload does not match its checksum");
    }
    Ok(Frame { kind, seq, durable_upto, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 16] = *b"0123456789abcdef";

    fn header(number: u64, seq: u64) -> FileHeader {
        FileHeader { kind: FileKind::Segment, number, seq, salt: SALT }
    }

    /// The header's bytes with a change, and a checksum that fits.
    fn changed(at: usize, bytes: &[u8]) -> [u8; FILE_HEADER] {
        let mut head = header(3, 9).encode();
        head[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32c::crc32c(&head[..60]);
        head[60..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    fn examine(head: &[u8]) -> Result<FileHeader, HeaderProblem> {
        FileHeader::examine(head, FileKind::Segment, 3)
    }

    #[test]
    fn sizes_and_limits_are_those_of_the_format_document() {
        assert_eq!(
            (FILE_HEADER, FRAME_HEADER, MAX_PAYLOAD, MAX_NUMBER),
            (64, 32, 67_108_864, 4_611_686_018_427_387_904)
        );
    }

    #[test]
    fn a_file_header_gives_back_what_was_written_and_each_part_is_checked() {
        let head = header(3, 9).encode();
        assert_eq!(examine(&head), Ok(header(3, 9)));
        assert_eq!((format_of(&head), numbers_of(&head), salt_of(&head)), ((1, 1, 1), (3, 9), SALT));
        let damaged = |offset, what| Err(HeaderProblem::Damaged { offset, what });
        assert_eq!(examine(&head[..63]), damaged(63, "the file header is cut short"));
        let mut flipped = head;
        flipped[33] ^= 1;
        assert_eq!(examine(&flipped), damaged(0, "the file header does not match its checksum"));
        assert_eq!(examine(&changed(0, b"PXMETACK")), damaged(0, "the file is of another kind"));
        assert_eq!(
            examine(&changed(24, &4u64.to_le_bytes())),
            damaged(24, "the file has another number than its name")
        );
        for reserved in [20, 23, 56, 59] {
            assert_eq!(examine(&changed(reserved, &[1])), damaged(20, "reserved bytes of the file header are set"));
        }
        assert_eq!(examine(&changed(8, &[0; 4])), damaged(20, "reserved bytes of the file header are set"));
        let far = |n: u64| examine(&changed(32, &n.to_le_bytes())).map(|h| h.seq);
        assert_eq!(far(MAX_NUMBER), Ok(MAX_NUMBER));
        assert_eq!(
            far(MAX_NUMBER + 1),
            Err(HeaderProblem::Damaged { offset: 24, what: "the file has a number that no log reaches" })
        );
        let numbered = FileHeader { number: MAX_NUMBER + 1, ..header(0, 0) }.encode();
        assert!(FileHeader::examine(&numbered, FileKind::Segment, MAX_NUMBER + 1).is_err());
    }

    #[test]
    fn a_newer_format_is_told_from_damage_by_what_a_reader_or_writer_must_know() {
        let newer = |format: u32, reader: u32, writer: u32| {
            let words: Vec<u8> = [format, reader, writer].iter().flat_map(|n| n.to_le_bytes()).collect();
            examine(&changed(8, &words))
        };
        // A newer format that old readers and writers may still use is one that they may use.
        assert_eq!(newer(2, 1, 1), Ok(header(3, 9)));
        for (format, reader, writer) in [(2, 2, 1), (2, 1, 2), (7, 5, 6)] {
            assert_eq!(newer(format, reader, writer), Err(HeaderProblem::Newer { format, reader, writer }));
        }
    }

    #[test]
    fn a_frame_of_every_kind_is_read_back_and_nothing_else_is_a_frame() {
        for kind in [Kind::Unit, Kind::Restoring, Kind::Seal, Kind::End, Kind::Turn] {
            let frame = Frame { kind, seq: 5, durable_upto: 4, payload: b"payload" };
            let mut bytes = Vec::new();
            push(&mut bytes, &SALT, frame).unwrap();
            assert_eq!((read(&bytes, &SALT), frame.length()), (Ok(frame), bytes.len()));
            assert_eq!(read(&bytes, b"fedcba9876543210"), Err("no valid frame header"));
            assert_eq!(read(&bytes[..bytes.len() - 1], &SALT), Err("the frame is cut short"));
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            assert_eq!(read(&bytes, &SALT), Err("the payload does not match its checksum"));
        }
        assert_eq!((Kind::of(0), Kind::of(6)), (None, None));
    }

    #[test]
    fn the_longest_payload_is_the_limit_and_reserved_bytes_are_zero() {
        let head = |length: u32, reserved: u8| {
            let mut head = [0; FRAME_HEADER];
            head[0..4].copy_from_slice(&length.to_le_bytes());
            (head[4], head[6]) = (1, reserved);
            let crc = crc32c::crc32c_append(crc32c::crc32c(&SALT), &head[..28]);
            head[28..].copy_from_slice(&crc.to_le_bytes());
            peek(&head, &SALT).map(|(_, _, _, length, _)| length)
        };
        let most = MAX_PAYLOAD as u32;
        assert_eq!(
            (head(most, 0), head(most + 1, 0), head(7, 0), head(7, 1)),
            (Some(MAX_PAYLOAD), None, Some(7), None)
        );
        let long = vec![0; MAX_PAYLOAD + 1];
        let frame = |payload| Frame { kind: Kind::Unit, seq: 1, durable_upto: 0, payload };
        let mut out = Vec::new();
        assert!(push(&mut out, &SALT, frame(&long)).unwrap_err().to_string().contains("the limit is 67108864"));
        assert!(out.is_empty());
        push(&mut out, &SALT, frame(&long[1..])).unwrap();
        assert_eq!(out.len(), FRAME_HEADER + MAX_PAYLOAD);
    }
}
