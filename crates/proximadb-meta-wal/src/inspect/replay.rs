//! A replay that goes on behind damage: what is whole, what is lost, and what that makes doubtful.
//!
//! It agrees with [`recover`](crate::recover) on whether a directory opens, and with what it then holds: the tests compare the
//! two on every flipped bit.

use std::collections::{BTreeMap, BTreeSet};

use proximadb_meta_core::{Error, ErrorKind, Result};

use super::content::Unit;
use super::known::{Catalog, Misfit};
use super::load::{Loaded, LoadedFile};
use super::report::{CheckpointPosition, Damage, Loss, RecordId, Role, SeqRange, TornTail};
use super::walk::{Found, Piece, Walk, proven};
use crate::codec;
use crate::files::{MARKER, segment_name};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, Frame, HeaderProblem, Kind, salt_of};
use crate::log::{MARKER_TEXT, NEW_TEXT, bad_marker};
use crate::recover::known_synced;

/// Most damages, and most proofs, that are listed.
pub(super) const MOST: usize = 1000;

/// What a directory says.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    loaded: &'a Loaded,
    pub(crate) catalog: Catalog<'a>,
    /// The entry that comes next.
    pub(crate) next: u64,
    pub(crate) lost: Vec<SeqRange>,
    pub(crate) intact: Vec<SeqRange>,
    pub(crate) damages: Vec<Damage>,
    pub(crate) more_damages: u64,
    pub(crate) affected: BTreeSet<RecordId>,
    pub(crate) more_affected: u64,
    pub(crate) torn_tail: Option<TornTail>,
    pub(crate) sealed: bool,
    pub(crate) checkpoint: Option<CheckpointPosition>,
    pub(crate) notes: Vec<String>,
    /// Damages whose loss is known only when the next entry is found.
    pending: Vec<usize>,
}

/// A file by its index.
#[derive(Clone, Copy)]
struct File<'a> {
    index: usize,
    file: &'a LoadedFile,
}

type Files<'a> = BTreeMap<u64, File<'a>>;

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

/// Replays a directory.
///
/// # Errors
/// `NotFound`: it holds no log. `Unsupported`: a newer format.
pub(crate) fn replay(loaded: &Loaded) -> Result<Replay<'_>> {
    let mut r = Replay {
        loaded,
        catalog: Catalog::new(loaded),
        next: 1,
        lost: Vec::new(),
        intact: Vec::new(),
        damages: Vec::new(),
        more_damages: 0,
        affected: BTreeSet::new(),
        more_affected: 0,
        torn_tail: None,
        sealed: false,
        checkpoint: None,
        notes: Vec::new(),
        pending: Vec::new(),
    };
    let of = |role: Role| -> Files<'_> {
        let files = loaded.files.iter().enumerate().filter(|(_, f)| f.role == role);
        files.map(|(index, file)| (file.number, File { index, file })).collect()
    };
    let (segments, checkpoints) = (of(Role::Segment), of(Role::Checkpoint));
    if r.marker(&segments, &checkpoints)? {
        r.notes.push("the directory was being made: nothing was ever acknowledged in it".to_owned());
        return Ok(r);
    }
    let partial = r.base(&segments, &checkpoints)?;
    r.log(&segments, partial)?;
    r.note_the_rest(&segments, &checkpoints);
    r.catalog.close();
    Ok(r)
}

impl<'a> Replay<'a> {
    fn damage(
        &mut self,
        file: &str,
        offset: usize,
        bytes: usize,
        what: impl Into<String>,
        lost: Loss,
    ) -> Option<usize> {
        if self.damages.len() >= MOST {
            self.more_damages += 1;
            return None;
        }
        let (offset, bytes) = (offset as u64, bytes as u64);
        self.damages.push(Damage { file: file.to_owned(), offset, bytes, what: what.into(), lost });
        Some(self.damages.len() - 1)
    }

    /// A damage whose loss is known when the next entry is found.
    fn pend(&mut self, file: &str, offset: usize, bytes: usize, what: impl Into<String>) {
        let index = self.damage(file, offset, bytes, what, Loss::Nothing);
        // Also where it is not listed: what is lost must not be blamed on what follows.
        self.pending.push(index.unwrap_or(usize::MAX));
    }

    /// Entries are lost.
    fn lose(&mut self, range: SeqRange) {
        match self.lost.last_mut() {
            Some(before) if before.last.and_then(|l| l.checked_add(1)) == Some(range.first) => before.last = range.last,
            _ => self.lost.push(range),
        }
        self.catalog.doubt(range.last.unwrap_or(u64::MAX));
    }

    /// An entry was read.
    fn keep(&mut self, seq: u64) {
        match self.intact.last_mut() {
            Some(before) if before.last.and_then(|l| l.checked_add(1)) == Some(seq) => before.last = Some(seq),
            _ => self.intact.push(SeqRange { first: seq, last: Some(seq) }),
        }
    }

    /// Gives the pending damages their loss.
    fn settle(&mut self, range: SeqRange) {
        for index in std::mem::take(&mut self.pending) {
            if let Some(damage) = self.damages.get_mut(index) {
                damage.lost = Loss::Entries(range);
            }
        }
    }

    /// The log goes on with entry `seq`, found at `offset` of a file: what is missing before it is lost.
    fn arrive(&mut self, seq: u64, file: &str, offset: usize) {
        if seq > self.next {
            if self.pending.is_empty() {
                self.pend(file, offset, 0, format!("entry {seq} stands where {} belongs", self.next));
            }
            let range = SeqRange { first: self.next, last: Some(seq - 1) };
            self.settle(range);
            self.lose(range);
            self.next = seq;
        } else if seq == self.next {
            self.pending.clear();
        }
    }

    /// Checks the marker; whether the directory was being made.
    fn marker(&mut self, segments: &Files<'_>, checkpoints: &Files<'_>) -> Result<bool> {
        let Some(marker) = self.loaded.files.iter().find(|f| f.role == Role::Marker) else {
            if segments.is_empty() && checkpoints.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, format!("{} holds no log", self.loaded.place))
                    .with_hint("name the directory of a catalog"));
            }
            self.damage(MARKER, 0, 0, "the file is missing, but there are log files", Loss::Nothing);
            return Ok(false);
        };
        if let Some(trouble) = &marker.trouble {
            self.damage(MARKER, 0, marker.bytes.len(), trouble.clone(), Loss::Nothing);
            return Ok(false);
        }
        let whole = marker.length == Some(marker.bytes.len() as u64);
        if whole && marker.bytes == NEW_TEXT {
            // Making it leaves the first segment without a frame, and nothing more.
            let more =
                segments.values().find(|f| f.file.number != 1 || f.file.length.is_none_or(|n| n > FILE_HEADER as u64));
            let Some(more) = checkpoints.values().next().or(more) else { return Ok(true) };
            let what = format!("it says that the directory is being made, but there is {}", more.file.name);
            self.damage(MARKER, 0, marker.bytes.len(), what, Loss::Nothing);
            return Ok(false);
        }
        if !whole || marker.bytes != MARKER_TEXT {
            let bad = bad_marker(&marker.bytes);
            if bad.kind() == ErrorKind::Unsupported {
                return Err(bad.with_hint(
                    "use the release that wrote it, or a newer one; where every other file is of format 1, it is this text \
                     that is damaged",
                ));
            }
            let what = "the marker is not the one of any known format";
            self.damage(MARKER, 0, marker.bytes.len(), what, Loss::Nothing);
        }
        Ok(false)
    }

    /// Loads the newest checkpoint that is complete; those after it, which are not, oldest first.
    fn base(&mut self, segments: &Files<'a>, checkpoints: &Files<'a>) -> Result<Vec<(u64, File<'a>, Vec<usize>)>> {
        let mut partial = Vec::new();
        for (&number, &file) in checkpoints.iter().rev() {
            let read = self.checkpoint(file, segments.get(&number).copied(), None)?;
            let from = self.damages.len();
            let listed = MOST.saturating_sub(from).min(read.damages.len());
            self.more_damages += read.more_damages + (read.damages.len() - listed) as u64;
            self.damages.extend(read.damages.into_iter().take(listed));
            let damages = (from..self.damages.len()).collect();
            if let (true, Some(seq)) = (read.complete, read.seq) {
                self.checkpoint = Some(CheckpointPosition { number, seq });
                self.next = seq.saturating_add(1);
                if seq > 0 {
                    self.intact.push(SeqRange { first: 1, last: Some(seq) });
                }
                break;
            }
            self.catalog = Catalog::new(self.loaded);
            partial.push((number, file, damages));
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

    /// Takes a restoring mark.
    fn mark(&mut self, payload: &'a [u8], kind: FileKind) -> Result<(), String> {
        let on = check_mark(payload, kind)?;
        let name = payload.get(1..).and_then(|n| std::str::from_utf8(n).ok()).unwrap_or_default();
        if let Some(namespace) = self.catalog.number(name) {
            if on {
                self.catalog.restoring.insert(namespace);
            } else {
                self.catalog.restoring.remove(&namespace);
            }
        }
        Ok(())
    }

    /// The header of a file, or where what is wrong with it.
    fn header(&self, file: &LoadedFile, kind: FileKind) -> Result<Result<FileHeader, (usize, &'static str)>> {
        match FileHeader::examine(&file.bytes, kind, file.number) {
            Ok(header) => Ok(Ok(header)),
            Err(HeaderProblem::Damaged { offset, what }) => Ok(Err((offset, what))),
            Err(HeaderProblem::Newer { .. }) => FileHeader::decode(&file.bytes, kind, file.number, &file.name).map(Ok),
        }
    }

    /// Replays the segments, and between them what is left of damaged checkpoints.
    fn log(&mut self, segments: &Files<'a>, partial: Vec<(u64, File<'a>, Vec<usize>)>) -> Result<()> {
        let mut expected = self.checkpoint.map_or(1, |c| c.number);
        // A segment before it was covered, and removed in good order.
        let covered = partial.last().map_or(expected, |(number, ..)| (*number).max(expected));
        let live: Vec<File<'a>> = segments.range(expected..).map(|(_, f)| *f).collect();
        let mut partial = partial.into_iter().peekable();
        let mut turned = None;
        for (place, &segment) in live.iter().enumerate() {
            let n = segment.file.number;
            while let Some((number, file, damages)) = partial.next_if(|(number, ..)| *number <= n) {
                self.merge(file, segments.get(&number).copied(), &damages)?;
            }
            let missing = expected.max(covered.min(n));
            if missing < n {
                self.missing(missing, n - 1);
            }
            turned = None;
            let next = live.get(place + 1).copied();
            if self.segment(segment, next)? {
                turned = n.checked_add(1);
            }
            expected = n.saturating_add(1);
        }
        for (number, file, damages) in partial {
            self.merge(file, None, &damages)?;
            expected = expected.max(number);
            turned = None;
        }
        if let Some(n) = turned {
            let what = "the segment is missing: the one before it was left for it";
            self.pend(&segment_name(n), 0, 0, what);
        } else if live.last().is_none_or(|s| s.file.number < covered) {
            self.missing(covered, covered);
        }
        if !self.pending.is_empty() {
            let range = SeqRange { first: self.next, last: None };
            self.settle(range);
            self.lose(range);
        }
        Ok(())
    }

    /// Segments that should be there.
    fn missing(&mut self, first: u64, last: u64) {
        let what = match (first == last, first == 1 && self.checkpoint.is_none()) {
            (true, false) => "the segment is missing".to_owned(),
            (false, false) => format!("the segments {first} to {last} are missing"),
            (_, true) => {
                format!("the segments up to {last} are missing, and so is a checkpoint that covers them")
            }
        };
        self.pend(&segment_name(first), 0, 0, what);
    }

    /// Takes from a damaged checkpoint what is whole, unless everything it covers is known anyway.
    fn merge(&mut self, file: File<'a>, segment: Option<File<'a>>, damages: &[usize]) -> Result<()> {
        let header = self.header(file.file, FileKind::Checkpoint)?;
        let seq = header.ok().map(|h| h.seq).or_else(|| first_entry(segment?.file)?.checked_sub(1));
        if !self.catalog.incomplete && seq.and_then(|s| s.checked_add(1)) == Some(self.next) {
            for index in damages {
                if let Some(damage) = self.damages.get_mut(*index) {
                    damage.lost = Loss::Nothing;
                }
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

    /// Replays a segment; whether it ends with a turn to the next.
    fn segment(&mut self, File { index, file }: File<'a>, follower: Option<File<'a>>) -> Result<bool> {
        let (bytes, name) = (&*file.bytes, &*file.name);
        if let (true, Some(trouble)) = (bytes.is_empty(), &file.trouble) {
            self.pend(name, 0, 0, format!("cannot be read: {trouble}"));
            return Ok(false);
        }
        if let Some(trouble) = &file.trouble {
            self.notes.push(format!("{name}: {trouble}"));
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
            if piece == Piece::Gap && is_ahead(bytes, offset) {
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
            } else if trusted {
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

    /// Says which files mean nothing.
    fn note_the_rest(&mut self, segments: &Files<'_>, checkpoints: &Files<'_>) {
        let base = self.checkpoint.map_or(0, |c| c.number);
        let covered = segments.range(..base).chain(checkpoints.range(..base)).map(|(_, f)| &f.file.name);
        let unfinished = self.loaded.files.iter().filter(|f| f.role == Role::Unfinished).map(|f| &f.name);
        let notes: Vec<String> = covered
            .map(|name| format!("{name} is covered by a checkpoint; the next opening removes it"))
            .chain(unfinished.map(|name| format!("{name} was never finished; the next opening removes it")))
            .collect();
        self.notes.extend(notes);
    }
}

/// Checks a restoring mark; whether it is set. In a checkpoint there are only those that are.
pub(super) fn check_mark(payload: &[u8], kind: FileKind) -> Result<bool, String> {
    match (codec::decode_restoring(payload), kind) {
        (Ok((_, false)), FileKind::Checkpoint) => {
            Err("a checkpoint marks a namespace as not being restored".to_owned())
        }
        (Ok((_, on)), _) => Ok(on),
        (Err(e), _) => Err(e.to_string()),
    }
}

/// Whether there is nothing but zeros from here on: they are written ahead of the log.
pub(super) fn is_ahead(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.iter().all(|b| *b == 0))
}

/// The number of the first entry of a segment: its header says it, or else its first frame.
fn first_entry(segment: &LoadedFile) -> Option<u64> {
    if let Ok(header) = FileHeader::examine(&segment.bytes, FileKind::Segment, segment.number) {
        return Some(header.seq);
    }
    match Walk::new(&segment.bytes, salt_of(&segment.bytes), FILE_HEADER).next()?.piece {
        Piece::Whole(Frame { seq, .. }) | Piece::Broken { seq, .. } => Some(seq),
        Piece::Gap => None,
    }
}
