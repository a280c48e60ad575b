//! Replaying segments, past what is damaged in them.

use proximadb_meta_core::Result;

use super::{File, MOST, Replay, is_ahead};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, Frame, Kind, salt_of};
use crate::inspect::content::Unit;
use crate::inspect::known::Misfit;
use crate::inspect::load::LoadedFile;
use crate::inspect::report::{Loss, SeqRange, TornTail};
use crate::inspect::walk::{Found, Piece, Walk, proven};
use crate::recover::known_synced;

impl<'a> Replay<'a> {
    /// Replays a segment; whether it ends with a turn to the next.
    pub(super) fn segment(&mut self, File { index, file }: File<'a>, follower: Option<File<'a>>) -> Result<bool> {
        let (bytes, name) = (&*file.bytes, &*file.name);
        if let (true, Some(trouble)) = (bytes.is_empty(), &file.trouble) {
            self.pend(name, 0, 0, format!("cannot be read: {trouble}"));
            return Ok(false);
        }
        if let Some((from, to)) = file.refused {
            self.damage(name, from, to - from, file.trouble.clone().unwrap_or_default(), Loss::Nothing);
        }
        let salt = salt_of(bytes);
        // Frames prove a salt whose own checksum is wrong.
        let mut trusted = false;
        match self.header(file, FileKind::Segment)? {
            Ok(header) => {
                trusted = true;
                if header.seq < self.next {
                    let what = format!("the segment begins with frame {}, not {}", header.seq, self.next);
                    self.damage(name, 32, 8, what, Loss::Nothing);
                } else {
                    self.arrive(header.seq, name, 32);
                }
            }
            Err((offset, what)) if bytes.len() < FILE_HEADER => {
                self.pend(name, offset, bytes.len(), what);
                return Ok(false);
            }
            Err((offset, what)) => drop(self.damage(name, offset, FILE_HEADER, what, Loss::Nothing)),
        }
        let next_segment = follower.and_then(|f| first_entry(f.file));
        let mut proof = None;
        let (mut ended, mut end) = (None, bytes.len());
        for Found { offset, length, piece } in Walk::new(bytes, salt, FILE_HEADER) {
            // What the disk refuses from here on may be what would prove this to be damage.
            let refused = file.is_refused(offset, bytes.len());
            if piece == Piece::Gap && !refused && is_ahead(bytes, offset) {
                end = offset;
                break;
            }
            if ended.is_some() {
                self.damage(name, offset, bytes.len() - offset, "bytes follow the last frame", Loss::Nothing);
                break;
            }
            trusted |= !matches!(piece, Piece::Gap);
            let what = match piece {
                Piece::Whole(frame) if frame.seq >= self.next && frame.seq < u64::MAX => {
                    self.arrive(frame.seq, name, offset);
                    match frame.kind {
                        // It takes the number that the next segment begins with, and is no entry.
                        Kind::Turn => ended = Some(Kind::Turn),
                        Kind::Seal => {
                            ended = Some(Kind::Seal);
                            self.keep(frame.seq);
                            self.next = frame.seq + 1;
                        }
                        _ => self.entry(index, name, offset, frame),
                    }
                    continue;
                }
                Piece::Whole(frame) => {
                    let what = format!("frame {} stands where {} belongs", frame.seq, self.next);
                    self.damage(name, offset, length, what, Loss::Nothing);
                    continue;
                }
                Piece::Broken { what, .. } => what,
                Piece::Gap => "no valid frame header",
            };
            let rest = bytes.get(offset..).unwrap_or_default();
            if follower.is_some() {
                if next_segment == Some(self.next) {
                    // The rest of a turn that a crash cut off.
                    end = offset;
                    break;
                }
            } else if trusted && !refused {
                let durable = match proof {
                    None => known_synced(rest, &salt, self.next),
                    Some(upto) => upto >= self.next,
                };
                if !durable {
                    self.torn(name, offset, what, Walk::new(bytes, salt, offset));
                    return Ok(false);
                }
                proof.get_or_insert_with(|| proven(bytes, salt, offset));
            }
            self.pend(name, offset, length, what);
            if let Piece::Broken { seq, kind, .. } = piece
                && kind != Kind::Turn
                && (self.next..u64::MAX).contains(&seq)
            {
                // The header says which entry it was.
                let this = self.pending.pop();
                self.arrive(seq, name, offset);
                self.pending.extend(this);
                let range = SeqRange { first: seq, last: Some(seq) };
                self.settle(range);
                self.lose(range);
                self.next = seq + 1;
            }
        }
        self.sealed = ended == Some(Kind::Seal) && follower.is_none();
        if let Some(next) = next_segment.filter(|n| *n > self.next && self.pending.is_empty()) {
            let what = format!("the segment ends before frame {}; the next begins with {next}", self.next);
            self.pend(name, end, 0, what);
        }
        Ok(ended == Some(Kind::Turn))
    }

    /// Takes the entry `frame.seq`, which is the next one.
    fn entry(&mut self, index: usize, name: &str, offset: usize, frame: Frame<'a>) {
        let seq = frame.seq;
        self.next = seq.saturating_add(1);
        let result = match frame.kind {
            Kind::Unit => Unit::check(frame.payload).map(|unit| {
                let place = (index, offset + frame.length() - frame.payload.len());
                self.unit(name, offset, &unit, place, seq);
            }),
            Kind::Restoring => self.mark(frame.payload, FileKind::Segment),
            Kind::End => Err("the end of a checkpoint in a log segment".to_owned()),
            Kind::Seal | Kind::Turn => Ok(()),
        };
        match result {
            Ok(()) => self.keep(seq),
            Err(what) => {
                let range = SeqRange { first: seq, last: Some(seq) };
                self.damage(name, offset, frame.length(), what, Loss::Entries(range));
                self.lose(range);
            }
        }
    }

    fn unit(&mut self, name: &str, offset: usize, unit: &Unit<'a>, place: (usize, usize), seq: u64) {
        let mut wrong = None;
        let (affected, more) = (&mut self.affected, &mut self.more_affected);
        let fits = self.catalog.apply(unit, place, seq, |id, misfit| match misfit {
            Misfit::Contradiction(what) => wrong = Some(what),
            Misfit::Explained if affected.len() < MOST => drop(affected.insert(id)),
            Misfit::Explained => *more += u64::from(!affected.contains(&id)),
        });
        if fits.is_none() {
            wrong = Some("the directory is larger than can be looked at");
        }
        if let Some(what) = wrong {
            self.damage(name, offset, 0, what, Loss::Unknown);
            self.catalog.doubt(seq);
        }
    }

    /// The end of the log is cut off here.
    fn torn(&mut self, name: &str, offset: usize, what: &str, rest: Walk<'_>) {
        let (mut frames, mut bytes) = (0, 0);
        for found in rest {
            bytes += found.length as u64;
            frames += u64::from(matches!(found.piece, Piece::Whole(_)));
        }
        let (file, what) = (name.to_owned(), what.to_owned());
        self.torn_tail = Some(TornTail { file, offset: offset as u64, bytes, first: self.next, frames, what });
    }
}

/// The number of the first entry of a segment: its header says it, or else its first frame.
pub(super) fn first_entry(segment: &LoadedFile) -> Option<u64> {
    if let Ok(header) = FileHeader::examine(&segment.bytes, FileKind::Segment, segment.number) {
        return Some(header.seq);
    }
    match Walk::new(&segment.bytes, salt_of(&segment.bytes), FILE_HEADER).next()?.piece {
        Piece::Whole(Frame { seq, .. }) | Piece::Broken { seq, .. } => Some(seq),
        Piece::Gap => None,
    }
}
