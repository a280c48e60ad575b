//! What a unit does to the records it touches: checked and worked out in memory, over rows that the transaction has locked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proximadb_meta_core::driver::{NetWrite, Prepared, Refusal, RefusalCause};
use proximadb_meta_core::{CollectionMetadata, Error, Result};

pub(crate) type Record = Arc<CollectionMetadata>;

/// One id that a group touches.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    /// In the table.
    pub(crate) before: Option<Record>,
    /// After the units planned so far.
    pub(crate) now: Option<Record>,
    /// A unit holds only while nobody makes this id.
    pub(crate) must_stay_absent: bool,
}

/// What a group of units touches in one namespace: every id and every name that a unit mentions was read.
#[derive(Debug, Default)]
pub(crate) struct Space {
    cells: BTreeMap<Arc<str>, Cell>,
    /// Which id holds a name, as of the units planned so far.
    names: HashMap<Arc<str>, Arc<str>>,
}

impl Space {
    /// Takes in what was read.
    pub(crate) fn load(&mut self, record: Record) {
        self.names.insert(record.name.clone(), record.id.clone());
        let cell = Cell { now: Some(record.clone()), before: Some(record.clone()), must_stay_absent: false };
        self.cells.insert(record.id.clone(), cell);
    }

    /// What became of every id, by id.
    pub(crate) fn into_cells(self) -> impl Iterator<Item = (Arc<str>, Cell)> {
        self.cells.into_iter()
    }

    fn now(&self, id: &str) -> Option<&Record> {
        self.cells.get(id)?.now.as_ref()
    }

    /// Plans a unit after those before it; one record (or none) a write. A refused unit leaves no trace.
    ///
    /// # Errors
    /// `Unsupported` for a kind of write that this release does not know.
    pub(crate) fn plan(&mut self, unit: &Prepared) -> Result<std::result::Result<Vec<Option<Record>>, Refusal>> {
        let mut after: HashMap<Arc<str>, Option<Record>> = HashMap::with_capacity(unit.writes.len());
        let mut results = Vec::with_capacity(unit.writes.len());
        let mut absent = Vec::new();
        for (write, net) in unit.writes.iter().enumerate() {
            match self.step(net)? {
                Ok(Step::Keep) => {
                    if self.now(net.id()).is_none() {
                        absent.push(net.id().clone());
                    }
                    results.push(None);
                }
                Ok(Step::Remove) => {
                    after.insert(net.id().clone(), None);
                    results.push(None);
                }
                Ok(Step::Store(record)) => {
                    after.insert(net.id().clone(), Some(record.clone()));
                    results.push(Some(record));
                }
                Err(cause) => return Ok(Err(Refusal { write, cause })),
            }
        }
        if let Some(refusal) = self.name_taken(unit, &after) {
            return Ok(Err(refusal));
        }
        self.install(after);
        for id in absent {
            self.cells.entry(id).or_default().must_stay_absent = true;
        }
        Ok(Ok(results))
    }

    fn step(&self, net: &NetWrite) -> Result<std::result::Result<Step, RefusalCause>> {
        let found = self.now(net.id());
        let unexpected = || RefusalCause::Precondition(found.cloned());
        let expect = match net {
            NetWrite::Put { expect, .. }
            | NetWrite::Update { expect, .. }
            | NetWrite::Delete { expect, .. }
            | NetWrite::Check { expect, .. } => Some(*expect),
            _ => None,
        };
        if expect.is_some_and(|e| !e.holds(found.map(|r| &**r))) {
            return Ok(Err(unexpected()));
        }
        Ok(match net {
            NetWrite::Put { record, .. } => Ok(Step::Store(record.clone())),
            NetWrite::Update { record, deltas, .. } => match found {
                Some(stored) => counted(stored, record, |s| deltas.apply(s)),
                None => Err(unexpected()),
            },
            NetWrite::Count { incarnation, deltas, .. } => match found {
                Some(stored) if stored.incarnation == *incarnation => counted(stored, stored, |s| deltas.apply(s)),
                _ => Err(unexpected()),
            },
            NetWrite::Delete { .. } => Ok(Step::Remove),
            NetWrite::Check { .. } => Ok(Step::Keep),
            _ => return Err(Error::unsupported("this release does not know this kind of write")),
        })
    }

    /// The first write whose name somebody else holds when all is in place.
    fn name_taken(&self, unit: &Prepared, after: &HashMap<Arc<str>, Option<Record>>) -> Option<Refusal> {
        let mut given: HashMap<&str, &Record> = HashMap::new();
        for (write, net) in unit.writes.iter().enumerate() {
            if !matches!(net, NetWrite::Put { .. } | NetWrite::Update { .. }) {
                continue;
            }
            let Some(Some(record)) = after.get(net.id()) else { continue };
            let holder = self.names.get(&record.name).filter(|holder| **holder != record.id).and_then(|holder| {
                match after.get(holder) {
                    Some(new) => new.as_ref().filter(|r| r.name == record.name),
                    None => self.now(holder),
                }
            });
            if let Some(other) = holder.or_else(|| given.get(&*record.name).copied()) {
                return Some(Refusal { write, cause: RefusalCause::NameTaken(other.clone()) });
            }
            given.insert(&record.name, record);
        }
        None
    }

    fn install(&mut self, after: HashMap<Arc<str>, Option<Record>>) {
        // Names are given up before any is taken: two records may swap theirs.
        for id in after.keys() {
            if let Some(name) = self.now(id).map(|r| r.name.clone()) {
                self.names.remove(&name);
            }
        }
        for (id, record) in after {
            if let Some(r) = &record {
                self.names.insert(r.name.clone(), id.clone());
            }
            self.cells.entry(id).or_default().now = record;
        }
    }
}

/// What a write does.
enum Step {
    Keep,
    Remove,
    Store(Record),
}

/// A record with the stored counters, moved.
fn counted(
    stored: &Record,
    record: &Record,
    apply: impl FnOnce(&CollectionMetadata) -> Option<(u64, u64)>,
) -> std::result::Result<Step, RefusalCause> {
    let (vectors, bytes) = apply(stored).ok_or_else(|| RefusalCause::OutOfRange(stored.clone()))?;
    Ok(Step::Store(with_counters(record, vectors, bytes)))
}

/// The record with these counters.
pub(crate) fn with_counters(record: &Record, vectors: u64, bytes: u64) -> Record {
    if (record.vector_count, record.total_size_bytes) == (vectors, bytes) {
        return record.clone();
    }
    let mut moved = (**record).clone();
    moved.vector_count = vectors;
    moved.total_size_bytes = bytes;
    Arc::new(moved)
}
