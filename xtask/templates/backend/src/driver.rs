//! The driver: complete records under preconditions, found in order. What each method must do, step by step, is said in
//! `proximadb_meta_core::driver`.

use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::limits::MAX_RECORD_BYTES;
use proximadb_meta_core::report::{BackendStats, Descriptor, Health, HealthStatus};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Durability, MetadataBackendType, Result,
};

use crate::config::Config;
use crate::error::cannot;

/// A catalog in {{name}}.
#[derive(Debug)]
pub struct {{Type}}Driver {
    descriptor: Descriptor,
}

impl {{Type}}Driver {
    /// Connects. A store that does not answer must be an error here, never a driver that fails later.
    pub(crate) async fn connect(config: Config) -> Result<Self> {
        let location = format!("{{scheme}}://{}", config.location);
        Ok(Self { descriptor: Descriptor::new(MetadataBackendType::new("{{scheme}}"), "{{scheme}}", location) })
    }
}

impl Driver for {{Type}}Driver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The mandatory profile. Set more when the store can do more, and nothing that it cannot.
    fn capabilities(&self) -> Capabilities {
        let limits = BatchLimits { ops: 1, items: 1, bytes: MAX_RECORD_BYTES };
        Capabilities::mandatory(limits, Durability::Volatile)
    }

    async fn get(&self, _call: &Call, _key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        Err(cannot("read a record"))
    }

    async fn apply(&self, _call: &Call, _unit: Prepared) -> Result<Applied> {
        Err(cannot("write records"))
    }

    async fn scan(&self, _call: &Call, _scan: Scan) -> Result<Scanned> {
        Err(cannot("list records"))
    }

    async fn mark_restoring(&self, _call: &Call, _on: bool) -> Result<()> {
        Err(cannot("restore"))
    }

    async fn stats(&self, _call: &Call) -> Result<BackendStats> {
        Err(cannot("count records"))
    }

    /// Ask the store itself. Until there is one, the honest answer is that nothing serves.
    async fn health(&self, _call: &Call) -> Result<Health> {
        let cause = "the backend connects to no store yet".to_owned();
        Ok(Health::new(HealthStatus::Down, Some(cause), Duration::ZERO))
    }

    /// Nothing to release yet.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
