//! One namespace: its records by id, and how a unit is applied to it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proximadb_meta_core::driver::{Applied, Key, NetWrite, Prepared, Refusal, RefusalCause, Scan, Scanned, Step};
use proximadb_meta_core::page::Position;
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Result};

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
            match next.step(net) {
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
    fn step(&mut self, net: &NetWrite) -> std::result::Result<Option<Record>, RefusalCause> {
        match net.step(self.records.get(net.id()))? {
            Step::Keep => Ok(None),
            Step::Remove => {
                self.records.remove(net.id());
                Ok(None)
            }
            Step::Store(record) => {
                self.records.insert(record.id.clone(), record.clone());
                Ok(Some(record))
            }
        }
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
