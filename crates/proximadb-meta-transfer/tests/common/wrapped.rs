//! A catalog that lacks something, or whose writes fail at a chosen one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use proximadb_meta::core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Explain, Health, RestoreOptions, RestoreReport,
};
use proximadb_meta::core::{
    CallContext, Capabilities, CollectionMetadata, Digest, DigestRequest, Error, ErrorKind, Filter, ListRequest,
    MetadataBackend, Operation, Outcome, Page, Result, Retry, StatsDelta,
};
use tokio::sync::Notify;

use super::Catalog;

/// What becomes of the chosen write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed when it is done and nobody knows.
    KilledAfter,
    /// It is refused, and nothing is done.
    Refused,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is not done, and nobody knows.
    CallLost,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::KilledBefore, Self::KilledAfter, Self::Refused, Self::AnswerLost, Self::CallLost];
}

/// Counts writes and waits for the chosen one.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) fault: Option<(Fault, usize)>,
    pub(crate) writes: AtomicUsize,
    /// Told when the process is to be killed.
    pub(crate) killed: Notify,
}

#[derive(Debug)]
pub(crate) struct Wrapped {
    inner: Catalog,
    capabilities: Capabilities,
    plan: Arc<Plan>,
}

impl Wrapped {
    /// The catalog without digests.
    pub(crate) fn without_digest(inner: &Catalog) -> Catalog {
        let mut capabilities = inner.capabilities();
        capabilities.digest = false;
        Arc::new(Self { inner: inner.clone(), capabilities, plan: Arc::default() })
    }

    /// The catalog with batches of at most so many operations.
    pub(crate) fn with_batches_of(inner: &Catalog, ops: usize) -> Catalog {
        let mut capabilities = inner.capabilities();
        capabilities.atomic_batch.ops = ops;
        Arc::new(Self { inner: inner.clone(), capabilities, plan: Arc::default() })
    }

    /// The catalog with a fault at a write, counted from 0; `None` only counts.
    pub(crate) fn failing(inner: &Catalog, fault: Option<(Fault, usize)>) -> (Catalog, Arc<Plan>) {
        let plan = Arc::new(Plan { fault, ..Plan::default() });
        (Arc::new(Self { inner: inner.clone(), capabilities: inner.capabilities(), plan: plan.clone() }), plan)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MetadataBackend for Wrapped {
    async fn batch_operations(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        self.capabilities.atomic_batch.fits(&operations)?;
        let number = self.plan.writes.fetch_add(1, Ordering::SeqCst);
        let lost = || Error::new(ErrorKind::Timeout, "no answer").with_retry(Retry::UnknownOutcome);
        match self.plan.fault.filter(|(_, at)| *at == number).map(|(fault, _)| fault) {
            None => self.inner.batch_operations(operations).await,
            Some(Fault::Refused) => Err(Error::new(ErrorKind::Unavailable, "the store is away")),
            Some(Fault::CallLost) => Err(lost()),
            Some(Fault::AnswerLost) => {
                self.inner.batch_operations(operations).await?;
                Err(lost())
            }
            Some(Fault::KilledBefore) => {
                self.plan.killed.notify_one();
                std::future::pending().await
            }
            Some(Fault::KilledAfter) => {
                self.inner.batch_operations(operations).await?;
                self.plan.killed.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        if !self.capabilities.digest {
            return Err(Error::unsupported("no digest here"));
        }
        self.inner.digest(request).await
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn scoped(&self, context: CallContext) -> Arc<dyn MetadataBackend> {
        let (capabilities, plan) = (self.capabilities.clone(), self.plan.clone());
        Arc::new(Self { inner: self.inner.scoped(context), capabilities, plan })
    }

    async fn create_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.inner.create_collection(record).await
    }

    async fn get_collection(&self, id: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.inner.get_collection(id).await
    }

    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Arc<CollectionMetadata>>> {
        self.inner.get_collection_by_name(name).await
    }

    async fn update_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>> {
        self.inner.update_collection(record).await
    }

    async fn delete_collection(&self, id: &str) -> Result<bool> {
        self.inner.delete_collection(id).await
    }

    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Arc<CollectionMetadata>>> {
        self.inner.list_collections(filter).await
    }

    async fn list_page(&self, request: ListRequest) -> Result<Page> {
        self.inner.list_page(request).await
    }

    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64> {
        self.inner.count_collections(filter).await
    }

    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Arc<CollectionMetadata>> {
        self.inner.record_stats(id, delta).await
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
        self.inner.get_stats().await
    }

    fn descriptor(&self) -> Descriptor {
        self.inner.descriptor()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }

    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        self.inner.explain(request).await
    }

    async fn maintain(&self) -> Result<String> {
        self.inner.maintain().await
    }
}
