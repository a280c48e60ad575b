//! One namespace: its records by id, and how a unit is applied to it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proximadb_meta_core::driver::{
    Applied, CounterDeltas, Expect, Key, NetWrite, Prepared, Refusal, RefusalCause, Scan, Scanned,
};
use proximadb_meta_core::page::Position;
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Incarnation, Result};

type Record = Arc<CollectionMetadata>;

/// The records of one namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    records: BTreeMap<Arc<str>, Record>,
}

impl Space {
    pub(crate) fn get(&self, key: Key<'_>) -> Option<Record> {
        match key {
            Key::Id(id) => self.records.get(id).cloned(),
            Key::Name(name) => self.holder(name).cloned(),
        }
    }

    fn holder(&self, name: &str) -> Option<&Record> {
        self.records.values().find(|r| *r.name == *name)
    }

    pub(crate) fn live(&self, now: proximadb_meta_core::Timestamp) -> usize {
        self.records.values().filter(|r| !r.is_expired(now)).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Applies a unit to a copy, which takes the place of the original only when every write was possible.
    pub(crate) fn apply(&mut self, unit: Prepared, capacity: usize) -> Result<Applied> {
        let mut next = self.clone();
        let mut stored = Vec::with_capacity(unit.writes.len());
        for (write, net) in unit.writes.iter().enumerate() {
            match next.step(net)? {
                Ok(record) => stored.push(record),
                Err(cause) => return Ok(Applied::Refused(Refusal { write, cause })),
            }
        }
        // Names are compared when all is in place: an earlier write may take what a later one gives up.
        for (write, record) in stored.iter().enumerate() {
            let Some(record) = record else { continue };
            if let Some(other) = next.records.values().find(|r| r.name == record.name && r.id != record.id) {
                let cause = RefusalCause::NameTaken(other.clone());
                return Ok(Applied::Refused(Refusal { write, cause }));
            }
        }
        if next.records.len() > capacity && next.records.len() > self.records.len() {
            return Err(Error::new(ErrorKind::StorageFull, format!("the shelf holds at most {capacity} records"))
                .with_hint("delete some, or open it with a larger capacity"));
        }
        *self = next;
        Ok(Applied::Done(stored))
    }

    /// One net write; what it stored, or why not.
    fn step(&mut self, net: &NetWrite) -> Result<std::result::Result<Option<Record>, RefusalCause>> {
        let found = self.records.get(net.id()).cloned();
        let holds = |expect: &Expect| expect.holds(found.as_deref());
        let refused = |found: Option<Record>| Ok(Err(RefusalCause::Precondition(found)));
        let record = match net {
            NetWrite::Put { record, expect, .. } if holds(expect) => Some(record.clone()),
            NetWrite::Delete { expect, .. } if holds(expect) => {
                self.records.remove(net.id());
                return Ok(Ok(None));
            }
            NetWrite::Check { expect, .. } if holds(expect) => return Ok(Ok(None)),
            NetWrite::Update { record, expect, deltas, .. } if holds(expect) => match found {
                Some(found) => match counted((**record).clone(), &found, deltas) {
                    Some(record) => Some(record),
                    None => return Ok(Err(RefusalCause::OutOfRange(found))),
                },
                None => return refused(None),
            },
            NetWrite::Count { incarnation, deltas, .. } => match found {
                Some(found) if is_life(&found, *incarnation) => match counted((*found).clone(), &found, deltas) {
                    Some(record) => Some(record),
                    None => return Ok(Err(RefusalCause::OutOfRange(found))),
                },
                other => return refused(other),
            },
            NetWrite::Put { .. } | NetWrite::Delete { .. } | NetWrite::Check { .. } | NetWrite::Update { .. } => {
                return refused(found);
            }
            // A newer contract may know more: better to refuse it than to guess.
            _ => return Err(Error::unsupported("the shelf does not know this kind of write")),
        };
        if let Some(record) = &record {
            self.records.insert(record.id.clone(), record.clone());
        }
        Ok(Ok(record))
    }

    /// Records by id, either way, from a position on. Nothing is pushed down, so there is no filter to answer.
    pub(crate) fn scan(&self, scan: &Scan) -> Scanned {
        let after = scan.after.as_ref().map(|p| p.id.clone());
        let descending = scan.order.is_descending();
        let bounds = match (after, descending) {
            (None, _) => (Bound::Unbounded, Bound::Unbounded),
            (Some(id), false) => (Bound::Excluded(id), Bound::Unbounded),
            (Some(id), true) => (Bound::Unbounded, Bound::Excluded(id)),
        };
        let range = self.records.range(bounds).map(|(_, r)| r.clone());
        // One more than asked for says whether there is more.
        let wanted = scan.limit.saturating_add(1);
        let mut records: Vec<Record> =
            if descending { range.rev().take(wanted).collect() } else { range.take(wanted).collect() };
        let examined = records.len() as u64;
        let more = records.len() > scan.limit;
        records.truncate(scan.limit);
        let next = records.last().filter(|_| more).map(|last| Position::after(last, scan.order));
        Scanned::new(records, next, examined, "ordered map")
    }
}

fn is_life(found: &CollectionMetadata, incarnation: Incarnation) -> bool {
    found.incarnation == incarnation
}

/// `record` with the stored counters moved by the deltas.
fn counted(mut record: CollectionMetadata, stored: &CollectionMetadata, deltas: &CounterDeltas) -> Option<Record> {
    (record.vector_count, record.total_size_bytes) = deltas.apply(stored)?;
    Some(Arc::new(record))
}
