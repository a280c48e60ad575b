//! The driver: a table behind one writer lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::digest::digest_of;
use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Push, Scan, Scanned};
use proximadb_meta_core::filter::Literal;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Finding, Health, HealthStatus, Measured, RestoreOptions,
    RestoreReport,
};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Digest, DigestRequest, Durability, Error, MetadataBackendType,
    Order, Result,
};
use proximadb_meta_memtable::{Overlay, Table};

/// The in-memory store.
#[derive(Debug)]
pub struct MemoryDriver {
    descriptor: Descriptor,
    table: Table,
    writer: Mutex<()>,
    closed: AtomicBool,
}

impl Default for MemoryDriver {
    fn default() -> Self {
        Self {
            descriptor: Descriptor::new(MetadataBackendType::MEMORY, "memory", "memory://"),
            table: Table::new(),
            writer: Mutex::new(()),
            closed: AtomicBool::new(false),
        }
    }
}

/// What every store of this backend can do.
pub(crate) fn capabilities() -> Capabilities {
    let limits = BatchLimits { ops: 10_000, items: 10_000, bytes: 64 * 1024 * 1024 };
    let mut c = Capabilities::mandatory(limits, Durability::Volatile);
    c.orders = Order::FIELDS.to_vec();
    c.portable_backup = true;
    c.snapshot_backup = true;
    c.explain = true;
    c.diagnose = true;
    c.digest = true;
    c
}

impl MemoryDriver {
    fn usable(&self, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        self.table.admit(&call.namespace, call.restoring)
    }
}

impl Driver for MemoryDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.usable(call)?;
        Ok(self.table.get(&call.namespace, key))
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        // The lock guards the order of plan and install; it holds no state that a panic could tear.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.usable(call)?;
        match self.table.plan(&mut Overlay::default(), &call.namespace, &unit) {
            Ok(effects) => {
                self.table.install(std::slice::from_ref(&effects));
                Ok(Applied::Done(effects.results))
            }
            Err(refusal) => Ok(Applied::Refused(refusal)),
        }
    }

    fn push(&self, literal: &Literal) -> Push {
        Table::push(literal)
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.usable(call)?;
        Ok(self.table.scan(&call.namespace, &scan))
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        // Under the writer lock: no write that was checked before the mark lands after it.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.usable(call)?;
        self.table.set_restoring(&call.namespace, on);
        Ok(())
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.usable(call)?;
        let mut stats = BackendStats::default();
        stats.collections = Some(Measured::exact(self.table.live(&call.namespace, call.now)));
        stats.namespaces = Some(Measured::exact(self.table.used_namespaces()));
        stats.memory_bytes = Some(Measured::exact(self.table.memory_bytes()));
        Ok(stats)
    }

    async fn health(&self, call: &Call) -> Result<Health> {
        let start = Instant::now();
        self.usable(call)?;
        Ok(Health::new(HealthStatus::Ready, None, start.elapsed()))
    }

    async fn backup(&self, call: &Call, location: &str, _options: BackupOptions) -> Result<BackupReport> {
        self.usable(call)?;
        let records = self.table.snapshot(&call.namespace);
        let source = ArchiveSource { namespace: &call.namespace, records, snapshot: true, now: call.now };
        proximadb_meta_archive::write(location, source).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        proximadb_meta_archive::restore(self, call, id, location, options).await
    }

    // No `schema`: nothing outlives the process, so there is no stored format that could be told, and none to migrate.

    async fn diagnose(&self, _call: &Call) -> Result<Vec<Finding>> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        let bytes = self.table.memory_bytes();
        let found = format!("{bytes} bytes for {} records in all namespaces", self.table.records());
        Ok(vec![Finding::ok("memory", found).with_value(bytes, "bytes")])
    }

    async fn digest(&self, call: &Call, request: DigestRequest) -> Result<Digest> {
        self.usable(call)?;
        digest_of(&request, call.now, self.table.snapshot(&call.namespace)).await
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}
