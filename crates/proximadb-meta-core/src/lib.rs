//! The contract of the proximadb-meta collection catalog: one trait for users, one small trait for backends, and the adapter
//! between them that gives every backend the same meaning.
//!
//! * [`MetadataBackend`] is what users hold, as `Arc<dyn MetadataBackend>`.
//! * [`Driver`] is what a backend crate implements: store complete records under preconditions, find them in order.
//! * [`Contract`] turns a driver into a backend: it validates, stamps, plans batches, splits filters, hides what expired.
//! * [`config`] reads what somebody wants opened, by four doors with one meaning; the [`BackendRegistry`] opens it, with its
//!   [layers](layer) around it.
//!
//! This crate holds no driver and depends on none.
//!
//! # The rules
//!
//! 1. **Profile.** Unique id and name in a namespace, compare-and-set, exact counters, crash-atomic create, rename and delete
//!    are mandatory. Everything else is a [capability](Capabilities).
//! 2. **Strings.** Non-empty, within [`limits`], no control characters (description and config allow tab, LF, CR). Equality
//!    and order are UTF-8 bytes: nothing is folded, trimmed or normalised. Checked before a driver is called.
//! 3. **Config** is [canonical JSON](canon): one text per value.
//! 4. **Stamping.** Create and update set `created_at`, `updated_at = max(now, stored)` and `version` from an injectable
//!    [`Clock`]; an empty id becomes a UUIDv7. [`Operation::Put`] writes verbatim (version 0 becomes 1). An `expires_at` that
//!    is not after now is refused by create and update; an empty one is filled from a [`Retention`] with `auto_delete`.
//! 5. **Update** compares `(version, incarnation)` as read; +1 also when nothing changed. It never writes counters or
//!    `created_at`. Refusals in this order: `NotFound`, `VersionConflict`, `AlreadyExists` (id), `AlreadyExists` (name).
//! 6. **Counters** commute, never lose a delta, change neither version nor `updated_at`; a result outside `0..=2^53-1` is
//!    `OutOfRange` and nothing changes.
//! 7. **Batch.** All or nothing, sequential in meaning: each operation sees the earlier ones. The lowest failing index is
//!    reported. A batch over [`BatchLimits`] is refused before anything is written; a single operation always fits.
//! 8. **Expiry.** Expired if and only if `now >= expires_at` by the adapter's clock, one instant a call. Then id and name are
//!    free, reads do not see it, writes say `NotFound`, delete says `false`; a create or rename reaps the holder atomically.
//! 9. **Reads.** Point reads are linearizable per record; a list includes every write acknowledged before the call. Only a
//!    scope that allows staleness may get less.
//! 10. **Paging** is keyset. A record present throughout with an unchanged key appears exactly once. Pages may be short; only
//!     an absent cursor ends. A cursor of another list is refused.
//! 11. **Filter.** [`Filter::evaluate`] is the meaning: two-valued; an absent field makes a leaf false and its `NOT` true.
//!     What a store answers by itself may over-select, never under-select.
//! 12. **Text** search is by [`keywords`], the same on every backend.
//! 13. **Errors** are one [type](Error) with kind, retry class, place and hint.
//! 14. **Idempotency keys** are a capability; without it a write that carries one is refused.
//! 15. **Unsupported** is refused before any effect. Numbers in statistics are measured or `None`.
//! 16. **Durability** is a [capability](Durability); an acknowledgement means at least that.
//! 17. **Backup and restore** verify before they say done; a namespace marked as restoring refuses use.
//! 18. **Evolution.** A store holds its format and refuses a newer one with the reason; [`MetadataBackend::schema`] tells it, and
//!     applies what an older one needs.
//! 19. **Digest.** Equal records, equal [digest], on every backend that has one: a tree of hashes by which catalogs are
//!     compared. A record that expired is not in it.
//!
//! Dropping the future of a write leaves the write not started, or completing by itself; never half done. Everything works on
//! a current-thread runtime. Deadlines need tokio's time driver.

#![deny(clippy::expect_used)]

pub mod backend;
pub mod canon;
pub mod capability;
pub mod config;
pub mod context;
pub mod contract;
pub mod digest;
pub mod driver;
pub mod error;
pub mod filter;
pub mod keywords;
pub mod layer;
pub mod limits;
pub mod migration;
pub mod operation;
pub mod page;
pub mod record;
pub mod registry;
pub mod report;
pub mod search;
pub mod suggest;
pub mod time;
pub mod word;

pub use backend::MetadataBackend;
pub use canon::{ConfigJson, Extra};
pub use capability::{BatchLimits, Capabilities, Durability};
pub use config::{MetadataBackendConfig, Secret};
pub use context::{Call, CallContext, Namespace};
pub use contract::Contract;
pub use digest::{Digest, DigestRequest};
pub use driver::Driver;
pub use error::{Detail, Error, ErrorKind, Result, Retry};
pub use filter::Filter;
pub use layer::{MetadataLayer, Stack};
pub use operation::{Change, Operation, Outcome, PutIf, StatsDelta};
pub use page::{Cursor, ListRequest, Order, Page};
pub use record::{CollectionMetadata, Field, FieldKind, Incarnation, Retention, Tags};
pub use registry::BackendRegistry;
pub use search::{Ranked, SearchRequest};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use word::{AccessPattern, DistanceMetric, IndexingAlgorithm, MetadataBackendType};
