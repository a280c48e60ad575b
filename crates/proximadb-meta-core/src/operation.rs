//! The operations of a batch, and their outcomes.

use std::sync::Arc;

use crate::canon::ConfigJson;
use crate::record::{CollectionMetadata, Retention, Tags};
use crate::time::Timestamp;
use crate::word::{AccessPattern, IndexingAlgorithm};

/// A change of the two counters. Both parts apply together or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatsDelta {
    /// Vectors added (negative: removed).
    pub vectors: i64,
    /// Bytes added (negative: removed).
    pub bytes: i64,
}

/// What a `Put` requires of the record that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutIf {
    /// None with this id; else `AlreadyExists`.
    Absent,
    /// One at this version; else `NotFound` or `VersionConflict`.
    Version(u64),
    /// Nothing: create or replace.
    Any,
}

/// One field set to one value: read, change and write as one step, without a version from the caller.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Replaces the tags.
    Tags(Tags),
    /// Sets the owner.
    Owner(Option<Arc<str>>),
    /// Sets the description.
    Description(Option<Arc<str>>),
    /// Sets the access pattern.
    AccessPattern(AccessPattern),
    /// Sets the indexing algorithm.
    IndexingAlgorithm(IndexingAlgorithm),
    /// Sets the retention; an empty `expires_at` is filled from it as in create.
    Retention(Option<Retention>),
    /// Sets the expiry.
    ExpiresAt(Option<Timestamp>),
    /// Replaces the settings.
    Config(ConfigJson),
}

/// One step of a batch. A batch is all or nothing and sequential in meaning: each step sees the earlier ones.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// As `create_collection`.
    Create(CollectionMetadata),
    /// As `update_collection`.
    Update(CollectionMetadata),
    /// As `delete_collection`: the outcome says whether it was there.
    Delete {
        /// Which.
        id: Arc<str>,
    },
    /// Sets one field; version +1.
    Set {
        /// Which.
        id: Arc<str>,
        /// What.
        change: Change,
    },
    /// As `record_stats`.
    RecordStats {
        /// Which.
        id: Arc<str>,
        /// By how much.
        delta: StatsDelta,
    },
    /// Writes a record verbatim: times, version and counters as given (version 0 becomes 1). For restore and copy.
    Put {
        /// The record.
        record: CollectionMetadata,
        /// What must be there.
        when: PutIf,
    },
}

impl Operation {
    /// The id it works on; empty for a create that leaves it to the adapter.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        match self {
            Self::Create(r) | Self::Update(r) | Self::Put { record: r, .. } => &r.id,
            Self::Delete { id } | Self::Set { id, .. } | Self::RecordStats { id, .. } => id,
        }
    }
}

/// What one operation of a batch did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The record as stored after this operation (later operations of the batch may have changed it again).
    Stored(Arc<CollectionMetadata>),
    /// Whether a record was there to delete.
    Deleted(bool),
}

impl Outcome {
    /// The stored record of anything but a delete.
    #[must_use]
    pub fn record(&self) -> Option<&Arc<CollectionMetadata>> {
        match self {
            Self::Stored(r) => Some(r),
            Self::Deleted(_) => None,
        }
    }
}
