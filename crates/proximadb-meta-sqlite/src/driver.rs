//! The driver: reads on connections of their own, writes through the writer's thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Push, Scan, Scanned, Search};
use proximadb_meta_core::filter::Literal;
use proximadb_meta_core::page::Position;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Finding, Health, HealthStatus, RestoreOptions,
    RestoreReport, SchemaAction, SchemaReport,
};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Contract, Digest, DigestRequest, Durability, Error, ErrorKind,
    MetadataBackendType, Order, Ranked, Result, Retry,
};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};

use crate::config::SqliteOptions;
use crate::error::failed;
use crate::file;
use crate::group::Unit;
use crate::layout;
use crate::packed::{pack, unpack};
use crate::readers::Readers;
use crate::row::decode;
use crate::scan;
use crate::schema;
use crate::snapshot::Snapshot;
use crate::writer::{Progress, Request, Writer};

/// A catalog in an SQLite database.
#[derive(Debug)]
pub struct SqliteDriver {
    descriptor: Descriptor,
    pub(crate) path: PathBuf,
    pub(crate) readers: Readers,
    pub(crate) progress: Arc<Progress>,
    pub(crate) patience: Duration,
    requests: mpsc::UnboundedSender<Request>,
    closed: AtomicBool,
}

/// Opens the catalog in a database file, making it where it is missing (for its owner alone, with the directories on the way).
///
/// # Errors
/// `Config` for a file that is no SQLite database, or one of another program: it is not changed; `Unsupported` for a newer
/// format; `Corruption`, `PermissionDenied`, `StorageFull`; `Locked` when another process held the write lock for longer than
/// the busy timeout.
pub async fn open(path: impl Into<PathBuf>) -> Result<Contract<SqliteDriver>> {
    open_with(path, SqliteOptions::default()).await
}

/// As [`open`], with settings.
///
/// # Errors
/// As [`open`].
pub async fn open_with(path: impl Into<PathBuf>, options: SqliteOptions) -> Result<Contract<SqliteDriver>> {
    let path = path.into();
    let opened = try_open(&path, &options).await;
    opened.map_err(|e| e.context(path.display()).in_operation("open", "sqlite"))
}

async fn try_open(path: &Path, options: &SqliteOptions) -> Result<Contract<SqliteDriver>> {
    if !options.auto_migrate {
        let missing = layout::of_file(path, options, SchemaAction::Status).await?.pending.len();
        if missing > 0 {
            return Err(Error::new(ErrorKind::Config, format!("the database lacks {missing} migrations"))
                .with_hint("apply them (pxmeta schema apply), or open with auto_migrate=true"));
        }
    }
    let owned = path.to_owned();
    tokio::task::spawn_blocking(move || file::prepare(&owned))
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the opening thread ended early").with_source(e))??;
    let mut connection = options.writer(path).connect().await.map_err(|e| failed("open the database", e))?;
    if let Err(e) = schema::prepare(&mut connection, options.busy_timeout).await {
        // Who is told so finds the file closed, and nothing of SQLite's beside it. The error that matters is the first.
        let _ = connection.close().await;
        return Err(e);
    }
    start(path, options, connection)
}

/// Around a connection to a database that has every step.
fn start(path: &Path, options: &SqliteOptions, connection: SqliteConnection) -> Result<Contract<SqliteDriver>> {
    let mut descriptor = Descriptor::new(MetadataBackendType::SQLITE, "sqlite", format!("sqlite://{}", path.display()));
    descriptor.store_version = Some(version());
    let progress = Arc::<Progress>::default();
    let (requests, receiver) = mpsc::unbounded_channel();
    Writer::new(connection, options.writer(path), options.busy_timeout, receiver, progress.clone()).spawn()?;
    Ok(Contract::new(SqliteDriver {
        descriptor,
        path: path.to_owned(),
        readers: Readers::new(options.reader(path), options.readers),
        progress,
        patience: options.busy_timeout,
        requests,
        closed: AtomicBool::new(false),
    }))
}

/// SQLite is compiled in: its version is known without asking.
pub(crate) fn version() -> String {
    format!("SQLite {}", String::from_utf8_lossy(libsqlite3_sys::SQLITE_VERSION.to_bytes()))
}

/// What every store of this backend can do.
pub(crate) fn capabilities() -> Capabilities {
    let limits = BatchLimits { ops: 10_000, items: 10_000, bytes: 32 * 1024 * 1024 };
    let mut c = Capabilities::mandatory(limits, Durability::Synced);
    c.orders = Order::FIELDS.to_vec();
    c.multi_process = true;
    c.portable_backup = true;
    c.snapshot_backup = true;
    c.native_backup = true;
    c.explain = true;
    c.maintain = true;
    c.ranked_text = true;
    c.schema = true;
    c.diagnose = true;
    c.digest = true;
    c
}

impl SqliteDriver {
    pub(crate) fn usable(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    /// Hands a request to the writer and waits. Dropping the wait lets it complete.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| Error::closed())?;
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the writer ended before it answered").with_retry(Retry::UnknownOutcome)
        })?
    }
}

impl Driver for SqliteDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.usable()?;
        let row = self.readers.one("read a record", scan::point(call, key)).await?;
        row.map(|row| decode(&row, 0)?.ok_or_else(Error::being_restored)).transpose()
    }

    /// The writer reads what it needs in the transaction itself.
    fn revises(&self) -> bool {
        true
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        self.usable()?;
        let unit = Unit { namespace: call.namespace.clone(), unit, restoring: call.restoring };
        self.ask(|reply| Request::Apply { unit, reply }).await
    }

    fn push(&self, literal: &Literal) -> Push {
        crate::filter::push(literal)
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.usable()?;
        let part = scan::part(&call.namespace, &scan);
        let access = if scan.explain { scan::access(&self.readers, &part).await? } else { "".into() };
        let query = pack(&part, scan.limit, call.restoring).query();
        let records = unpack(&self.readers.all("list records", query).await?)?;
        let next = records.last().filter(|_| records.len() >= scan.limit).map(|r| Position::after(r, scan.order));
        let examined = records.len() as u64;
        Ok(Scanned::new(records, next, examined, access))
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        self.usable()?;
        let namespace = call.namespace.clone();
        self.ask(|reply| Request::Mark { namespace, on, reply }).await
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.usable()?;
        crate::stats::read(self, call).await
    }

    async fn health(&self, _call: &Call) -> Result<Health> {
        let start = Instant::now();
        self.usable()?;
        self.readers
            .one("ask the database", sqlx::query("SELECT count(*) FROM store WHERE key = ?1").bind("format"))
            .await?;
        Ok(if self.progress.poisoned.load(Ordering::SeqCst) {
            let cause = "an earlier commit failed; close the handle and open the database again".to_owned();
            Health::new(HealthStatus::ReadOnly, Some(cause), start.elapsed())
        } else {
            Health::new(HealthStatus::Ready, None, start.elapsed())
        })
    }

    async fn backup(&self, call: &Call, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.usable()?;
        crate::backup::backup(self, call, location, options).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        self.usable()?;
        crate::backup::restore(self, call, id, location, options).await
    }

    async fn maintain(&self, call: &Call) -> Result<String> {
        self.usable()?;
        let said = self.ask(|reply| Request::Maintain { now: call.now, reply }).await;
        self.readers.renew();
        said
    }

    async fn search(&self, call: &Call, search: Search) -> Result<Vec<Ranked>> {
        self.usable()?;
        crate::search::search(self, call, search).await
    }

    async fn schema(&self, _call: &Call, action: SchemaAction) -> Result<SchemaReport> {
        self.usable()?;
        // An open database has every step; there is nothing left to apply.
        layout::read(&mut self.readers.connect().await?, action).await
    }

    async fn diagnose(&self, _call: &Call) -> Result<Vec<Finding>> {
        self.usable()?;
        crate::diagnose::look(self).await
    }

    async fn digest(&self, call: &Call, request: DigestRequest) -> Result<Digest> {
        self.usable()?;
        proximadb_meta_archive::digest(Snapshot::begin(self, call).await?, &request, call.now).await
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.readers.close().await;
        self.ask(|reply| Request::Close { reply }).await
    }
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::DistanceMetric;
    use sqlx::Connection as _;

    use super::*;

    fn large(n: usize) -> CollectionMetadata {
        let mut r = CollectionMetadata::new(format!("n{n}"), 1, DistanceMetric::COSINE);
        r.id = format!("id{n:03}").into();
        r.description = Some("x".repeat(8000).into());
        r
    }

    /// A database whose file may not grow over so many pages: what a full disk is like.
    async fn small(path: &Path) -> Arc<dyn proximadb_meta_core::MetadataBackend> {
        let options = SqliteOptions::default();
        open_with(path, options.clone()).await.unwrap().into_backend().close().await.unwrap();
        let mut connection = options.writer(path).connect().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 120").execute(&mut connection).await.unwrap();
        start(path, &options, connection).unwrap().into_backend()
    }

    #[tokio::test]
    async fn a_full_disk_refuses_writes_and_keeps_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let catalog = small(&path).await;
        let mut made = Vec::new();
        let refused = loop {
            match catalog.create_collection(large(made.len())).await {
                Ok(record) => made.push(record),
                Err(e) => break e,
            }
        };
        assert_eq!((refused.kind(), refused.retry()), (ErrorKind::StorageFull, Retry::Never), "{refused}");
        assert!(made.len() > 5);
        assert_eq!(catalog.list_collections(None).await.unwrap(), made);
        assert_eq!(catalog.health_check().await.unwrap().status, HealthStatus::Ready);
        // Several that wait together: each is told what became of it, and not all have room.
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..64 {
            let catalog = catalog.clone();
            tasks.spawn(async move { catalog.create_collection(large(500 + n)).await });
        }
        let (stored, refused): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert!(!refused.is_empty());
        assert!(refused.into_iter().all(|r| r.is_err_and(|e| e.kind() == ErrorKind::StorageFull)));
        made.extend(stored.into_iter().flatten());
        made.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(catalog.list_collections(None).await.unwrap(), made);
        // Once there is space the same handle writes.
        for record in made.drain(..4) {
            assert!(catalog.delete_collection(&record.id).await.unwrap());
        }
        made.push(catalog.create_collection(large(900)).await.unwrap());
        catalog.close().await.unwrap();
        let catalog = open(&path).await.unwrap().into_backend();
        assert_eq!(catalog.list_collections(None).await.unwrap(), made);
        assert!(catalog.maintain().await.unwrap().contains("found no damage"));
    }

    #[tokio::test]
    async fn a_lock_that_another_program_keeps_is_waited_for_and_then_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let options = SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::default() };
        let catalog = open_with(&path, options.clone()).await.unwrap().into_backend();
        let mut other = options.writer(&path).connect().await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let e = catalog.create_collection(large(1)).await.unwrap_err();
        assert_eq!((e.kind(), e.retry()), (ErrorKind::Locked, Retry::Safe), "{e}");
        assert!(e.hint().is_some_and(|h| h.contains("busy_timeout_seconds")));
        assert_eq!(catalog.count_collections(None).await.unwrap(), 0, "reads do not wait");
        other.close().await.unwrap();
        catalog.create_collection(large(1)).await.unwrap();
        catalog.close().await.unwrap();
    }
}
