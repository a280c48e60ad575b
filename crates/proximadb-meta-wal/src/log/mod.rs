//! The log of one directory: open and recover, append a group, checkpoint, close. Blocking; one writer.

mod checkpoint;
mod open;

use std::io;
use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry};

pub use self::checkpoint::{Checkpoint, Covered};
pub use self::open::Opened;
use crate::codec;
pub use crate::codec::{Counters, Unit};
use crate::files::{self, MARKER, failed, segment_name};
use crate::frame::{self, FILE_HEADER, FileHeader, FileKind, Frame, Kind};
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile};

/// The file is made longer by as much as it holds, at most by this: a sync of bytes that were already there is cheaper than one
/// that also makes the file longer.
const MOST_ZEROS: u64 = 1024 * 1024;

/// One entry of a group.
#[derive(Clone, Debug)]
pub enum Entry {
    /// An atomic unit.
    Unit(Unit),
    /// A namespace is being restored, or no longer.
    Restoring(Namespace, bool),
}

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last entry that is durable, counted from 1; 0 for none.
    pub seq: u64,
    /// The last entry that a checkpoint covers.
    pub checkpoint_seq: u64,
    /// Segments that an opening would replay.
    pub segments: u64,
    /// Bytes of these segments.
    pub log_bytes: u64,
    /// Bytes of the checkpoint.
    pub checkpoint_bytes: u64,
}

const UNMARKED: &str = "the end of a segment cannot be marked";

/// The open log of a directory.
#[derive(Debug)]
pub struct Log {
    storage: Arc<dyn Storage>,
    _lock: Box<dyn StorageFile>,
    file: Box<dyn StorageFile>,
    header: FileHeader,
    length: u64,
    /// Where the zeros end that were written ahead.
    allocated: u64,
    /// Its last frame is a seal: the next entry goes into a segment of its own.
    sealed: bool,
    last_seq: u64,
    /// Bytes of the segments before this one that no checkpoint covers.
    earlier_bytes: u64,
    covered: Covered,
    segment_bytes: u64,
    poison: Option<Error>,
}

impl Log {
    /// Appends the entries and syncs once. When this returns, they are durable; install them only then.
    ///
    /// # Errors
    /// `Poisoned` with an unknown outcome after a failed write or sync, and `Poisoned` from then on; `StorageFull` when
    /// nothing was kept; `InvalidInput` for a unit over its limit.
    pub fn append(&mut self, group: &[Entry]) -> Result<()> {
        self.usable()?;
        if self.sealed {
            self.rotate()?;
        }
        let mut out = Vec::new();
        let mut seq = self.last_seq;
        let durable_upto = if sabotaged(Sabotage::NoDurableMark) { 0 } else { self.last_seq };
        for entry in group {
            seq += 1;
            let kind = match entry {
                Entry::Unit(_) => Kind::Unit,
                Entry::Restoring(..) => Kind::Restoring,
            };
            frame::write(&mut out, &self.header.salt, (kind, seq, durable_upto), |out| match entry {
                Entry::Unit(unit) => codec::encode(unit, out),
                Entry::Restoring(namespace, on) => {
                    codec::encode_restoring(namespace, *on, out);
                    Ok(())
                }
            })?;
        }
        self.write(&out, seq)?;
        if self.length > self.segment_bytes {
            // The group is durable. Where the next segment cannot be made, this one grows, or the next append says why not.
            let _ = self.rotate();
        }
        Ok(())
    }

    /// Where the log stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            seq: self.last_seq,
            checkpoint_seq: self.covered.seq,
            segments: self.header.number + 1 - self.covered.number.max(1),
            log_bytes: self.earlier_bytes + self.length,
            checkpoint_bytes: self.covered.bytes,
        }
    }

    fn usable(&self) -> Result<()> {
        match &self.poison {
            None => Ok(()),
            Some(cause) => Err(Error::new(ErrorKind::Poisoned, "an earlier write failed; this handle only reads")
                .with_hint("close it and open the directory again")
                .with_source(cause.clone())),
        }
    }

    fn write(&mut self, bytes: &[u8], seq: u64) -> Result<()> {
        if let Err(e) = self.put(bytes) {
            if self.is_full(&e) {
                return Err(self.full(e));
            }
            return Err(self.poisoned("the log cannot be written", e));
        }
        if !sabotaged(Sabotage::UnsyncedAppend) && !sabotaged(Sabotage::AcknowledgedBeforeSync) {
            let synced = match self.file.sync_data() {
                Err(_) if sabotaged(Sabotage::RetriedSync) => self.file.sync_data(),
                other => other,
            };
            if let Err(e) = synced {
                return Err(self.poisoned("the log cannot be synced", e));
            }
        }
        self.length += bytes.len() as u64;
        self.last_seq = seq;
        Ok(())
    }

    /// Writes at the end of the log, with zeros behind it when the file has to become longer.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.length + bytes.len() as u64;
        if end <= self.allocated {
            return files::write_all(&mut *self.file, self.length, bytes);
        }
        let zeros = self.length.min(MOST_ZEROS);
        let mut padded = Vec::with_capacity(bytes.len() + zeros as usize);
        padded.extend_from_slice(bytes);
        padded.resize(bytes.len() + zeros as usize, 0);
        match files::write_all(&mut *self.file, self.length, &padded) {
            Ok(()) => {
                self.allocated = end + zeros;
                Ok(())
            }
            // There may be room for the bytes alone.
            Err(e) if self.is_full(&e) => {
                files::write_all(&mut *self.file, self.length, bytes)?;
                self.allocated = end;
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Writes a frame behind which nothing will follow, and takes the zeros away. The inner error: there was no space for it.
    fn put_last(&mut self, kind: Kind, seq: u64) -> Result<io::Result<()>> {
        let mut out = Vec::new();
        frame::push(&mut out, &self.header.salt, Frame { kind, seq, durable_upto: self.last_seq, payload: &[] })?;
        let end = self.length + out.len() as u64;
        match files::write_all(&mut *self.file, self.length, &out) {
            Err(e) if self.is_full(&e) => return Ok(Err(e)),
            written => {
                let told = written.and_then(|()| self.file.set_length(end)).and_then(|()| self.file.sync_data());
                told.map_err(|e| self.poisoned(UNMARKED, e))?;
            }
        }
        (self.length, self.allocated) = (end, end);
        Ok(Ok(()))
    }

    /// For the tests: the sync that a sabotaged append left out.
    #[cfg(test)]
    pub(crate) fn late_sync(&mut self) {
        if sabotaged(Sabotage::AcknowledgedBeforeSync) {
            let _ = self.file.sync_data();
        }
    }

    fn is_full(&self, e: &io::Error) -> bool {
        failed(&*self.storage, "", io::Error::from(e.kind())).kind() == ErrorKind::StorageFull
    }

    /// The disk is full: takes back what was written of the group, durably, so that it cannot come back after a crash.
    fn full(&mut self, e: io::Error) -> Error {
        let cut = self
            .file
            .set_length(self.length)
            .and_then(|()| if sabotaged(Sabotage::UnsyncedCut) { Ok(()) } else { self.file.sync_data() });
        self.allocated = self.length;
        match cut {
            Ok(()) => failed(&*self.storage, "the log cannot grow", e),
            Err(e) => self.poisoned("what a full disk left of a group cannot be cut off", e),
        }
    }

    fn poisoned(&mut self, doing: &str, e: io::Error) -> Error {
        let cause = failed(&*self.storage, doing, e);
        tracing::error!(cause = cause.message(), "the log is poisoned: from now on this handle only reads");
        if !sabotaged(Sabotage::NotPoisoned) {
            self.poison = Some(cause.clone());
        }
        Error::new(ErrorKind::Poisoned, cause.message())
            .with_retry(Retry::UnknownOutcome)
            .with_hint("close it, open the directory again, and read before you write again")
            .with_source(cause)
    }

    /// Goes on in the next segment.
    ///
    /// A segment that could not be written has no name yet, and the log goes on in the old one. Once it may have its name,
    /// an entry in the old one would be lost behind it: then the handle is poisoned, unless the name could be taken back.
    fn rotate(&mut self) -> Result<()> {
        let header = FileHeader::new(FileKind::Segment, self.header.number + 1, self.last_seq + 1);
        let name = segment_name(header.number);
        let mut file = begin_segment(&*self.storage, &header, &name)
            .map_err(|e| failed(&*self.storage, "the next segment cannot be written", e))?;
        if let Err(e) = files::give_name(&*self.storage, &mut *file, &name) {
            return Err(self.poisoned("the next segment cannot be named", e));
        }
        if !self.sealed {
            // The new segment is there. From now on its loss would be noticed.
            if let Err(e) = self.put_last(Kind::Turn, header.seq)? {
                return Err(self.turn_back(&name, e));
            }
        }
        self.earlier_bytes += self.length;
        self.file = file;
        self.header = header;
        (self.length, self.allocated) = (FILE_HEADER as u64, FILE_HEADER as u64);
        self.sealed = false;
        Ok(())
    }

    /// The next segment took the last space, and its turn found none: takes both back, durably and in this order, so that no
    /// mark stands without its segment. The log goes on in the old one.
    fn turn_back(&mut self, next: &str, e: io::Error) -> Error {
        let back = self
            .file
            .set_length(self.length)
            .and_then(|()| self.file.sync_data())
            .and_then(|()| self.storage.remove(next))
            .and_then(|()| self.storage.sync_dir());
        self.allocated = self.length;
        match back {
            Ok(()) => failed(&*self.storage, UNMARKED, e),
            Err(e) => self.poisoned("a segment without a turn cannot be taken back", e),
        }
    }

    /// Seals the log and releases the directory.
    ///
    /// # Errors
    /// As [`append`](Self::append). The directory is released in any case.
    pub fn close(mut self) -> Result<()> {
        self.usable()?;
        if self.sealed {
            return Ok(());
        }
        match self.put_last(Kind::Seal, self.last_seq + 1)? {
            Ok(()) => Ok(()),
            Err(e) => Err(self.full(e)),
        }
    }
}

/// A segment with its header, under its temporary name.
fn begin_segment(storage: &dyn Storage, header: &FileHeader, name: &str) -> io::Result<Box<dyn StorageFile>> {
    let mut file = files::begin(storage, name)?;
    files::write_all(&mut *file, 0, &header.encode())?;
    files::settle(&mut *file)?;
    Ok(file)
}

/// The text of the marker of a finished directory.
pub(crate) const MARKER_TEXT: &[u8] = b"proximadb-meta-wal format 1\n";
/// The text of the marker while the directory is made: nothing was ever acknowledged there.
pub(crate) const NEW_TEXT: &[u8] = b"proximadb-meta-wal format 1, being created\n";

/// What is wrong with a marker that is neither text.
pub(crate) fn bad_marker(bytes: &[u8]) -> Error {
    let newer = std::str::from_utf8(bytes)
        .ok()
        .and_then(|t| t.strip_prefix("proximadb-meta-wal format ")?.split([',', '\n']).next()?.parse::<u32>().ok())
        .filter(|n| *n > frame::FORMAT);
    match newer {
        Some(n) => {
            Error::unsupported(format!("the directory has format {n}; this release reads format {}", frame::FORMAT))
                .with_hint("open it with the release that wrote it, or a newer one; nothing was changed")
        }
        None => frame::damaged(MARKER, 0, "the marker is not the one of any known format"),
    }
}
