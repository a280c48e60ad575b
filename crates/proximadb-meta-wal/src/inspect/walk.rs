//! Walking over the frames of a file, past whatever is damaged between them.

use crate::frame::{self, FRAME_HEADER, Frame, Kind};

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A frame whose checksums are right.
    Whole(Frame<'a>),
    /// A header whose checksum is right, with a payload that is not.
    Broken { kind: Kind, seq: u64, durable_upto: u64, what: &'static str },
    /// Nothing that is a frame.
    Gap,
}

/// A piece and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) piece: Piece<'a>,
}

/// The pieces of a file from an offset on, without a hole between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    salt: [u8; 16],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8], salt: [u8; 16], at: usize) -> Self {
        Self { bytes, salt, at }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let offset = self.at;
        let rest = self.bytes.get(offset..).filter(|r| !r.is_empty())?;
        let (piece, length) = match frame::read(rest, &self.salt) {
            Ok(frame) => (Piece::Whole(frame), frame.length()),
            Err(what) => match frame::peek(rest, &self.salt) {
                // The header is right, and with it the length.
                Some((kind, seq, durable_upto, length, _)) => {
                    (Piece::Broken { kind, seq, durable_upto, what }, (FRAME_HEADER + length).min(rest.len()))
                }
                None => {
                    let next = (1..rest.len())
                        .find(|at| rest.get(*at..).is_some_and(|r| frame::peek(r, &self.salt).is_some()));
                    (Piece::Gap, next.unwrap_or(rest.len()))
                }
            },
        };
        self.at = offset + length;
        Some(Found { offset, length, piece })
    }
}

/// The highest number that any frame from `at` on says was synced before it.
pub(crate) fn proven(bytes: &[u8], salt: [u8; 16], at: usize) -> u64 {
    Walk::new(bytes, salt, at)
        .filter_map(|found| match found.piece {
            Piece::Whole(Frame { seq, durable_upto, .. }) | Piece::Broken { seq, durable_upto, .. } => {
                (durable_upto < seq).then_some(durable_upto)
            }
            Piece::Gap => None,
        })
        .max()
        .unwrap_or(0)
}
