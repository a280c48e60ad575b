//! Tracing: a span for each call that says what was done where, how it ended and how long it took.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use proximadb_meta_core::context::CallContext;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Explain, Finding, Health, RestoreOptions, RestoreReport,
    SchemaAction, SchemaReport,
};
use proximadb_meta_core::{
    Capabilities, CollectionMetadata, Digest, DigestRequest, Filter, ListRequest, MetadataBackend, MetadataLayer,
    Namespace, Operation, Outcome, Page, Ranked, Result, SearchRequest, StatsDelta,
};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Makes each call that may touch the store a span `metadata_call` of the target `proximadb_meta`, at level `INFO`:
///
/// | field | |
/// |---|---|
/// | `operation` | the method (`"create_collection"`) |
/// | `backend` | the label of the backend (`"wal"`) |
/// | `namespace` | the namespace of the handle |
/// | `outcome` | `"ok"`, the kind of the error (`"NotFound"`), or `"dropped"` when the caller went away |
/// | `elapsed_us` | microseconds from the call to its end |
///
/// Never an argument, a record or the text of an error: those may hold what must not be logged. What the backend traces while
/// it works stands inside the span. `descriptor`, `capabilities` and `scoped` touch no store and make no span.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLayer;

impl MetadataLayer for TracingLayer {
    fn layer(&self, inner: Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend> {
        let label = inner.descriptor().label;
        Arc::new(Traced { inner, label, namespace: Namespace::default() })
    }
}

#[derive(Debug)]
struct Traced {
    inner: Arc<dyn MetadataBackend>,
    label: &'static str,
    namespace: Namespace,
}

/// Writes the end of a call into its span, also when the call is dropped before it is over.
struct End {
    span: Span,
    start: Instant,
    outcome: &'static str,
}

impl Drop for End {
    fn drop(&mut self) {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.span.record("outcome", self.outcome).record("elapsed_us", micros);
    }
}

impl Traced {
    async fn traced<T>(&self, operation: &'static str, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let span = tracing::info_span!(
            target: "proximadb_meta",
            "metadata_call",
            operation,
            backend = self.label,
            namespace = self.namespace.as_str(),
            outcome = Empty,
            elapsed_us = Empty
        );
        if span.is_disabled() {
            return work.await;
        }
        let mut end = End { span: span.clone(), start: Instant::now(), outcome: "dropped" };
        let result = work.instrument(span).await;
        end.outcome = match &result {
            Ok(_) => "ok",
            Err(e) => e.kind().as_str(),
        };
        result
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MetadataBackend for Traced {
    async fn create_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.traced("create_collection", self.inner.create_collection(record)).await
    }

    async fn get_collection(&self, id: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.traced("get_collection", self.inner.get_collection(id)).await
    }

    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.traced("get_collection_by_name", self.inner.get_collection_by_name(name)).await
    }

    async fn update_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.traced("update_collection", self.inner.update_collection(record)).await
    }

    async fn delete_collection(&self, id: &str) -> Result<bool> {
        self.traced("delete_collection", self.inner.delete_collection(id)).await
    }

    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Arc<CollectionMetadata>>> {
        self.traced("list_collections", self.inner.list_collections(filter)).await
    }

    async fn list_page(&self, request: ListRequest) -> Result<Page> {
        self.traced("list_page", self.inner.list_page(request)).await
    }

    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64> {
        self.traced("count_collections", self.inner.count_collections(filter)).await
    }

    async fn batch_operations(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        self.traced("batch_operations", self.inner.batch_operations(operations)).await
    }

    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Arc<CollectionMetadata>> {
        self.traced("record_stats", self.inner.record_stats(id, delta)).await
    }

    async fn backup(&self, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.traced("backup", self.inner.backup(location, options)).await
    }

    async fn restore(&self, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        self.traced("restore", self.inner.restore(id, location, options)).await
    }

    async fn health_check(&self) -> Result<Health> {
        self.traced("health_check", self.inner.health_check()).await
    }

    async fn get_stats(&self) -> Result<BackendStats> {
        self.traced("get_stats", self.inner.get_stats()).await
    }

    fn descriptor(&self) -> Descriptor {
        self.inner.descriptor()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn scoped(&self, context: CallContext) -> Arc<dyn MetadataBackend> {
        let namespace = context.namespace.clone();
        Arc::new(Self { inner: self.inner.scoped(context), label: self.label, namespace })
    }

    async fn close(&self) -> Result<()> {
        self.traced("close", self.inner.close()).await
    }

    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        self.traced("explain", self.inner.explain(request)).await
    }

    async fn maintain(&self) -> Result<String> {
        self.traced("maintain", self.inner.maintain()).await
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        self.traced("search", self.inner.search(request)).await
    }

    async fn schema(&self, action: SchemaAction) -> Result<SchemaReport> {
        self.traced("schema", self.inner.schema(action)).await
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        self.traced("diagnose", self.inner.diagnose()).await
    }

    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        self.traced("digest", self.inner.digest(request)).await
    }
}
