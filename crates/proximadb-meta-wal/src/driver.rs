//! The driver: reads from the table, writes through the writer thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::digest::digest_of;
use proximadb_meta_core::driver::{Applied, Driver, Key, NetWrite, Prepared, Push, Scan, Scanned};
use proximadb_meta_core::filter::Literal;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Finding, Health, HealthStatus, Measured, RestoreOptions,
    RestoreReport, SchemaAction, SchemaReport, Stat,
};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Contract, Digest, DigestRequest, Durability, Error, ErrorKind,
    MetadataBackendType, Order, Result, Retry,
};
use proximadb_meta_memtable::Table;
use tokio::sync::oneshot;

use crate::avro_bounds::MAX_ENTRIES;
use crate::engine::{Engine, Shared};
use crate::files::{LOCK, MARKER, temporary_name};
use crate::frame::MAX_PAYLOAD;
use crate::log::Log;
use crate::storage::{FileStorage, Storage};
use crate::writer::{Request, Writer};

/// A segment that grows over this is followed by the next.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The embedded log.
#[derive(Debug)]
pub struct WalDriver {
    descriptor: Descriptor,
    storage: Arc<dyn Storage>,
    segment_bytes: u64,
    shared: Arc<Shared>,
    requests: Arc<mpsc::Sender<Request>>,
    closed: AtomicBool,
}

/// Opens the catalog in a directory, making it where it is missing. The replay runs on a blocking thread.
///
/// # Errors
/// `Locked` when another handle or process has it open; `Config` for a directory that holds something else; `Corruption` with
/// file and offset for damage; `Unsupported` for a newer format; `PermissionDenied`, `StorageFull`.
pub async fn open(directory: impl Into<PathBuf>) -> Result<Contract<WalDriver>> {
    open_with(directory, SEGMENT_BYTES).await
}

/// As [`open`], but a log segment that grows over `segment_bytes` (64 MiB there) is followed by the next.
///
/// # Errors
/// As [`open`].
pub async fn open_with(directory: impl Into<PathBuf>, segment_bytes: u64) -> Result<Contract<WalDriver>> {
    open_storage(Arc::new(FileStorage::new(directory)), segment_bytes).await
}

/// Whether [`open`] would make a new catalog in the directory: it is missing, or holds nothing but what a making that was cut
/// off left. Looks, and changes nothing; a directory that cannot be read is not new.
#[must_use]
pub fn would_create(directory: &Path) -> bool {
    let unfinished = [LOCK.to_owned(), temporary_name(MARKER)];
    match std::fs::read_dir(directory) {
        Ok(entries) => {
            entries.flatten().all(|e| e.file_name().to_str().is_some_and(|n| unfinished.iter().any(|u| u == n)))
        }
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    }
}

/// What every store of this backend can do.
pub(crate) fn capabilities() -> Capabilities {
    let limits = BatchLimits { ops: 10_000, items: 10_000, bytes: 32 * 1024 * 1024 };
    let mut c = Capabilities::mandatory(limits, Durability::Synced);
    c.orders = Order::FIELDS.to_vec();
    c.portable_backup = true;
    c.snapshot_backup = true;
    c.explain = true;
    c.digest = true;
    c.maintain = true;
    c.schema = true;
    c.diagnose = true;
    c
}

/// Opens a catalog on any storage. `segment_bytes`: a segment that grows over it is followed by the next.
///
/// # Errors
/// As [`open`].
pub async fn open_storage(storage: Arc<dyn Storage>, segment_bytes: u64) -> Result<Contract<WalDriver>> {
    let location = format!("file://{}", storage.place().display());
    let label = |e: Error| e.in_operation("open", "wal");
    let opened = storage.clone();
    let engine = tokio::task::spawn_blocking(move || Log::open(opened, segment_bytes).map(Engine::new))
        .await
        .map_err(|e| label(Error::new(ErrorKind::Internal, "the opening thread ended early").with_source(e)))?
        .map_err(label)?;
    let shared = engine.shared().clone();
    let (requests, receiver) = mpsc::channel();
    let requests = Arc::new(requests);
    let writer = Writer::new(engine, receiver, Arc::downgrade(&requests));
    std::thread::Builder::new()
        .name("proximadb-meta-wal".to_owned())
        .spawn(move || writer.run())
        .map_err(|e| label(Error::new(ErrorKind::Unavailable, "the writer thread cannot be started").with_source(e)))?;
    let descriptor = Descriptor::new(MetadataBackendType::WAL, "wal", location);
    let closed = AtomicBool::new(false);
    Ok(Contract::new(WalDriver { descriptor, storage, segment_bytes, shared, requests, closed }))
}

/// A batch of changes to large records can be larger in the log than in the call. It is refused before it joins a group.
fn fits(unit: &Prepared) -> Result<()> {
    let entries = unit.writes.len();
    if entries > MAX_ENTRIES {
        return Err(Error::unsupported(format!("the batch has {entries} writes; the log takes {MAX_ENTRIES} at once"))
            .with_hint("split it; each part is atomic by itself"));
    }
    let bytes: usize = unit.writes.iter().map(log_bytes).sum();
    if bytes > MAX_PAYLOAD {
        return Err(Error::unsupported(format!("the batch writes {bytes} bytes; the log takes {MAX_PAYLOAD} at once"))
            .with_hint("split it; each part is atomic by itself"));
    }
    Ok(())
}

/// Not less than what a write takes in the log.
fn log_bytes(write: &NetWrite) -> usize {
    /// Numbers, lengths and the fixed words of a record.
    const FIXED: usize = 512;
    let (NetWrite::Put { record: r, .. } | NetWrite::Update { record: r, .. }) = write else {
        return FIXED + write.id().len();
    };
    let texts = [Some(&r.id), Some(&r.name), r.description.as_ref(), r.owner.as_ref()];
    let texts: usize = texts.into_iter().flatten().chain(r.tags.iter()).map(|t| t.len() + 8).sum();
    FIXED + texts + r.config.as_str().len() + r.extra.as_str().len()
}

impl WalDriver {
    fn usable(&self, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        self.shared.table.admit(&call.namespace, call.restoring)
    }

    /// Looks at the files on a thread that may wait for the disk. A namespace that is being restored does not matter here.
    async fn look<T: Send + 'static>(&self, work: impl FnOnce(&dyn Storage) -> T + Send + 'static) -> Result<T> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        let storage = self.storage.clone();
        let ended = |e| Error::new(ErrorKind::Internal, "the looking thread ended early").with_source(e);
        tokio::task::spawn_blocking(move || work(&*storage)).await.map_err(ended)
    }

    /// Hands a request to the writer and waits. Dropping the wait lets it complete.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| Error::closed())?;
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the writer ended before it answered").with_retry(Retry::UnknownOutcome)
        })?
    }
}

impl Driver for WalDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.usable(call)?;
        Ok(self.shared.table.get(&call.namespace, key))
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        self.usable(call)?;
        fits(&unit)?;
        let (namespace, restoring) = (call.namespace.clone(), call.restoring);
        self.ask(|reply| Request::Apply { namespace, unit, restoring, reply }).await
    }

    fn push(&self, literal: &Literal) -> Push {
        Table::push(literal)
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.usable(call)?;
        Ok(self.shared.table.scan(&call.namespace, &scan))
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        self.usable(call)?;
        let namespace = call.namespace.clone();
        self.ask(|reply| Request::Mark { namespace, on, reply }).await.map(drop)
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.usable(call)?;
        let table = &self.shared.table;
        let mut stats = BackendStats::default();
        stats.collections = Some(Measured::exact(table.live(&call.namespace, call.now)));
        stats.namespaces = Some(Measured::exact(table.used_namespaces()));
        stats.memory_bytes = Some(Measured::exact(table.memory_bytes()));
        let n = &self.shared.numbers;
        let of = |cell: &AtomicU64| Measured::exact(cell.load(Ordering::Relaxed));
        let (log, checkpoint) = (of(&n.log_bytes), of(&n.checkpoint_bytes));
        stats.storage_bytes = Some(Measured::exact(log.value + checkpoint.value));
        stats.more = vec![
            Stat { name: "checkpoint_bytes", value: checkpoint },
            Stat { name: "checkpoint_seq", value: of(&n.checkpoint_seq) },
            Stat { name: "durable_seq", value: of(&n.seq) },
            Stat { name: "log_bytes", value: log },
            Stat { name: "log_segments", value: of(&n.segments) },
            Stat { name: "synced_entries", value: of(&n.entries) },
            Stat { name: "synced_groups", value: of(&n.groups) },
        ];
        Ok(stats)
    }

    async fn health(&self, call: &Call) -> Result<Health> {
        let start = Instant::now();
        self.usable(call)?;
        Ok(if self.shared.poisoned.load(Ordering::SeqCst) {
            let cause = "an earlier write failed; close the handle and open the directory again".to_owned();
            Health::new(HealthStatus::ReadOnly, Some(cause), start.elapsed())
        } else {
            Health::new(HealthStatus::Ready, None, start.elapsed())
        })
    }

    async fn backup(&self, call: &Call, location: &str, _options: BackupOptions) -> Result<BackupReport> {
        self.usable(call)?;
        let records = self.shared.table.snapshot(&call.namespace);
        let source = ArchiveSource { namespace: &call.namespace, records, snapshot: true, now: call.now };
        proximadb_meta_archive::write(location, source).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        proximadb_meta_archive::restore(self, call, id, location, options).await
    }

    async fn maintain(&self, call: &Call) -> Result<String> {
        self.usable(call)?;
        self.ask(|reply| Request::Checkpoint { reply }).await?;
        Ok("wrote a checkpoint and removed the log that it covers".to_owned())
    }

    /// Every file says its own format, and a new one is of the newest: there is never anything to apply.
    async fn schema(&self, _call: &Call, _action: SchemaAction) -> Result<SchemaReport> {
        self.look(crate::look::schema).await?
    }

    async fn diagnose(&self, _call: &Call) -> Result<Vec<Finding>> {
        let segment_bytes = self.segment_bytes;
        let table = &self.shared.table;
        let (records, bytes) = (table.records(), table.memory_bytes());
        let mut findings = self.look(move |storage| crate::look::open(storage, segment_bytes)).await?;
        let found = format!("{bytes} bytes for {records} records in all namespaces");
        findings.push(Finding::ok("memory", found).with_value(bytes, "bytes"));
        Ok(findings)
    }

    async fn digest(&self, call: &Call, request: DigestRequest) -> Result<Digest> {
        self.usable(call)?;
        digest_of(&request, call.now, self.shared.table.snapshot(&call.namespace)).await
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.ask(|reply| Request::Close { reply }).await
    }
}
