//! Checkpoints: the whole catalog in one file, written beside the running log.
//!
//! [`Log::begin_checkpoint`] turns to a new segment and says what the checkpoint has to hold: everything before it. The file is
//! then written, on any thread, while the log goes on. [`Log::end_checkpoint`] removes what it covers. A checkpoint that fails
//! costs nothing but its own file: the log it would have replaced is still there.

use std::collections::BTreeSet;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Namespace, Result};

use super::Log;
use crate::codec::{self, Unit};
use crate::files::{self, checkpoint_name, failed, numbers, segment_name};
use crate::frame::{self, FileHeader, FileKind, Kind};
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile};

/// What the newest finished checkpoint covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Its number: that of the first segment it does not cover. 0: there is none.
    pub number: u64,
    /// The last entry in it.
    pub seq: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub struct Checkpoint {
    storage: Arc<dyn Storage>,
    file: Box<dyn StorageFile>,
    header: FileHeader,
    length: u64,
    frames: u64,
    buffer: Vec<u8>,
}

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 256 * 1024;

impl Log {
    /// Turns to the next segment. The checkpoint must then be given exactly what was appended so far.
    ///
    /// # Errors
    /// `Poisoned`, `StorageFull`, `Unavailable`: no checkpoint was begun.
    pub fn begin_checkpoint(&mut self) -> Result<Checkpoint> {
        self.usable()?;
        self.rotate()?;
        let number = self.header.number;
        if sabotaged(Sabotage::LogDeletedEarly) {
            self.remove_covered(number);
        }
        let header = FileHeader::new(FileKind::Checkpoint, number, self.last_seq);
        let storage = self.storage.clone();
        let file = files::begin(&*storage, &checkpoint_name(number))
            .map_err(|e| failed(&*storage, "a checkpoint cannot be begun", e))?;
        let buffer = header.encode().to_vec();
        Ok(Checkpoint { storage, file, header, length: 0, frames: 0, buffer })
    }

    /// Takes a finished checkpoint into account, and removes the segments it covers.
    pub fn end_checkpoint(&mut self, covered: Covered) {
        self.earlier_bytes = 0;
        self.covered = covered;
        self.remove_covered(covered.number);
        // Segments that were filled while it was written still count.
        if let Ok(names) = self.storage.list() {
            let later =
                numbers(&names, segment_name).into_iter().filter(|n| (covered.number..self.header.number).contains(n));
            let length = |n| self.storage.open_read(&segment_name(n)).and_then(|f| f.length()).unwrap_or(0);
            self.earlier_bytes = later.map(length).sum();
        }
    }

    /// What stays behind is removed by the next open.
    fn remove_covered(&self, number: u64) {
        let Ok(names) = self.storage.list() else { return };
        for n in numbers(&names, segment_name).into_iter().filter(|n| *n < number) {
            let _ = self.storage.remove(&segment_name(n));
        }
        for n in numbers(&names, checkpoint_name).into_iter().filter(|n| *n < number) {
            let _ = self.storage.remove(&checkpoint_name(n));
        }
    }
}

impl Checkpoint {
    /// Adds records of one namespace. Every namespace's records may come in any number of parts.
    ///
    /// # Errors
    /// What the file system gives. The checkpoint is then worthless; the log is not.
    pub fn records(&mut self, namespace: &Namespace, records: &[Arc<CollectionMetadata>]) -> Result<()> {
        let unit = Unit { namespace: namespace.clone(), puts: records.to_vec(), ..Unit::default() };
        self.push(Kind::Unit, |out| codec::encode(&unit, out))
    }

    /// Adds the marks and gives the file its name: it is durable when this returns.
    ///
    /// # Errors
    /// As [`records`](Self::records). The file is given up: on a full disk nobody has space for it.
    pub fn finish(mut self, restoring: &BTreeSet<Namespace>) -> Result<Covered> {
        let done = self.complete(restoring);
        if done.is_err() {
            self.abandon();
        }
        done
    }

    fn complete(&mut self, restoring: &BTreeSet<Namespace>) -> Result<Covered> {
        for namespace in restoring {
            self.push(Kind::Restoring, |out| {
                codec::encode_restoring(namespace, true, out);
                Ok(())
            })?;
        }
        self.push(Kind::End, |_| Ok(()))?;
        self.flush()?;
        let number = self.header.number;
        files::settle(&mut *self.file)
            .and_then(|()| files::give_name(&*self.storage, &mut *self.file, &checkpoint_name(number)))
            .map_err(|e| failed(&*self.storage, "a checkpoint cannot be finished", e))?;
        Ok(Covered { number, seq: self.header.seq, bytes: self.length })
    }

    /// Gives the file up.
    pub fn abandon(self) {
        // Left behind it is removed by the next open.
        let _ = self.storage.remove(&files::temporary_name(&checkpoint_name(self.header.number)));
    }

    fn push(&mut self, kind: Kind, payload: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.frames += 1;
        frame::write(&mut self.buffer, &self.header.salt, (kind, self.frames, 0), payload)?;
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        files::write_all(&mut *self.file, self.length, &self.buffer)
            .map_err(|e| failed(&*self.storage, "a checkpoint cannot be written", e))?;
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
