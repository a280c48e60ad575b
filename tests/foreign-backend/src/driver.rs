//! The driver: every namespace behind one lock, which no await is held across.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::report::{BackendStats, Descriptor, Health, HealthStatus, Measured};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Durability, Error, MetadataBackendType, Namespace, Result,
};

use crate::space::Space;

/// The store.
#[derive(Debug)]
pub struct ShelfDriver {
    descriptor: Descriptor,
    capacity: usize,
    /// `None` after `close`.
    spaces: Mutex<Option<BTreeMap<Namespace, Space>>>,
}

impl ShelfDriver {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            descriptor: Descriptor::new(MetadataBackendType::new("shelf"), "shelf", "shelf://"),
            capacity,
            spaces: Mutex::new(Some(BTreeMap::new())),
        }
    }

    /// A unit is applied to a copy: a panic cannot leave half of it behind the lock.
    fn spaces(&self) -> MutexGuard<'_, Option<BTreeMap<Namespace, Space>>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for ShelfDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::mandatory(BatchLimits { ops: 50, items: 50, bytes: 1024 * 1024 }, Durability::Volatile)
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        let spaces = self.spaces();
        let spaces = spaces.as_ref().ok_or_else(Error::closed)?;
        Ok(spaces.get(&call.namespace).and_then(|space| space.get(key)))
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        let mut spaces = self.spaces();
        let spaces = spaces.as_mut().ok_or_else(Error::closed)?;
        spaces.entry(call.namespace.clone()).or_default().apply(unit, self.capacity)
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        let spaces = self.spaces();
        let spaces = spaces.as_ref().ok_or_else(Error::closed)?;
        Ok(spaces.get(&call.namespace).map_or_else(Scanned::default, |space| space.scan(&scan)))
    }

    async fn mark_restoring(&self, _call: &Call, _on: bool) -> Result<()> {
        Err(Error::unsupported("the shelf has no restore"))
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        let spaces = self.spaces();
        let spaces = spaces.as_ref().ok_or_else(Error::closed)?;
        let live = spaces.get(&call.namespace).map_or(0, |space| space.live(call.now));
        let mut stats = BackendStats::default();
        stats.collections = Some(Measured::exact(live as u64));
        stats.namespaces = Some(Measured::exact(spaces.values().filter(|s| !s.is_empty()).count() as u64));
        Ok(stats)
    }

    async fn health(&self, _call: &Call) -> Result<Health> {
        let start = Instant::now();
        let open = self.spaces().is_some();
        let status = if open { HealthStatus::Ready } else { HealthStatus::Down };
        Ok(Health::new(status, (!open).then(|| "the shelf is closed".to_owned()), start.elapsed()))
    }

    async fn close(&self) -> Result<()> {
        *self.spaces() = None;
        Ok(())
    }
}
