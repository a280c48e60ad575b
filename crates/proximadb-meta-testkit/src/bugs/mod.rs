//! Seeded bugs: a wrapper around any backend that makes one mistake, to see which cases notice.

mod batch;
mod counters;
mod list;
mod reads;
mod state;
mod told;
mod writes;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Explain, Finding, Health, RestoreOptions, RestoreReport,
    SchemaAction, SchemaReport,
};
use proximadb_meta_core::{
    CallContext, Capabilities, Clock, CollectionMetadata, Digest, DigestRequest, Filter, ListRequest, MetadataBackend,
    Operation, Outcome, Page, Ranked, Result, SearchRequest, StatsDelta,
};

pub use list::Bug;
use state::Memory;

type Record = Arc<CollectionMetadata>;

/// What a name that two records share looks like inside.
const DOUBLE: char = '\u{2060}';

/// A backend with one mistake.
pub struct Buggy {
    inner: Arc<dyn MetadataBackend>,
    bug: Bug,
    clock: Arc<dyn Clock>,
    memory: Arc<Mutex<Memory>>,
    space: String,
    bare: Arc<dyn MetadataBackend>,
}

impl std::fmt::Debug for Buggy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buggy").field("bug", &self.bug).field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Buggy {
    /// Wraps a backend that takes its time from `clock`.
    #[must_use]
    pub fn wrap(inner: Arc<dyn MetadataBackend>, bug: Bug, clock: Arc<dyn Clock>) -> Arc<dyn MetadataBackend> {
        Arc::new(Self { bare: inner.clone(), inner, bug, clock, memory: Arc::default(), space: String::new() })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MetadataBackend for Buggy {
    async fn create_collection(&self, record: CollectionMetadata) -> Result<Record> {
        self.create(record).await
    }

    async fn get_collection(&self, id: &str) -> Result<Option<Record>> {
        self.get(id).await
    }

    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Record>> {
        self.get_by_name(name).await
    }

    async fn update_collection(&self, record: CollectionMetadata) -> Result<Record> {
        self.update(record).await
    }

    async fn delete_collection(&self, id: &str) -> Result<bool> {
        self.delete(id).await
    }

    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Record>> {
        self.list(filter).await
    }

    async fn list_page(&self, request: ListRequest) -> Result<Page> {
        self.page(request).await
    }

    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64> {
        self.count(filter).await
    }

    async fn batch_operations(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        self.batch(operations).await
    }

    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Record> {
        self.count_up(id, delta).await
    }

    async fn backup(&self, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.inner.backup(location, options).await
    }

    async fn restore(&self, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        self.inner.restore(id, location, options).await
    }

    async fn health_check(&self) -> Result<Health> {
        self.inner.health_check().await
    }

    async fn get_stats(&self) -> Result<BackendStats> {
        self.stats().await
    }

    fn descriptor(&self) -> Descriptor {
        self.inner.descriptor()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn scoped(&self, mut context: CallContext) -> Arc<dyn MetadataBackend> {
        match self.bug {
            Bug::NamespaceLeak => context.namespace = Default::default(),
            Bug::IdempotencyIgnored => context.idempotency_key = None,
            Bug::DeadlineIgnored => context.deadline = None,
            _ => {}
        }
        Arc::new(Self {
            space: context.namespace.as_str().to_owned(),
            inner: self.bare.scoped(context),
            bug: self.bug,
            clock: self.clock.clone(),
            memory: self.memory.clone(),
            bare: self.bare.clone(),
        })
    }

    async fn close(&self) -> Result<()> {
        if self.is(Bug::ClosedStillAnswers) { Ok(()) } else { self.inner.close().await }
    }

    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        self.inner.explain(request).await
    }

    async fn maintain(&self) -> Result<String> {
        self.housekeeping().await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        self.ranked(request).await
    }

    async fn schema(&self, action: SchemaAction) -> Result<SchemaReport> {
        self.layout(action).await
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        self.look_over().await
    }

    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        self.digested(request).await
    }
}
