//! The catalog's record: what is known about one collection.

mod field;
mod json;
mod tags;

use std::fmt;
use std::sync::Arc;

pub use field::{Field, FieldKind};
pub use json::RECORD_FORMAT;
pub use tags::Tags;

use crate::canon::{ConfigJson, Extra};
use crate::time::Timestamp;
use crate::word::{AccessPattern, DistanceMetric, IndexingAlgorithm};

/// How long a collection is kept. Only `auto_delete` makes it expire; without it the number is a note to operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    /// Days from creation, `1..=365250`.
    pub retain_days: u32,
    /// Whether the record expires by itself when the days are over.
    pub auto_delete: bool,
}

/// Tells one life of an id from the next: random, new on every create and `Put`, local to its store, never exported.
/// `(version, incarnation)` together are what an update compares, so that delete and re-create in between is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// A fresh random one, never zero. Zero stands for "not read from a store".
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<u64>().max(1))
    }
}

/// One collection's metadata. Every field clones in O(1); make one with [`new`](Self::new) and set what differs.
///
/// Limits are those of [`limits`](crate::limits); nothing is folded, trimmed or normalised.
#[derive(Clone, PartialEq)]
#[repr(C)]
#[non_exhaustive]
pub struct CollectionMetadata {
    // What every read looks at stands together at the beginning, in as few cache lines as possible. The order of the portable
    // form is that of `Field::ALL`.
    /// Unique in its namespace, at most 255 bytes. Left empty, create makes a UUIDv7.
    pub id: Arc<str>,
    /// Unique in its namespace, at most 255 bytes.
    pub name: Arc<str>,
    /// The instant from which reads no longer see the record. Create and update fill an empty one from a
    /// [`Retention`] with `auto_delete`: `created_at + retain_days`.
    pub expires_at: Option<Timestamp>,
    /// Numbers in a vector, `1..=2^31-1`.
    pub dimension: u32,
    /// How often it is read.
    pub access_pattern: AccessPattern,
    /// 1 on create, +1 on every update and `set_*`; counters do not move it.
    pub version: u64,
    /// See [`Incarnation`]. Not part of equality of content: see [`same_content`](Self::same_content).
    pub incarnation: Incarnation,
    /// Vectors in the collection, `0..=2^53-1`. Moved by `record_stats` only.
    pub vector_count: u64,
    /// Bytes of the collection, `0..=2^53-1`. Moved by `record_stats` only.
    pub total_size_bytes: u64,
    /// Stamped on create, kept by every update.
    pub created_at: Timestamp,
    /// Stamped on create and update; never decreases.
    pub updated_at: Timestamp,
    /// Who it belongs to, at most 255 bytes.
    pub owner: Option<Arc<str>>,
    /// Sorted, unique, at most 32.
    pub tags: Tags,
    /// How long it is kept.
    pub retention: Option<Retention>,
    /// How distance is measured.
    pub distance_metric: DistanceMetric,
    /// The index that serves the collection.
    pub indexing_algorithm: IndexingAlgorithm,
    /// Free settings: a JSON object in canonical text.
    pub config: ConfigJson,
    /// Prose, at most 16 KiB.
    pub description: Option<Arc<str>>,
    /// Fields of newer releases, kept through update, `Put` and backup by this one.
    pub extra: Extra,
}

impl CollectionMetadata {
    /// Every field of the portable form, in its order. The one list that codecs, columns and tests are checked against.
    pub const FIELDS: &'static [Field] = Field::ALL;

    /// A record with the defaults: no id (create makes one), HNSW, access pattern normal, everything else empty.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, dimension: u32, metric: DistanceMetric) -> Self {
        Self {
            id: "".into(),
            name: name.into(),
            dimension,
            distance_metric: metric,
            indexing_algorithm: IndexingAlgorithm::HNSW,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            vector_count: 0,
            total_size_bytes: 0,
            access_pattern: AccessPattern::default(),
            retention: None,
            expires_at: None,
            config: ConfigJson::default(),
            description: None,
            owner: None,
            tags: Tags::default(),
            version: 0,
            incarnation: Incarnation::default(),
            extra: Extra::default(),
        }
    }

    /// Whether reads at `now` no longer see this record: `now >= expires_at`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// Equality of everything a copy preserves: all fields but the incarnation.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.incarnation = self.incarnation;
        *self == other
    }

    /// The record with these counters: itself where it has them already.
    #[must_use]
    pub fn with_counters(self: &Arc<Self>, vectors: u64, bytes: u64) -> Arc<Self> {
        if (self.vector_count, self.total_size_bytes) == (vectors, bytes) {
            return self.clone();
        }
        let mut moved = (**self).clone();
        moved.vector_count = vectors;
        moved.total_size_bytes = bytes;
        Arc::new(moved)
    }

    /// Equality of everything but the counters.
    #[must_use]
    pub fn same_but_counters(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.vector_count = self.vector_count;
        other.total_size_bytes = self.total_size_bytes;
        *self == other
    }
}

impl fmt::Debug for CollectionMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CollectionMetadata({} #{:016x})", self.to_json(), self.incarnation.0)
    }
}
