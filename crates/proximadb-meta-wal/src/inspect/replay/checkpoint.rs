//! Reading checkpoints: the newest that is complete, and what is left of those after it.

use proximadb_meta_core::Result;

use super::{File, Files, MOST, Replay, segment::first_entry};
use crate::frame::{FILE_HEADER, FileKind, Frame, Kind, salt_of};
use crate::inspect::content::Unit;
use crate::inspect::known::{Catalog, Misfit};
use crate::inspect::report::{CheckpointPosition, Damage, Loss, SeqRange};
use crate::inspect::walk::{Found, Piece, Walk};

/// A checkpoint that is not complete.
pub(super) struct Partial<'a> {
    pub(super) number: u64,
    file: File<'a>,
    /// Which of the listed damages are its own.
    damages: std::ops::Range<usize>,
}

/// How much of a checkpoint could be read.
struct Read {
    /// The last entry it covers, where that is known.
    seq: Option<u64>,
    complete: bool,
    /// Its damages, at most so many as are listed.
    damages: Vec<Damage>,
    more_damages: u64,
}

impl Read {
    fn damage(&mut self, file: &str, offset: usize, bytes: usize, what: impl Into<String>, lost: Loss) {
        self.complete &= lost == Loss::Nothing;
        if self.damages.len() >= MOST {
            self.more_damages += 1;
            return;
        }
        let (offset, bytes) = (offset as u64, bytes as u64);
        self.damages.push(Damage { file: file.to_owned(), offset, bytes, what: what.into(), lost });
    }
}

impl<'a> Replay<'a> {
    /// Loads the newest checkpoint that is complete; those after it, which are not, oldest first.
    pub(super) fn base(&mut self, segments: &Files<'a>, checkpoints: &Files<'a>) -> Result<Vec<Partial<'a>>> {
        let mut partial = Vec::new();
        for (&number, &file) in checkpoints.iter().rev() {
            let read = self.checkpoint(file, segments.get(&number).copied(), None)?;
            let from = self.damages.len();
            let listed = MOST.saturating_sub(from).min(read.damages.len());
            self.more_damages += read.more_damages + (read.damages.len() - listed) as u64;
            self.damages.extend(read.damages.into_iter().take(listed));
            let damages = from..self.damages.len();
            if let (true, Some(seq)) = (read.complete, read.seq) {
                self.checkpoint = Some(CheckpointPosition { number, seq });
                self.next = seq.saturating_add(1);
                if seq > 0 {
                    self.intact.push(SeqRange { first: 1, last: Some(seq) });
                }
                break;
            }
            self.catalog = Catalog::new(self.loaded);
            partial.push(Partial { number, file, damages });
        }
        partial.reverse();
        Ok(partial)
    }

    /// Reads a checkpoint into the catalog. `seq`: the last entry it covers, where the caller knows better.
    fn checkpoint(&mut self, file: File<'a>, segment: Option<File<'a>>, seq: Option<u64>) -> Result<Read> {
        let File { index, file } = file;
        let (bytes, name) = (&*file.bytes, &*file.name);
        let mut read = Read { seq: None, complete: true, damages: Vec::new(), more_damages: 0 };
        let from = |first| Loss::CheckpointFrames(SeqRange { first, last: None });
        if let (true, Some(trouble)) = (bytes.is_empty(), &file.trouble) {
            read.damage(name, 0, 0, format!("cannot be read: {trouble}"), from(1));
            return Ok(read);
        }
        if let Some((from, to)) = file.refused {
            read.damage(name, from, to - from, file.trouble.clone().unwrap_or_default(), Loss::Nothing);
        }
        match self.header(file, FileKind::Checkpoint)? {
            Ok(header) => read.seq = Some(header.seq),
            Err((offset, what)) => {
                // The segment that follows begins with the next entry.
                read.seq = segment.and_then(|s| first_entry(s.file)).and_then(|n| n.checked_sub(1));
                read.damage(name, offset, FILE_HEADER.min(bytes.len()), what, Loss::Nothing);
            }
        }
        let seq = seq.or(read.seq).unwrap_or(0);
        let (mut next, mut ended) = (1_u64, false);
        let mut bad: Option<(usize, usize, String)> = None;
        for Found { offset, length, piece } in Walk::new(bytes, salt_of(bytes), FILE_HEADER) {
            if ended {
                let what = "the checkpoint does not end where it says";
                read.damage(name, offset, bytes.len() - offset, what, Loss::Nothing);
                break;
            }
            let what = match piece {
                Piece::Whole(frame) if frame.seq >= next => {
                    let lost = match frame.seq.checked_sub(1).filter(|last| *last >= next) {
                        Some(last) => Loss::CheckpointFrames(SeqRange { first: next, last: Some(last) }),
                        None => Loss::Nothing,
                    };
                    if let Some((at, length, what)) = bad.take() {
                        read.damage(name, at, length, what, lost);
                    } else if lost != Loss::Nothing {
                        let what = format!("frame {} stands where {next} belongs", frame.seq);
                        read.damage(name, offset, 0, what, lost);
                    }
                    next = frame.seq;
                    match self.entry_of_checkpoint(index, offset, frame, seq) {
                        Ok(end) => {
                            ended = end;
                            next = next.saturating_add(1);
                            continue;
                        }
                        Err(what) => what,
                    }
                }
                Piece::Whole(frame) => format!("frame {} stands where {next} belongs", frame.seq),
                Piece::Broken { what, .. } => what.to_owned(),
                Piece::Gap => "no valid frame header".to_owned(),
            };
            match &mut bad {
                Some((_, so_far, _)) => *so_far += length,
                None => bad = Some((offset, length, what)),
            }
        }
        if !ended {
            let (at, length, what) = bad.unwrap_or((bytes.len(), 0, "no valid frame header".to_owned()));
            read.damage(name, at, length, what, from(next));
        }
        read.complete &= read.seq.is_some();
        Ok(read)
    }

    /// Takes a frame of a checkpoint; whether it is the end.
    fn entry_of_checkpoint(&mut self, index: usize, offset: usize, frame: Frame<'a>, seq: u64) -> Result<bool, String> {
        match frame.kind {
            Kind::Unit => {
                let unit = Unit::check(frame.payload)?;
                let mut wrong = None;
                let place = (index, offset + frame.length() - frame.payload.len());
                self.catalog.apply(&unit, place, seq, |_, misfit| {
                    if let Misfit::Contradiction(what) = misfit {
                        wrong = Some(what);
                    }
                });
                wrong.map_or(Ok(false), |what| Err(what.to_owned()))
            }
            Kind::Restoring => {
                self.mark(frame.payload, FileKind::Checkpoint)?;
                Ok(false)
            }
            Kind::End => Ok(true),
            Kind::Seal | Kind::Turn => Err("the checkpoint does not end where it says".to_owned()),
        }
    }

    /// Takes from a damaged checkpoint what is whole, unless everything it covers is known anyway.
    pub(super) fn merge(&mut self, partial: &Partial<'a>, segment: Option<File<'a>>) -> Result<()> {
        let file = partial.file;
        let header = self.header(file.file, FileKind::Checkpoint)?;
        let seq = header.ok().map(|h| h.seq).or_else(|| first_entry(segment?.file)?.checked_sub(1));
        if !self.catalog.incomplete && seq.and_then(|s| s.checked_add(1)) == Some(self.next) {
            for damage in self.damages.get_mut(partial.damages.clone()).unwrap_or_default() {
                damage.lost = Loss::Nothing;
            }
            return Ok(());
        }
        let covered = seq.unwrap_or(0).max(self.next.saturating_sub(1));
        if covered >= self.next {
            self.settle(SeqRange { first: self.next, last: Some(covered) });
        }
        // Of what was known before nobody knows whether it was changed or deleted until then.
        self.catalog.doubt(covered);
        self.next = covered.saturating_add(1);
        self.checkpoint(file, segment, Some(covered)).map(drop)
    }
}
