//! The log of one directory: open and recover, append a group, checkpoint, close. Blocking; one writer.

use std::io;

use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry};

use crate::codec;
pub use crate::codec::{Counters, Unit};
use crate::frame::{self, FILE_HEADER, FileHeader, FileKind, Frame, Kind, damaged};
use crate::recover::{self, State};
use crate::storage::{Storage, StorageFile};

const LOCK: &str = "LOCK";
const MARKER: &str = "FORMAT";
const MARKER_TEXT: &[u8] = b"proximadb-meta-wal format 1\n";
const NEW_TEXT: &[u8] = b"proximadb-meta-wal format 1, being created\n";
/// Records in one unit of a checkpoint.
const CHUNK: usize = 64;

/// One entry of a group.
#[derive(Clone, Debug)]
pub enum Entry {
    /// An atomic unit.
    Unit(Unit),
    /// A namespace is being restored, or no longer.
    Restoring(Namespace, bool),
}

/// The open log of a directory.
#[derive(Debug)]
pub struct Log {
    storage: Box<dyn Storage>,
    _lock: Box<dyn StorageFile>,
    file: Box<dyn StorageFile>,
    header: FileHeader,
    length: u64,
    last_seq: u64,
    segment_bytes: u64,
    poison: Option<Error>,
}

fn segment_name(n: u64) -> String {
    format!("wal-{n:010}.log")
}

fn checkpoint_name(n: u64) -> String {
    format!("checkpoint-{n:010}.ckpt")
}

fn numbers(names: &[String], of: fn(u64) -> String) -> Vec<u64> {
    let number = |n: &String| n.split(['-', '.']).nth(1)?.parse().ok().filter(|x| of(*x) == *n);
    let mut found: Vec<u64> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    found
}

/// An error of the file system in the vocabulary of the contract.
fn failed(storage: &dyn Storage, doing: &str, e: io::Error) -> Error {
    let kind = match e.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ErrorKind::Config,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{doing} in {}: {e}", storage.place().display())).with_source(e)
}

fn write_file(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    let tmp = format!("{name}.tmp");
    if storage.list()?.contains(&tmp) {
        storage.remove(&tmp)?;
    }
    let mut file = storage.create_new(&tmp)?;
    file.append(bytes)?;
    file.sync_data()?;
    storage.rename(&tmp, name)?;
    storage.sync_dir()
}

impl Log {
    /// Opens the directory, making it where it is missing, and replays it. A segment that grows over `segment_bytes` is
    /// followed by the next.
    ///
    /// # Errors
    /// `Locked`, `Config` for a directory of something else, `PermissionDenied`, `Corruption`, `Unsupported`.
    pub fn open(storage: Box<dyn Storage>, segment_bytes: u64) -> Result<(Self, State)> {
        let s = &*storage;
        let at = |doing: &'static str| move |e| failed(s, doing, e);
        s.create_dir().map_err(at("the directory cannot be made"))?;
        let names = s.list().map_err(at("the directory cannot be read"))?;
        let (segments, checkpoints) = (numbers(&names, segment_name), numbers(&names, checkpoint_name));
        let ours = |n: &String| n == LOCK || n == MARKER || n == "FORMAT.tmp";
        if !names.iter().any(|n| n == MARKER) {
            if !segments.is_empty() || !checkpoints.is_empty() {
                return Err(damaged(MARKER, 0, "the file is missing, but there are log files"));
            }
            if let Some(foreign) = names.iter().find(|n| !ours(n)) {
                let what = format!("{} is not empty and not a catalog: it holds {foreign:?}", s.place().display());
                return Err(Error::new(ErrorKind::Config, what).with_hint("name an empty or a new directory"));
            }
        }
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
            s.read(MARKER).map_err(at("the marker cannot be read"))?
        } else {
            write_file(s, MARKER, NEW_TEXT).map_err(at("the marker cannot be written"))?;
            NEW_TEXT.to_vec()
        };
        if marker == NEW_TEXT {
            // Nothing was ever acknowledged here.
            for n in numbers(&names, segment_name) {
                s.remove(&segment_name(n)).map_err(at("an unfinished segment cannot be removed"))?;
            }
            let header = FileHeader::new(FileKind::Segment, 1, 1);
            let file = new_segment(s, &header).map_err(at("the first segment cannot be written"))?;
            write_file(s, MARKER, MARKER_TEXT).map_err(at("the marker cannot be written"))?;
            let log = Self {
                storage,
                _lock: lock,
                file,
                header,
                length: FILE_HEADER as u64,
                last_seq: 0,
                segment_bytes,
                poison: None,
            };
            return Ok((log, State::default()));
        }
        if marker != MARKER_TEXT {
            return Err(damaged(MARKER, 0, "the marker is not the one of format 1")
                .with_hint("a newer release may have written it, or it is damaged; nothing was changed"));
        }
        Self::recover(storage, lock, &names, segment_bytes)
    }

    fn recover(
        storage: Box<dyn Storage>,
        lock: Box<dyn StorageFile>,
        names: &[String],
        segment_bytes: u64,
    ) -> Result<(Self, State)> {
        let s = &*storage;
        let at = |doing: &'static str| move |e| failed(s, doing, e);
        let (segments, checkpoints) = (numbers(names, segment_name), numbers(names, checkpoint_name));
        let (mut state, mut seq, first) = match checkpoints.last() {
            None => (State::default(), 0, 1),
            Some(&n) => {
                let name = checkpoint_name(n);
                let bytes = s.read(&name).map_err(at("a checkpoint cannot be read"))?;
                let (state, seq) = recover::checkpoint(&bytes, &name, n)?;
                (state, seq, n)
            }
        };
        let live: Vec<u64> = segments.iter().copied().filter(|n| *n >= first).collect();
        let mut tail = None;
        for (expected, &n) in (first..).zip(&live) {
            let name = segment_name(n);
            if n != expected {
                return Err(damaged(&segment_name(expected), 0, "the segment is missing"));
            }
            let bytes = s.read(&name).map_err(at("a segment cannot be read"))?;
            let is_last = live.last() == Some(&n);
            let replayed = recover::segment(&mut state, &bytes, &name, n, seq + 1, is_last)?;
            seq = replayed.last_seq;
            tail = Some((replayed, bytes.len()));
        }
        let (replayed, size) = tail.ok_or_else(|| damaged(&segment_name(first), 0, "the segment is missing"))?;
        for &n in segments.iter().filter(|n| **n < first) {
            s.remove(&segment_name(n)).map_err(at("a segment that a checkpoint covers cannot be removed"))?;
        }
        for &n in checkpoints.iter().filter(|n| **n < first) {
            s.remove(&checkpoint_name(n)).map_err(at("an older checkpoint cannot be removed"))?;
        }
        let mut file = s
            .open(&segment_name(replayed.header.number))
            .map_err(at("the last segment cannot be opened for writing"))?;
        if replayed.end < size {
            file.truncate(replayed.end as u64).map_err(at("a torn tail cannot be cut off"))?;
        }
        // What was replayed may never have been synced: later frames will say that it was.
        file.sync_data().map_err(at("the last segment cannot be synced"))?;
        let mut log = Self {
            storage,
            _lock: lock,
            file,
            header: replayed.header,
            length: replayed.end as u64,
            last_seq: seq,
            segment_bytes,
            poison: None,
        };
        if replayed.closed {
            log.rotate()?;
        }
        Ok((log, state))
    }

    /// Appends the entries and syncs once. When this returns, they are durable; install them only then.
    ///
    /// # Errors
    /// `Poisoned` with an unknown outcome after a failed write or sync, and `Poisoned` from then on; `StorageFull` when
    /// nothing was kept; `InvalidInput` for a unit over its limit.
    pub fn append(&mut self, group: &[Entry]) -> Result<()> {
        self.usable()?;
        let mut out = Vec::new();
        let mut seq = self.last_seq;
        for entry in group {
            seq += 1;
            let (kind, payload) = match entry {
                Entry::Unit(unit) => (Kind::Unit, codec::encode(unit)?),
                Entry::Restoring(namespace, on) => (Kind::Restoring, codec::encode_restoring(namespace, *on)),
            };
            let frame = Frame { kind, seq, durable_upto: self.last_seq, payload: &payload };
            frame::push(&mut out, &self.header.salt, frame)?;
        }
        self.write(&out, seq)?;
        if self.length > self.segment_bytes {
            // The group is durable; a failure here concerns later ones alone.
            let _ = self.rotate();
        }
        Ok(())
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
        if let Err(e) = self.file.append(bytes) {
            let full = matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            if full && self.file.truncate(self.length).is_ok() {
                return Err(failed(&*self.storage, "the log cannot grow", e).with_hint("free some space and try again"));
            }
            return Err(self.poisoned("the log cannot be written", e));
        }
        if let Err(e) = self.file.sync_data() {
            return Err(self.poisoned("the log cannot be synced", e));
        }
        self.length += bytes.len() as u64;
        self.last_seq = seq;
        Ok(())
    }

    fn poisoned(&mut self, doing: &str, e: io::Error) -> Error {
        let cause = failed(&*self.storage, doing, e);
        self.poison = Some(cause.clone());
        Error::new(ErrorKind::Poisoned, cause.message())
            .with_retry(Retry::UnknownOutcome)
            .with_hint("close it, open the directory again, and read before you write again")
            .with_source(cause)
    }

    fn rotate(&mut self) -> Result<()> {
        let header = FileHeader::new(FileKind::Segment, self.header.number + 1, self.last_seq + 1);
        match new_segment(&*self.storage, &header) {
            Ok(file) => {
                self.file = file;
                self.header = header;
                self.length = FILE_HEADER as u64;
                Ok(())
            }
            Err(e) => Err(self.poisoned("the next segment cannot be made", e)),
        }
    }

    /// Writes `state`, which must be exactly what was appended, as a checkpoint, and removes the segments it covers.
    ///
    /// # Errors
    /// As [`append`](Self::append); a failed checkpoint poisons the handle, the log it would have replaced stays.
    pub fn checkpoint(&mut self, state: &State) -> Result<()> {
        self.usable()?;
        self.rotate()?;
        let number = self.header.number;
        let header = FileHeader::new(FileKind::Checkpoint, number, self.last_seq);
        let mut out = header.encode().to_vec();
        let mut seq = 0;
        let mut push = |kind, payload: &[u8]| {
            seq += 1;
            frame::push(&mut out, &header.salt, Frame { kind, seq, durable_upto: 0, payload })
        };
        for (namespace, records) in &state.records {
            let all: Vec<_> = records.values().cloned().collect();
            for chunk in all.chunks(CHUNK) {
                let unit = Unit { namespace: namespace.clone(), puts: chunk.to_vec(), ..Unit::default() };
                push(Kind::Unit, &codec::encode(&unit)?)?;
            }
        }
        for namespace in &state.restoring {
            push(Kind::Restoring, &codec::encode_restoring(namespace, true))?;
        }
        push(Kind::End, &[])?;
        write_file(&*self.storage, &checkpoint_name(number), &out)
            .map_err(|e| self.poisoned("the checkpoint cannot be written", e))?;
        // What stays behind is removed by the next open.
        if let Ok(names) = self.storage.list() {
            for n in numbers(&names, segment_name).into_iter().filter(|n| *n < number) {
                let _ = self.storage.remove(&segment_name(n));
            }
            for n in numbers(&names, checkpoint_name).into_iter().filter(|n| *n < number) {
                let _ = self.storage.remove(&checkpoint_name(n));
            }
        }
        Ok(())
    }

    /// Seals the log and releases the directory.
    ///
    /// # Errors
    /// As [`append`](Self::append). The directory is released in any case.
    pub fn close(mut self) -> Result<()> {
        self.usable()?;
        let seq = self.last_seq + 1;
        let mut out = Vec::new();
        let frame = Frame { kind: Kind::Seal, seq, durable_upto: self.last_seq, payload: &[] };
        frame::push(&mut out, &self.header.salt, frame)?;
        self.write(&out, seq)
    }
}

fn new_segment(storage: &dyn Storage, header: &FileHeader) -> io::Result<Box<dyn StorageFile>> {
    let name = segment_name(header.number);
    // Under its final name a segment always has its whole header.
    write_file(storage, &name, &header.encode())?;
    storage.open(&name)
}
