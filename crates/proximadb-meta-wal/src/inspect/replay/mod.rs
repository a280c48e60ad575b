//! A replay that goes on behind damage: what is whole, what is lost, and what that makes doubtful.
//!
//! It agrees with [`recover`](crate::recover) on whether a directory opens, and with what it then holds: the tests compare the
//! two on every flipped bit.

mod checkpoint;
mod segment;

use std::collections::{BTreeMap, BTreeSet};

use proximadb_meta_core::{Error, ErrorKind, Result};

use self::checkpoint::Partial;
use super::known::Catalog;
use super::load::{Loaded, LoadedFile};
use super::report::{CheckpointPosition, Damage, Loss, RecordId, Role, SeqRange, TornTail};
use crate::codec;
use crate::files::{MARKER, segment_name};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, HeaderProblem};
use crate::log::{MARKER_TEXT, NEW_TEXT, bad_marker};

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

    /// The header of a file, or what is wrong with it and where.
    fn header(&self, file: &LoadedFile, kind: FileKind) -> Result<Result<FileHeader, (usize, &'static str)>> {
        match FileHeader::examine(&file.bytes, kind, file.number) {
            Ok(header) => Ok(Ok(header)),
            Err(HeaderProblem::Damaged { offset, what }) => Ok(Err((offset, what))),
            Err(HeaderProblem::Newer { .. }) => FileHeader::decode(&file.bytes, kind, file.number, &file.name).map(Ok),
        }
    }

    /// Replays the segments, and between them what is left of damaged checkpoints.
    fn log(&mut self, segments: &Files<'a>, partial: Vec<Partial<'a>>) -> Result<()> {
        let mut expected = self.checkpoint.map_or(1, |c| c.number);
        // A segment before it was covered, and removed in good order.
        let covered = partial.last().map_or(expected, |p| p.number.max(expected));
        let live: Vec<File<'a>> = segments.range(expected..).map(|(_, f)| *f).collect();
        let mut partial = partial.into_iter().peekable();
        let mut turned = None;
        for (place, &segment) in live.iter().enumerate() {
            let n = segment.file.number;
            while let Some(before) = partial.next_if(|p| p.number <= n) {
                self.merge(&before, segments.get(&before.number).copied())?;
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
        for behind in partial {
            self.merge(&behind, None)?;
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
