//! The adapter: the one implementation of [`MetadataBackend`] over any [`Driver`].
//!
//! It validates, stamps, plans batches into net writes, splits filters, hides expired records and checks capabilities, so
//! that ten drivers keep one meaning.

mod diagnose;
mod guard;
mod plan;
mod prepare;
mod read;
mod search;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;

use crate::backend::MetadataBackend;
use crate::capability::Capabilities;
use crate::context::{Call, CallContext};
use crate::digest::{Digest, DigestRequest};
use crate::driver::{Driver, Key};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::limits::{MAX_NAME_BYTES, check_line};
use crate::operation::{Operation, Outcome, StatsDelta};
use crate::page::{ListRequest, Page};
use crate::record::CollectionMetadata;
use crate::report::{
    BackendStats, BackupFormat, BackupOptions, BackupReport, Descriptor, Explain, Finding, Health, HealthStatus,
    RestoreOptions, RestoreReport, SchemaAction, SchemaReport,
};
use crate::search::{Ranked, SearchRequest};
use crate::time::{Clock, SystemClock};
use guard::{Kind, offered};

/// A driver with the contract around it. Scopes of one backend share the driver.
pub struct Contract<D> {
    shared: Arc<Shared<D>>,
    clock: Arc<dyn Clock>,
    context: CallContext,
}

struct Shared<D> {
    driver: D,
    closed: AtomicBool,
}

impl<D: Driver> Contract<D> {
    /// Wraps a driver; "now" comes from the system clock, the scope is the default one.
    #[must_use]
    pub fn new(driver: D) -> Self {
        Self {
            shared: Arc::new(Shared { driver, closed: AtomicBool::new(false) }),
            clock: Arc::new(SystemClock),
            context: CallContext::default(),
        }
    }

    /// Takes "now" from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// As a shared trait object, the form users hold.
    #[must_use]
    pub fn into_backend(self) -> Arc<dyn MetadataBackend> {
        Arc::new(self)
    }

    /// The driver inside, for a backend's own tests and tools.
    #[must_use]
    pub fn driver(&self) -> &D {
        &self.shared.driver
    }

    fn label(&self) -> &'static str {
        self.shared.driver.descriptor().label
    }

    fn call(&self) -> Call {
        Call {
            namespace: self.context.namespace.clone(),
            now: self.clock.now(),
            staleness: self.context.staleness,
            deadline: self.context.deadline,
            restoring: false,
        }
    }

    /// Of a call that changes something. What that hangs on is never read where it may be old.
    fn write_call(&self) -> Call {
        Call { staleness: None, ..self.call() }
    }

    async fn point_read(&self, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        let (Key::Id(text) | Key::Name(text)) = key;
        if check_line("key", text, MAX_NAME_BYTES).is_err() {
            return Ok(None);
        }
        let call = self.call();
        let found = self.shared.driver.get(&call, key).await?;
        Ok(found.filter(|r| !r.is_expired(call.now)))
    }

    async fn health(&self) -> Health {
        let start = Instant::now();
        let health = self.shared.driver.health(&self.call()).await;
        health.unwrap_or_else(|e| Health::new(HealthStatus::Down, Some(e.to_string()), start.elapsed()))
    }

    async fn single(&self, operation: &'static str, op: Operation) -> Result<Outcome> {
        let outcomes = self.guarded(operation, Kind::Write, self.write(vec![op])).await;
        // A single call has no index; `without_index` keeps the text free of "operation 0".
        let outcomes = outcomes.map_err(Error::without_index)?;
        outcomes.into_iter().next().ok_or_else(|| Error::new(crate::ErrorKind::Internal, "a write had no outcome"))
    }

    async fn single_record(&self, operation: &'static str, op: Operation) -> Result<Arc<CollectionMetadata>> {
        match self.single(operation, op).await? {
            Outcome::Stored(record) => Ok(record),
            Outcome::Deleted(_) => Err(Error::new(crate::ErrorKind::Internal, "a write answered like a delete")),
        }
    }
}

impl<D: Driver> fmt::Debug for Contract<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("descriptor", self.shared.driver.descriptor())
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<D: Driver> MetadataBackend for Contract<D> {
    async fn create_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.single_record("create_collection", Operation::Create(record)).await
    }

    async fn get_collection(&self, id: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.guarded("get_collection", Kind::Read, self.point_read(Key::Id(id))).await
    }

    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.guarded("get_collection_by_name", Kind::Read, self.point_read(Key::Name(name))).await
    }

    async fn update_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.single_record("update_collection", Operation::Update(record)).await
    }

    async fn delete_collection(&self, id: &str) -> Result<bool> {
        Ok(self.single("delete_collection", Operation::Delete { id: id.into() }).await? == Outcome::Deleted(true))
    }

    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Arc<CollectionMetadata>>> {
        self.guarded("list_collections", Kind::Read, self.list_all(filter)).await
    }

    async fn list_page(&self, request: ListRequest) -> Result<Page> {
        self.guarded("list_page", Kind::Read, self.page(request)).await
    }

    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64> {
        self.guarded("count_collections", Kind::Read, self.count(filter)).await
    }

    async fn batch_operations(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        self.guarded("batch_operations", Kind::Write, self.write(operations)).await
    }

    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Arc<CollectionMetadata>> {
        self.single_record("record_stats", Operation::RecordStats { id: id.into(), delta }).await
    }

    async fn backup(&self, location: &str, options: BackupOptions) -> Result<BackupReport> {
        let work = async {
            match options.format {
                BackupFormat::Portable => offered(self.capabilities().portable_backup, "portable backup")?,
                BackupFormat::Native => offered(self.capabilities().native_backup, "native backup")?,
            }
            self.shared.driver.backup(&self.call(), location, options).await
        };
        self.guarded("backup", Kind::Read, work).await
    }

    async fn restore(&self, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        let work = async {
            let capabilities = self.capabilities();
            offered(capabilities.portable_backup || capabilities.native_backup, "restore")?;
            self.refuse_idempotency_key()?;
            self.shared.driver.restore(&self.write_call(), id, location, options).await
        };
        self.guarded("restore", Kind::Write, work).await
    }

    async fn health_check(&self) -> Result<Health> {
        self.guarded("health_check", Kind::Read, async { Ok(self.health().await) }).await
    }

    async fn get_stats(&self) -> Result<BackendStats> {
        self.guarded("get_stats", Kind::Read, async { self.shared.driver.stats(&self.call()).await }).await
    }

    fn descriptor(&self) -> Descriptor {
        self.shared.driver.descriptor().clone()
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.driver.capabilities()
    }

    fn scoped(&self, context: CallContext) -> Arc<dyn MetadataBackend> {
        Arc::new(Self { shared: self.shared.clone(), clock: self.clock.clone(), context })
    }

    async fn close(&self) -> Result<()> {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.driver.close().await.map_err(|e| e.in_operation("close", self.label()))
    }

    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        let work = async {
            offered(self.capabilities().explain, "explain")?;
            self.explain_list(request).await
        };
        self.guarded("explain", Kind::Read, work).await
    }

    async fn maintain(&self) -> Result<String> {
        let work = async {
            offered(self.capabilities().maintain, "maintenance")?;
            self.shared.driver.maintain(&self.call()).await
        };
        self.guarded("maintain", Kind::Write, work).await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        let work = async {
            offered(self.capabilities().ranked_text, "ranked search")?;
            self.ranked(request).await
        };
        self.guarded("search", Kind::Read, work).await
    }

    async fn schema(&self, action: SchemaAction) -> Result<SchemaReport> {
        let kind = if action == SchemaAction::Apply { Kind::Write } else { Kind::Read };
        let work = async {
            offered(self.capabilities().schema, "schema")?;
            if kind == Kind::Write {
                self.refuse_idempotency_key()?;
            }
            self.shared.driver.schema(&self.call(), action).await
        };
        self.guarded("schema", kind, work).await
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        let work = async {
            offered(self.capabilities().diagnose, "diagnosis")?;
            self.look_over().await
        };
        self.guarded("diagnose", Kind::Read, work).await
    }

    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        let work = async {
            offered(self.capabilities().digest, "digest")?;
            request.validate()?;
            self.shared.driver.digest(&self.call(), request).await
        };
        self.guarded("digest", Kind::Read, work).await
    }
}
