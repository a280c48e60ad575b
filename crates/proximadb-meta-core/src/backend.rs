//! The trait that users hold.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::capability::Capabilities;
use crate::context::CallContext;
use crate::digest::{Digest, DigestRequest};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::operation::{Operation, Outcome, StatsDelta};
use crate::page::{ListRequest, Page};
use crate::record::CollectionMetadata;
use crate::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Explain, Finding, Health, RestoreOptions, RestoreReport,
    SchemaAction, SchemaReport,
};
use crate::search::{Ranked, SearchRequest};

/// A collection catalog. Object safe; held as `Arc<dyn MetadataBackend>`.
///
/// The rules that every implementation keeps are in the [crate documentation](crate#the-rules). Backends do not implement
/// this trait: they implement [`Driver`](crate::driver::Driver) and are wrapped by [`Contract`](crate::Contract); layers
/// implement it by forwarding. Every method may fail with `Unavailable`, `Timeout`, `Closed`, `Corruption` or `Internal`;
/// the documentation names the further kinds.
#[async_trait]
pub trait MetadataBackend: Send + Sync + Debug {
    /// Creates a collection: stamps times, version 1 and a new incarnation; an empty id becomes a UUIDv7.
    ///
    /// # Errors
    /// `InvalidInput`, `AlreadyExists` (id before name).
    async fn create_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>>;

    /// The live record with this id. An id that breaks the limits is simply not there.
    async fn get_collection(&self, id: &str) -> Result<Option<Arc<CollectionMetadata>>>;

    /// The live record with this name.
    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Arc<CollectionMetadata>>>;

    /// Replaces the record of `record.id` if its stored version and incarnation are still the ones in `record`, that is,
    /// what was read. Version +1; counters and `created_at` of the argument are ignored.
    ///
    /// # Errors
    /// `NotFound`, then `VersionConflict`, then `AlreadyExists` for a new name, in this precedence; `InvalidInput` first.
    async fn update_collection(&self, record: CollectionMetadata) -> Result<Arc<CollectionMetadata>>;

    /// Deletes; `true` if a live record was there.
    async fn delete_collection(&self, id: &str) -> Result<bool>;

    /// Every matching record, by id. Holds them all in memory: use [`list_page`](Self::list_page) for large catalogs.
    ///
    /// # Errors
    /// `InvalidInput` for a filter over its limits.
    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Arc<CollectionMetadata>>>;

    /// One page of matching records in a keyset order.
    ///
    /// # Errors
    /// `InvalidInput` for a limit outside `1..=1000` or a cursor of another list; `Unsupported` for an order that
    /// [`Capabilities::orders`] lacks.
    async fn list_page(&self, request: ListRequest) -> Result<Page>;

    /// How many records match.
    ///
    /// # Errors
    /// As [`list_collections`](Self::list_collections).
    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64>;

    /// Applies the operations as one atomic unit, each seeing the earlier ones; one outcome an operation.
    ///
    /// # Errors
    /// What the single operations give, with [`Error::index`] of the lowest failing one and nothing done; `Unsupported`
    /// for a batch over [`Capabilities::atomic_batch`], before anything is written.
    async fn batch_operations(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>>;

    /// Moves the two counters. Commutes, never loses a delta, changes neither version nor `updated_at`.
    ///
    /// # Errors
    /// `NotFound`; `OutOfRange` when a counter would leave `0..=2^53-1`, and nothing changes.
    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Arc<CollectionMetadata>>;

    /// Backs the scope's namespace up below `location` (a directory or `file://` URL for the portable archive).
    ///
    /// # Errors
    /// `InvalidInput` for a location that cannot hold a backup, `Unsupported` for a format not declared, `StorageFull`.
    async fn backup(&self, location: &str, options: BackupOptions) -> Result<BackupReport>;

    /// Restores the backup `id` below `location` into the scope's namespace, and reads it back before it says done.
    ///
    /// # Errors
    /// `NotFound` for no such backup, `AlreadyExists` when the namespace holds records and `replace` is not set,
    /// `Corruption` for a damaged archive (found before anything is changed).
    async fn restore(&self, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport>;

    /// Asks the store. Never fails for a store that is down: that is an answer.
    ///
    /// # Errors
    /// `Closed`.
    async fn health_check(&self) -> Result<Health>;

    /// Measured statistics.
    async fn get_stats(&self) -> Result<BackendStats>;

    /// Who this is.
    fn descriptor(&self) -> Descriptor;

    /// What this stack can do.
    fn capabilities(&self) -> Capabilities;

    /// A handle of the same backend bound to another context. Cheap; the store is shared.
    fn scoped(&self, context: CallContext) -> Arc<dyn MetadataBackend>;

    /// Drains accepted writes, then releases the store. Idempotent; afterwards every call on every scope answers `Closed`.
    async fn close(&self) -> Result<()>;

    /// Runs the list without returning records, and says how it was answered.
    ///
    /// # Errors
    /// `Unsupported` where the capability is not declared.
    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        let _ = request;
        Err(Error::unsupported("explain is not offered by this backend"))
    }

    /// Housekeeping; says in words what was done.
    ///
    /// # Errors
    /// `Unsupported` where the capability is not declared.
    async fn maintain(&self) -> Result<String> {
        Err(Error::unsupported("maintain is not offered by this backend"))
    }

    /// The records that fit a few words best, best first, by the store's own ranking.
    ///
    /// # Errors
    /// `Unsupported` where the capability `ranked_text` is not declared; `InvalidInput` for a query without a word, a limit
    /// outside `1..=1000`, a filter over its limits.
    async fn search(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        let _ = request;
        Err(Error::unsupported("ranked search is not offered by this backend"))
    }

    /// The layout of the store: its format, the migrations it went through, the ones it needs; or applies those. `Status` and
    /// `Plan` change nothing, also where somebody else applies at the same time. Of several callers that apply at once each
    /// migration is run by one.
    ///
    /// # Errors
    /// `Unsupported` where the capability is not declared, or for a newer format; `Corruption` for a migration whose text is
    /// not the one that was applied; `PermissionDenied` where the layout may not be changed.
    async fn schema(&self, action: SchemaAction) -> Result<SchemaReport> {
        let _ = action;
        Err(Error::unsupported("schema is not offered by this backend"))
    }

    /// Looks the store over: limits, settings, free space, versions, each with what to do where it is not as it should be.
    /// Changes nothing. A thing that cannot be looked at is a finding, not an error.
    ///
    /// # Errors
    /// `Unsupported` where the capability is not declared; `Closed`.
    async fn diagnose(&self) -> Result<Vec<Finding>> {
        Err(Error::unsupported("diagnose is not offered by this backend"))
    }

    /// The [digest](crate::digest) of the scope's live records, made within the store. Not an instant where records are
    /// written meanwhile, unless the backend says so.
    ///
    /// # Errors
    /// `Unsupported` where the capability is not declared; `InvalidInput` for a depth over 4.
    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        let _ = request;
        Err(Error::unsupported("digest is not offered by this backend"))
    }
}
