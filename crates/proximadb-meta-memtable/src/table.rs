//! The table of all namespaces: publication under a short write lock, reads under a short read lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use proximadb_meta_core::Namespace;
use proximadb_meta_core::driver::{Key, Prepared, Push, Refusal, Scan, Scanned};
use proximadb_meta_core::filter::Literal;

use crate::plan::{Effect, Effects, Overlay, plan};
use crate::scan;
use crate::space::{Record, Space};

/// Records and indexes of every namespace, in memory. See the [crate documentation](crate).
#[derive(Debug, Default)]
pub struct Table(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    spaces: BTreeMap<Namespace, Space>,
    restoring: BTreeSet<Namespace>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // No code path panics while it holds the lock half way through a change, so a poisoned lock guards whole state.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record, expired or not. O(log n).
    #[must_use]
    pub fn get(&self, ns: &Namespace, key: Key<'_>) -> Option<Record> {
        let inner = self.read();
        let space = inner.spaces.get(ns)?;
        match key {
            Key::Id(id) => space.ids.get(id).cloned(),
            Key::Name(name) => space.by_name(name).cloned(),
        }
    }

    /// Checks a unit against the table and the group's earlier units; remembers it in the overlay when it passes.
    ///
    /// # Errors
    /// The first precondition that does not hold; the overlay is unchanged.
    pub fn plan(&self, overlay: &mut Overlay, ns: &Namespace, unit: &Prepared) -> Result<Effects, Refusal> {
        plan(self.read().spaces.get(ns), overlay, ns, unit)
    }

    /// Publishes planned units, in order. Readers see them all or none.
    pub fn install(&self, units: &[Effects]) {
        let mut inner = self.write();
        for unit in units {
            let space = inner.spaces.entry(unit.namespace.clone()).or_default();
            for change in &unit.changes {
                if let Effect::Delete { before } = change {
                    space.remove(&before.id);
                }
            }
            for change in &unit.changes {
                if let Effect::Put { record, .. } = change {
                    space.put(record);
                }
            }
            if space.ids.is_empty() {
                inner.spaces.remove(&unit.namespace);
            }
        }
    }

    /// Fills the table with records that are known to be consistent, as a log gives them back.
    pub fn load(&self, ns: &Namespace, records: impl IntoIterator<Item = Record>) {
        let mut inner = self.write();
        let space = inner.spaces.entry(ns.clone()).or_default();
        for record in records {
            space.put(&record);
        }
        if space.ids.is_empty() {
            inner.spaces.remove(ns);
        }
    }

    /// Reads in order; see [`Scan`]. Holds the read lock for one bounded part.
    #[must_use]
    pub fn scan(&self, ns: &Namespace, request: &Scan) -> Scanned {
        match self.read().spaces.get(ns) {
            Some(space) => scan::scan(space, request),
            None => Scanned::new(Vec::new(), None, 0, "empty namespace"),
        }
    }

    /// What the indexes answer: equality of id, name, owner and access pattern, and one tag.
    #[must_use]
    pub fn push(literal: &Literal) -> Push {
        if scan::is_indexed(literal) { Push::Exact } else { Push::No }
    }

    /// Every record of a namespace by id, at one instant. O(n) pointers.
    #[must_use]
    pub fn snapshot(&self, ns: &Namespace) -> Vec<Record> {
        self.read().spaces.get(ns).map_or_else(Vec::new, |s| s.ids.values().cloned().collect())
    }

    /// Every record of every namespace, at one instant.
    #[must_use]
    pub fn snapshot_all(&self) -> Vec<(Namespace, Vec<Record>)> {
        self.read().spaces.iter().map(|(ns, s)| (ns.clone(), s.ids.values().cloned().collect())).collect()
    }

    /// Marks or unmarks a namespace as being restored.
    pub fn set_restoring(&self, ns: &Namespace, on: bool) {
        let mut inner = self.write();
        if on {
            inner.restoring.insert(ns.clone());
        } else {
            inner.restoring.remove(ns);
        }
    }

    /// Whether the namespace is being restored.
    #[must_use]
    pub fn is_restoring(&self, ns: &Namespace) -> bool {
        self.read().restoring.contains(ns)
    }

    /// Every namespace that is being restored.
    #[must_use]
    pub fn restoring(&self) -> BTreeSet<Namespace> {
        self.read().restoring.clone()
    }

    /// Records that are live at `now` in a namespace. O(n).
    #[must_use]
    pub fn live(&self, ns: &Namespace, now: proximadb_meta_core::Timestamp) -> u64 {
        self.read().spaces.get(ns).map_or(0, |s| s.ids.values().filter(|r| !r.is_expired(now)).count() as u64)
    }

    /// Namespaces with a record.
    #[must_use]
    pub fn namespaces(&self) -> u64 {
        self.read().spaces.len() as u64
    }

    /// Bytes of all records' own memory, counted from their sizes; without index nodes and allocator overhead.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.read().spaces.values().map(|s| s.bytes).sum()
    }
}
