//! Opening a directory: new, cut off while it was made, or to be replayed.

use std::io;
use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Result};

use super::{Covered, Log, MARKER_TEXT, NEW_TEXT, bad_marker, begin_segment};
use crate::catalog::Catalog;
use crate::files::{self, LOCK, MARKER, checkpoint_name, failed, is_log_file, numbers, segment_name, temporary_name};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, damaged};
use crate::recover::{self, State};
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile};

/// An opened log with what it holds.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: Log,
    pub(crate) catalog: Catalog,
    /// Entries that were replayed: what the last checkpoint does not cover.
    pub replayed: u64,
}

impl Opened {
    /// What it holds. Cost: O(n log n), O(n) pointers.
    #[must_use]
    pub fn state(&self) -> State {
        self.catalog.state()
    }
}

impl Log {
    /// Opens the directory, making it where it is missing, and replays it. A segment that grows over `segment_bytes` is
    /// followed by the next.
    ///
    /// # Errors
    /// `Locked`, `Config` for a directory of something else, `PermissionDenied`, `Corruption`, `Unsupported`.
    pub fn open(storage: Arc<dyn Storage>, segment_bytes: u64) -> Result<Opened> {
        let s = &*storage;
        let at = |doing: &'static str| move |e| failed(s, doing, e);
        s.create_dir().map_err(at("the directory cannot be made or read"))?;
        let names = s.list().map_err(at("the directory cannot be read"))?;
        refuse_foreign(s, &names)?;
        let lock = s.lock(LOCK).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => {
                Error::new(ErrorKind::Locked, format!("another handle or process has {} open", s.place().display()))
                    .with_hint("one process opens a log directory at a time; close the other one")
            }
            _ => failed(s, "the lock cannot be taken", e),
        })?;
        // Again, now that nobody else changes it.
        let names = s.list().map_err(at("the directory cannot be read"))?;
        let marker = if names.iter().any(|n| n == MARKER) {
            files::read_file(s, MARKER).map_err(at("the marker cannot be read"))?
        } else {
            files::write_file(s, MARKER, NEW_TEXT).map_err(at("the marker cannot be written"))?;
            NEW_TEXT.to_vec()
        };
        // What the names say now may be what a killed process left, and not yet on the disk: nothing is made or removed, and
        // nothing acknowledged, on the strength of a name that a loss of power could still take back.
        if !sabotaged(Sabotage::UnsyncedDirectory) {
            s.sync_dir().map_err(at("the directory cannot be synced"))?;
        }
        if marker == NEW_TEXT {
            return Self::create(storage, lock, &names, segment_bytes);
        }
        if marker != MARKER_TEXT {
            return Err(bad_marker(&marker));
        }
        Self::recover(storage, lock, &names, segment_bytes)
    }

    /// Makes the first segment of a directory in which nothing was ever acknowledged.
    fn create(
        storage: Arc<dyn Storage>,
        lock: Box<dyn StorageFile>,
        names: &[String],
        segment_bytes: u64,
    ) -> Result<Opened> {
        let s = &*storage;
        let at = |doing: &'static str| move |e| failed(s, doing, e);
        refuse_unmarked(s, names)?;
        for n in numbers(names, segment_name) {
            s.remove(&segment_name(n)).map_err(at("an unfinished segment cannot be removed"))?;
        }
        let header = FileHeader::new(FileKind::Segment, 1, 1);
        let name = segment_name(1);
        let mut file = begin_segment(s, &header, &name).map_err(at("the first segment cannot be written"))?;
        files::give_name(s, &mut *file, &name).map_err(at("the first segment cannot be named"))?;
        files::write_file(s, MARKER, MARKER_TEXT).map_err(at("the marker cannot be written"))?;
        tracing::info!(directory = %s.place().display(), "made a new log");
        let log = Self {
            storage,
            _lock: lock,
            file,
            header,
            length: FILE_HEADER as u64,
            allocated: FILE_HEADER as u64,
            sealed: false,
            last_seq: 0,
            earlier_bytes: 0,
            covered: Covered::default(),
            segment_bytes,
            poison: None,
        };
        Ok(Opened { log, catalog: Catalog::default(), replayed: 0 })
    }

    fn recover(
        storage: Arc<dyn Storage>,
        lock: Box<dyn StorageFile>,
        names: &[String],
        segment_bytes: u64,
    ) -> Result<Opened> {
        let s = &*storage;
        let at = |doing: &'static str| move |e| failed(s, doing, e);
        let (segments, checkpoints) = (numbers(names, segment_name), numbers(names, checkpoint_name));
        let (mut catalog, covered, first) = match checkpoints.last() {
            None => (Catalog::default(), Covered::default(), 1),
            Some(&number) => {
                let name = checkpoint_name(number);
                let bytes = files::read_file(s, &name).map_err(at("a checkpoint cannot be read"))?;
                let (catalog, seq) = recover::checkpoint(&bytes, &name, number)?;
                (catalog, Covered { number, seq, bytes: bytes.len() as u64 }, number)
            }
        };
        let mut seq = covered.seq;
        let live: Vec<u64> = segments.iter().copied().filter(|n| *n >= first).collect();
        let mut tail = None;
        let mut earlier_bytes = 0;
        let mut bytes = read_segment(s, &live, 0)?;
        for (index, &n) in live.iter().enumerate() {
            let expected = first + index as u64;
            if n != expected {
                return Err(damaged(&segment_name(expected), 0, "the segment is missing"));
            }
            let name = segment_name(n);
            // The next one says where this one must end.
            let next = read_segment(s, &live, index + 1)?;
            let follower = match (live.get(index + 1), &next) {
                (Some(&m), Some(bytes)) => Some(FileHeader::decode(bytes, FileKind::Segment, m, &segment_name(m))?.seq),
                _ => None,
            };
            let this = bytes.take().unwrap_or_default();
            let replayed = recover::segment(&mut catalog, &this, &name, n, seq + 1, follower)?;
            seq = replayed.last_seq;
            if follower.is_some() {
                earlier_bytes += this.len() as u64;
            } else if replayed.turned {
                return Err(damaged(
                    &segment_name(n + 1),
                    0,
                    "the segment is missing: the one before it was left for it",
                ));
            }
            tail = Some((replayed, this));
            bytes = next;
        }
        let (tail, bytes) = tail.ok_or_else(|| damaged(&segment_name(first), 0, "the segment is missing"))?;
        clean_up(s, names, first)?;
        let mut file = s
            .open_write(&segment_name(tail.header.number))
            .map_err(at("the last segment cannot be opened for writing"))?;
        if tail.end < bytes.len() && !sabotaged(Sabotage::TailLeft) {
            // Zeros that were written ahead are cut off as well: nothing is lost with them.
            let torn = bytes.get(tail.end..).unwrap_or_default().iter().any(|b| *b != 0);
            if torn {
                let (segment, bytes) = (tail.header.number, bytes.len() - tail.end);
                tracing::warn!(
                    segment,
                    byte = tail.end,
                    bytes,
                    "cutting off a torn tail, which was never acknowledged"
                );
            }
            file.set_length(tail.end as u64).map_err(at("a torn tail cannot be cut off"))?;
        }
        // What was replayed may never have been synced, and later frames and segments will say that it was. If a sync of it
        // failed, the system took its pages for clean since: they are written again, so that this sync means them.
        if !sabotaged(Sabotage::SuspectKept)
            && let Some(suspect) = bytes.get(tail.suspect..tail.end)
        {
            files::write_all(&mut *file, tail.suspect as u64, suspect)
                .map_err(at("the last group cannot be written again"))?;
        }
        file.sync_data().map_err(at("the last segment cannot be synced"))?;
        let (segments, entries) = (live.len(), seq - covered.seq);
        tracing::debug!(directory = %s.place().display(), segments, entries, seq, "replayed the log");
        let log = Self {
            storage,
            _lock: lock,
            file,
            header: tail.header,
            length: tail.end as u64,
            allocated: tail.end as u64,
            sealed: tail.closed,
            last_seq: seq,
            earlier_bytes,
            covered,
            segment_bytes,
            poison: None,
        };
        Ok(Opened { log, catalog, replayed: seq - covered.seq })
    }
}

/// The content of the segment at a place of the list, if there is one.
fn read_segment(s: &dyn Storage, live: &[u64], index: usize) -> Result<Option<Vec<u8>>> {
    let read = |n: &u64| files::read_file(s, &segment_name(*n)).map_err(|e| failed(s, "a segment cannot be read", e));
    live.get(index).map(read).transpose()
}

/// Refuses a directory that is not empty and not ours, before anything is written to it.
fn refuse_foreign(s: &dyn Storage, names: &[String]) -> Result<()> {
    if names.iter().any(|n| n == MARKER) {
        return Ok(());
    }
    if !numbers(names, segment_name).is_empty() || !numbers(names, checkpoint_name).is_empty() {
        return Err(damaged(MARKER, 0, "the file is missing, but there are log files"));
    }
    let ours = |n: &String| n == LOCK || *n == temporary_name(MARKER);
    if let Some(foreign) = names.iter().find(|n| !ours(n)) {
        let what = format!("{} is not empty and not a catalog: it holds {foreign:?}", s.place().display());
        return Err(Error::new(ErrorKind::Config, what).with_hint("name an empty or a new directory"));
    }
    Ok(())
}

/// Refuses a directory whose marker says that nothing was ever acknowledged there, although more is there than making it leaves:
/// the first segment without a frame.
fn refuse_unmarked(s: &dyn Storage, names: &[String]) -> Result<()> {
    let segments = numbers(names, segment_name).into_iter().map(|n| (n, segment_name(n)));
    let checkpoints = numbers(names, checkpoint_name).into_iter().map(|n| (0, checkpoint_name(n)));
    for (n, name) in checkpoints.chain(segments) {
        let length = s.open_read(&name).and_then(|f| f.length()).map_err(|e| failed(s, "a file cannot be read", e))?;
        if n != 1 || length > FILE_HEADER as u64 {
            return Err(damaged(MARKER, 0, &format!("it says that the directory is being made, but there is {name}")));
        }
    }
    Ok(())
}

/// Removes what the checkpoint `first` covers, and what was never finished.
fn clean_up(s: &dyn Storage, names: &[String], first: u64) -> Result<()> {
    let old = |of: fn(u64) -> String| numbers(names, of).into_iter().filter(|n| *n < first).map(of).collect::<Vec<_>>();
    let unfinished = names.iter().filter(|n| n.ends_with(".tmp") && is_log_file(n)).cloned();
    for name in old(segment_name).into_iter().chain(old(checkpoint_name)).chain(unfinished) {
        s.remove(&name).map_err(|e| failed(s, "a file that is no longer needed cannot be removed", e))?;
    }
    Ok(())
}
