//! What a backend says of itself: descriptor, health, statistics, backups, the plan of a query, its layout, findings.

mod finding;
mod room;
mod schema;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::finding::{Finding, Quantity, Severity};
pub use self::room::{Room, RoomNeeded};
pub use self::schema::{AppliedMigration, PendingMigration, SchemaAction, SchemaReport, StoreFormat};
use crate::filter::Filter;
use crate::time::Timestamp;
use crate::word::MetadataBackendType;

/// Who a backend is. Holds no secret: fit for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its kind.
    pub backend: MetadataBackendType,
    /// Short static name for errors, metrics and traces (`"wal"`).
    pub label: &'static str,
    /// Where it keeps its data, without credentials (`file:///data/metadata`).
    pub location: String,
    /// The store's own version where it has one (`PostgreSQL 15.18`).
    pub store_version: Option<String>,
}

impl Descriptor {
    /// A descriptor without a store version.
    #[must_use]
    pub fn new(backend: MetadataBackendType, label: &'static str, location: impl Into<String>) -> Self {
        Self { backend, label, location: location.into(), store_version: None }
    }
}

/// Whether a store serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HealthStatus {
    /// Reads and writes.
    Ready,
    /// Reads only.
    ReadOnly,
    /// Serves, but something is wrong: see the cause.
    Degraded,
    /// Serves nothing.
    Down,
}

impl HealthStatus {
    /// `ready`, `read_only`, `degraded`, `down`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadOnly => "read_only",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer of the store itself to "do you serve?".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether it serves.
    pub status: HealthStatus,
    /// Why not, where it does not.
    pub cause: Option<String>,
    /// How long it took to answer.
    pub latency: Duration,
}

impl Health {
    /// A health report.
    #[must_use]
    pub fn new(status: HealthStatus, cause: Option<String>, latency: Duration) -> Self {
        Self { status, cause, latency }
    }
}

/// A number a store gave: exact now, or an estimate of the time it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The number.
    pub value: u64,
    /// For an estimate: when it was true. `None`: exact at the time of the call.
    pub as_of: Option<Timestamp>,
}

impl Measured {
    /// An exact number.
    #[must_use]
    pub const fn exact(value: u64) -> Self {
        Self { value, as_of: None }
    }
}

/// One further number of a backend's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Snake case, with the unit at the end where there is one (`log_bytes`).
    pub name: &'static str,
    /// The number.
    pub value: Measured,
}

/// Statistics of a store. Every number is measured; what is not measured is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendStats {
    /// Live records in the scope's namespace. Records that expired and are not yet reaped may be included only in an estimate.
    pub collections: Option<Measured>,
    /// Namespaces with at least one record.
    pub namespaces: Option<Measured>,
    /// Bytes on disk, all namespaces.
    pub storage_bytes: Option<Measured>,
    /// Bytes in memory, all namespaces.
    pub memory_bytes: Option<Measured>,
    /// Further numbers, sorted by name.
    pub more: Vec<Stat>,
}

/// Which format a backup is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackupFormat {
    /// The portable archive: restorable into any backend.
    #[default]
    Portable,
    /// The store's own format (`pg_dump`, ...): restorable into the same kind of store.
    Native,
}

/// How to back up.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    /// The format; portable by default.
    pub format: BackupFormat,
}

/// What a finished backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The id to restore it by: a UUIDv7.
    pub id: String,
    /// Where it lies.
    pub location: String,
    /// Records in it.
    pub records: u64,
    /// Bytes of the payload; in the portable archive of the records' lines, before compression.
    pub bytes: u64,
    /// BLAKE3 of the payload, hexadecimal; in the portable archive of the records' lines.
    pub blake3: String,
    /// Whether it shows one instant (`false`: records were read while writers ran, each one whole).
    pub snapshot: bool,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl BackupReport {
    /// A report with every field.
    #[must_use]
    pub fn new(
        id: String,
        location: String,
        records: u64,
        bytes: u64,
        blake3: String,
        snapshot: bool,
        created_at: Timestamp,
    ) -> Self {
        Self { id, location, records, bytes, blake3, snapshot, created_at }
    }
}

/// How to restore.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// Replace what the namespace holds. Without it a namespace that is not empty is refused.
    pub replace: bool,
    /// Restore only the records that match; what does not is left out. Replacing still takes everything away that was there.
    pub filter: Option<Filter>,
}

impl RestoreOptions {
    /// Replace what is there.
    #[must_use]
    pub fn replacing() -> Self {
        Self { replace: true, filter: None }
    }

    /// Restore only the records that match.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// What a finished restore did. It is only returned after the restored records were read back and compared with the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Records restored and verified.
    pub records: u64,
    /// Records that were there before and are gone.
    pub replaced: u64,
}

impl RestoreReport {
    /// A report with every field.
    #[must_use]
    pub fn new(records: u64, replaced: u64) -> Self {
        Self { records, replaced }
    }
}

/// How a query was (really) answered: `explain` runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explain {
    /// The part of the filter the store answered, in text form; `None`: nothing.
    pub pushed: Option<String>,
    /// The part the adapter checked on the records that came back; `None`: nothing.
    pub residual: Option<String>,
    /// How the store found the records, in its own words (`index owner="bob", 12 postings`).
    pub access: Arc<str>,
    /// Records the store looked at.
    pub examined: u64,
    /// Records that match.
    pub matched: u64,
}

impl Explain {
    /// An explanation with every field.
    #[must_use]
    pub fn new(
        pushed: Option<String>,
        residual: Option<String>,
        access: Arc<str>,
        examined: u64,
        matched: u64,
    ) -> Self {
        Self { pushed, residual, access, examined, matched }
    }
}
