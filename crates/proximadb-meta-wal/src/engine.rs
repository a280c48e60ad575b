//! What the writer thread does, without the thread: gather a group, check it, append and sync it, publish it. Deterministic, so
//! that a test can stop it at every file operation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proximadb_meta_core::driver::{Applied, Prepared, Scan};
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Namespace, Order, Result};
use proximadb_meta_memtable::{Effect, Effects, Overlay, Snapshot, Table};

use crate::catalog::Catalog;
use crate::log::{Checkpoint, Counters, Covered, Entry, Log, Opened, Unit};
use crate::sabotage::{Sabotage, sabotaged};

/// A checkpoint is due when this many entries were appended since the last one, and more than there are records: the log
/// stays within a small multiple of the catalog.
const CHECKPOINT_ENTRIES: u64 = 200_000;
/// It is also due when an opening would have to read this many segments: short-lived processes fill one each.
const CHECKPOINT_SEGMENTS: u64 = 32;
/// Entries between a failed checkpoint and the next attempt.
const CHECKPOINT_PAUSE: u64 = 10_000;
/// Records in one unit of a checkpoint.
const CHUNK: usize = 64;

/// What the writer and the readers share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) table: Table,
    /// An earlier write failed: this handle only reads.
    pub(crate) poisoned: AtomicBool,
    pub(crate) numbers: Numbers,
}

/// The log's numbers for statistics, as of the last group.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) seq: AtomicU64,
    pub(crate) checkpoint_seq: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) checkpoint_bytes: AtomicU64,
    /// Groups that were synced since the store was opened.
    pub(crate) groups: AtomicU64,
    /// Entries in them.
    pub(crate) entries: AtomicU64,
}

/// Units that will be synced together. `R` is how each caller is answered.
pub(crate) struct Group<R> {
    overlay: Overlay,
    entries: Vec<Entry>,
    effects: Vec<Effects>,
    marks: Vec<(Namespace, bool)>,
    waiting: Vec<(R, Applied)>,
}

impl<R> Default for Group<R> {
    fn default() -> Self {
        Self {
            overlay: Overlay::default(),
            entries: Vec::new(),
            effects: Vec::new(),
            marks: Vec::new(),
            waiting: Vec::new(),
        }
    }
}

impl<R> Group<R> {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// The answers of a committed group, in the order of asking.
pub(crate) type Answers<R> = Vec<(R, Result<Applied>)>;

#[derive(Debug)]
pub(crate) struct Engine {
    log: Log,
    shared: Arc<Shared>,
    since_checkpoint: u64,
    /// After a failed attempt: how many entries must have been appended before the next.
    attempt_from: u64,
}

impl Engine {
    /// Fills the table with what an opened log holds.
    pub(crate) fn new(opened: Opened) -> Self {
        let shared = Arc::new(Shared::default());
        fill(&shared.table, opened.catalog);
        let engine = Self { log: opened.log, shared, since_checkpoint: opened.replayed, attempt_from: 0 };
        engine.tell();
        engine
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn tell(&self) {
        let (p, n) = (self.log.position(), &self.shared.numbers);
        for (cell, value) in [
            (&n.seq, p.seq),
            (&n.checkpoint_seq, p.checkpoint_seq),
            (&n.segments, p.segments),
            (&n.log_bytes, p.log_bytes),
            (&n.checkpoint_bytes, p.checkpoint_bytes),
        ] {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Checks a unit against the group and takes it in. A refusal waits for the sync too: it may rest on a unit of the same
    /// group. A namespace that is being restored is refused at once: the answer that is returned.
    pub(crate) fn gather<R>(
        &self,
        group: &mut Group<R>,
        namespace: &Namespace,
        unit: &Prepared,
        restoring: bool,
        reply: R,
    ) -> Option<(R, Error)> {
        if let Err(e) = self.shared.table.admit(namespace, restoring) {
            return Some((reply, e));
        }
        match self.shared.table.plan(&mut group.overlay, namespace, unit) {
            Ok(effects) => {
                group.waiting.push((reply, Applied::Done(effects.results.clone())));
                if !effects.changes.is_empty() {
                    group.entries.push(Entry::Unit(log_unit(&effects)));
                    group.effects.push(effects);
                }
            }
            Err(refusal) => group.waiting.push((reply, Applied::Refused(refusal))),
        }
        None
    }

    /// Takes a mark in. It must be alone in its group: writes before and after it must not share its check.
    pub(crate) fn gather_mark<R>(&self, group: &mut Group<R>, namespace: Namespace, on: bool, reply: R) {
        group.entries.push(Entry::Restoring(namespace.clone(), on));
        group.marks.push((namespace, on));
        group.waiting.push((reply, Applied::Done(Vec::new())));
    }

    /// Append, sync, publish, answer: in this order.
    pub(crate) fn commit<R>(&mut self, group: &mut Group<R>) -> Answers<R> {
        let group = std::mem::take(group);
        if sabotaged(Sabotage::PublishedBeforeDurable) {
            self.shared.table.install(&group.effects);
        }
        let result = if group.entries.is_empty() { Ok(()) } else { self.log.append(&group.entries) };
        if let Err(e) = result {
            if e.kind() == ErrorKind::Poisoned {
                self.shared.poisoned.store(true, Ordering::SeqCst);
            }
            return group.waiting.into_iter().map(|(reply, _)| (reply, Err(e.clone()))).collect();
        }
        if !group.entries.is_empty() {
            self.since_checkpoint += group.entries.len() as u64;
            self.shared.numbers.groups.fetch_add(1, Ordering::Relaxed);
            self.shared.numbers.entries.fetch_add(group.entries.len() as u64, Ordering::Relaxed);
            self.tell();
        }
        if !sabotaged(Sabotage::PublishedBeforeDurable) && !group.effects.is_empty() {
            self.shared.table.install(&group.effects);
        }
        for (namespace, on) in &group.marks {
            self.shared.table.set_restoring(namespace, *on);
        }
        group.waiting.into_iter().map(|(reply, applied)| (reply, Ok(applied))).collect()
    }

    /// Whether the log has grown enough for a checkpoint.
    pub(crate) fn checkpoint_is_due(&self) -> bool {
        let waits = self.shared.numbers.entries.load(Ordering::Relaxed) < self.attempt_from;
        if waits || self.shared.poisoned.load(Ordering::SeqCst) {
            return false;
        }
        let long = self.since_checkpoint >= CHECKPOINT_ENTRIES && self.since_checkpoint > self.shared.table.records();
        long || self.log.position().segments > CHECKPOINT_SEGMENTS
    }

    /// Begins a checkpoint of this moment. It is written by [`CheckpointJob::step`], on any thread.
    ///
    /// # Errors
    /// What the file system gives: no checkpoint was begun.
    pub(crate) fn begin_checkpoint(&mut self) -> Result<CheckpointJob> {
        // Not again at once, should this one fail.
        self.attempt_from = self.shared.numbers.entries.load(Ordering::Relaxed) + CHECKPOINT_PAUSE;
        let begun = self.log.begin_checkpoint();
        if begun.as_ref().is_err_and(|e| e.kind() == ErrorKind::Poisoned) {
            self.shared.poisoned.store(true, Ordering::SeqCst);
        }
        let file = begun?;
        self.since_checkpoint = 0;
        self.tell();
        let table = &self.shared.table;
        Ok(CheckpointJob {
            file: Some(file),
            snapshot: table.hold(),
            restoring: table.restoring(),
            namespaces: table.namespaces(),
            scan: Scan::new(Order::default(), CHUNK),
            shared: self.shared.clone(),
        })
    }

    /// Takes a finished checkpoint into account.
    pub(crate) fn end_checkpoint(&mut self, covered: Covered) {
        self.log.end_checkpoint(covered);
        self.attempt_from = 0;
        self.tell();
    }

    /// Seals the log and releases the directory.
    ///
    /// # Errors
    /// As an append.
    pub(crate) fn close(self) -> Result<()> {
        self.log.close()
    }

    #[cfg(test)]
    pub(crate) fn late_sync(&mut self) {
        self.log.late_sync();
    }
}

/// A checkpoint on its way.
#[derive(Debug)]
pub(crate) struct CheckpointJob {
    file: Option<Checkpoint>,
    snapshot: Snapshot,
    restoring: BTreeSet<Namespace>,
    /// What is still to be written, the next one last.
    namespaces: Vec<Namespace>,
    scan: Scan,
    shared: Arc<Shared>,
}

impl CheckpointJob {
    /// Writes the next part; the covered part of the log when that was the last one.
    ///
    /// # Errors
    /// What the file system gives: the job is over, its file is removed.
    pub(crate) fn step(&mut self) -> Result<Option<Covered>> {
        let done = self.write();
        if done.is_err() {
            self.abandon();
        }
        done
    }

    fn write(&mut self) -> Result<Option<Covered>> {
        let over = || Error::new(ErrorKind::Internal, "the checkpoint is over");
        let Some(namespace) = self.namespaces.last() else {
            return self.file.take().ok_or_else(over)?.finish(&self.restoring).map(Some);
        };
        let part = self.shared.table.scan_at(&self.snapshot, namespace, &self.scan);
        if !part.records.is_empty() {
            self.file.as_mut().ok_or_else(over)?.records(namespace, &part.records)?;
        }
        self.scan.after = part.next;
        if self.scan.after.is_none() {
            self.namespaces.pop();
        }
        Ok(None)
    }

    /// Gives the checkpoint up.
    pub(crate) fn abandon(&mut self) {
        if let Some(file) = self.file.take() {
            file.abandon();
        }
    }
}

/// Fills a table with what a log holds.
fn fill(table: &Table, mut catalog: Catalog) {
    for namespace in std::mem::take(&mut catalog.restoring) {
        table.set_restoring(&namespace, true);
    }
    for (namespace, records) in catalog.into_spaces() {
        if sabotaged(Sabotage::StaleIndex) {
            let renamed = |r: &Arc<CollectionMetadata>| {
                let mut r = (**r).clone();
                r.name = format!("{}0", r.name).into();
                Arc::new(r)
            };
            table.load(&namespace, records.iter().map(renamed));
        }
        table.load(&namespace, records);
    }
}

fn log_unit(effects: &Effects) -> Unit {
    let mut unit = Unit { namespace: effects.namespace.clone(), ..Unit::default() };
    for change in &effects.changes {
        match change {
            Effect::Delete { before } => unit.deletes.push(before.id.to_string()),
            // The same version of the same life: only the counters moved.
            Effect::Put { record, before: Some(b) }
                if b.version == record.version && b.incarnation == record.incarnation =>
            {
                unit.counters.push(Counters {
                    id: record.id.to_string(),
                    incarnation: record.incarnation.0.cast_signed(),
                    vectors: record.vector_count.cast_signed(),
                    bytes: record.total_size_bytes.cast_signed(),
                });
            }
            Effect::Put { record, .. } => unit.puts.push(record.clone()),
        }
    }
    unit
}
