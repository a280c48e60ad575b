//! The writer thread: gathers a group, checks it, appends and syncs it, publishes it, answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use proximadb_meta_core::driver::{Applied, Prepared};
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result};
use proximadb_meta_memtable::{Effect, Effects, Overlay, Table};
use tokio::sync::oneshot::Sender;

use crate::log::{Counters, Entry, Log, Unit};
use crate::recover::State;

/// Most requests of one group.
const MAX_GROUP: usize = 1024;
/// A checkpoint is written when this many entries were appended since the last one, and more than live records: the log
/// stays within a small multiple of the catalog.
const CHECKPOINT_ENTRIES: u64 = 200_000;

pub(crate) enum Request {
    Apply { namespace: Namespace, unit: Prepared, restoring: bool, reply: Sender<Result<Applied>> },
    Mark { namespace: Namespace, on: bool, reply: Sender<Result<()>> },
    Checkpoint { reply: Sender<Result<()>> },
    Close { reply: Sender<Result<()>> },
}

/// What the thread and the driver share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) table: Table,
    /// An earlier write failed: this handle only reads.
    pub(crate) poisoned: AtomicBool,
}

/// An answer that waits for the group's sync. A refusal waits too: it may rest on a unit of the same group.
enum Waiting {
    Applied(Sender<Result<Applied>>, Applied),
    Marked(Sender<Result<()>>, Namespace, bool),
}

#[derive(Default)]
struct Group {
    overlay: Overlay,
    entries: Vec<Entry>,
    effects: Vec<Effects>,
    waiting: Vec<Waiting>,
}

pub(crate) struct Writer {
    log: Log,
    shared: Arc<Shared>,
    requests: Receiver<Request>,
    since_checkpoint: u64,
}

impl Writer {
    pub(crate) fn new(log: Log, shared: Arc<Shared>, requests: Receiver<Request>) -> Self {
        Self { log, shared, requests, since_checkpoint: 0 }
    }

    /// Runs until it is asked to close, or until every handle is gone; both seal the log.
    pub(crate) fn run(mut self) {
        let mut group = Group::default();
        while let Ok(first) = self.requests.recv() {
            let mut next = Some(first);
            loop {
                match next.take() {
                    Some(Request::Apply { namespace, unit, restoring, reply }) => {
                        self.gather(&mut group, &namespace, &unit, restoring, reply);
                    }
                    Some(Request::Mark { namespace, on, reply }) => {
                        // Writes before and after the mark must not share its check: it ends the group.
                        self.commit(&mut group);
                        group.entries.push(Entry::Restoring(namespace.clone(), on));
                        group.waiting.push(Waiting::Marked(reply, namespace, on));
                        self.commit(&mut group);
                    }
                    Some(Request::Checkpoint { reply }) => {
                        self.commit(&mut group);
                        // A caller that went away does not need the answer; so everywhere below.
                        let _ = reply.send(self.checkpoint());
                    }
                    Some(Request::Close { reply }) => {
                        self.commit(&mut group);
                        let _ = reply.send(self.log.close());
                        return;
                    }
                    None => {}
                }
                if group.waiting.len() >= MAX_GROUP {
                    break;
                }
                match self.requests.try_recv() {
                    Ok(request) => next = Some(request),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            self.commit(&mut group);
            self.checkpoint_if_due();
        }
        // Nobody is left to tell; an unsealed log opens just as well.
        let _ = self.log.close();
    }

    fn gather(
        &self,
        group: &mut Group,
        namespace: &Namespace,
        unit: &Prepared,
        restoring: bool,
        reply: Sender<Result<Applied>>,
    ) {
        if !restoring && self.shared.table.is_restoring(namespace) {
            let _ = reply.send(Err(restoring_error()));
            return;
        }
        match self.shared.table.plan(&mut group.overlay, namespace, unit) {
            Ok(effects) => {
                group.waiting.push(Waiting::Applied(reply, Applied::Done(effects.results.clone())));
                if !effects.changes.is_empty() {
                    group.entries.push(Entry::Unit(log_unit(&effects)));
                    group.effects.push(effects);
                }
            }
            Err(refusal) => group.waiting.push(Waiting::Applied(reply, Applied::Refused(refusal))),
        }
    }

    /// Append, sync, publish, answer: in this order.
    fn commit(&mut self, group: &mut Group) {
        let group = std::mem::take(group);
        let result = if group.entries.is_empty() { Ok(()) } else { self.log.append(&group.entries) };
        match result {
            Ok(()) => {
                self.since_checkpoint += group.entries.len() as u64;
                self.shared.table.install(&group.effects);
                for waiting in group.waiting {
                    match waiting {
                        Waiting::Applied(reply, applied) => drop(reply.send(Ok(applied))),
                        Waiting::Marked(reply, namespace, on) => {
                            self.shared.table.set_restoring(&namespace, on);
                            drop(reply.send(Ok(())));
                        }
                    }
                }
            }
            Err(e) => {
                self.note(&e);
                for waiting in group.waiting {
                    match waiting {
                        Waiting::Applied(reply, _) => drop(reply.send(Err(e.clone()))),
                        Waiting::Marked(reply, ..) => drop(reply.send(Err(e.clone()))),
                    }
                }
            }
        }
    }

    fn note(&self, e: &Error) {
        if e.kind() == ErrorKind::Poisoned {
            self.shared.poisoned.store(true, Ordering::SeqCst);
        }
    }

    fn checkpoint_if_due(&mut self) {
        if self.since_checkpoint < CHECKPOINT_ENTRIES || self.shared.poisoned.load(Ordering::SeqCst) {
            return;
        }
        if self.since_checkpoint > self.shared.table.records() {
            // A failure poisons the handle, which the next write reports.
            let _ = self.checkpoint();
        }
    }

    fn checkpoint(&mut self) -> Result<()> {
        let mut state = State { records: BTreeMap::new(), restoring: BTreeSet::new() };
        for (namespace, records) in self.shared.table.snapshot_all() {
            state.records.insert(namespace, records.into_iter().map(|r| (r.id.clone(), r)).collect());
        }
        state.restoring = self.shared.table.restoring();
        let result = self.log.checkpoint(&state);
        match &result {
            Ok(()) => self.since_checkpoint = 0,
            Err(e) => self.note(e),
        }
        result
    }
}

pub(crate) fn restoring_error() -> Error {
    Error::new(ErrorKind::Unavailable, "the namespace is being restored, or a restore failed half way")
        .with_hint("wait for it, or restore again with replace")
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
