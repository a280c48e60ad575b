//! The work that every engine does: one catalog, its records, its filter. An adapter implements [`Catalog`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use proximadb_meta::core::CollectionMetadata;
use serde::{Deserialize, Serialize};

use crate::engines::from_ours;

/// The fifteen fields of a collection, about 480 bytes in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Unique: the 36 characters of a UUID.
    pub(crate) id: String,
    /// Unique.
    pub(crate) name: String,
    pub(crate) dimension: u32,
    pub(crate) distance_metric: u8,
    pub(crate) indexing_algorithm: u8,
    /// Microseconds.
    pub(crate) created_at: i64,
    /// Microseconds.
    pub(crate) updated_at: i64,
    pub(crate) vector_count: i64,
    pub(crate) total_size_bytes: i64,
    /// JSON with sorted keys, about 200 bytes.
    pub(crate) config: String,
    pub(crate) access_pattern: u8,
    /// About 80 bytes.
    pub(crate) description: String,
    /// At most five, sorted, unique.
    pub(crate) tags: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) version: u64,
}

/// A write.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The id and the name must be free.
    Create(Record),
    /// Compare-and-set on `version`; the stored record gets `expect + 1`, and keeps its counters and `created_at`.
    Update { id: String, expect: u64, record: Record },
    /// The record must be there.
    Delete(String),
    /// Moves the counters and nothing else.
    Count { id: String, vectors: i64, bytes: i64 },
}

/// Why a write was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    Exists,
    NotFound,
    Conflict,
}

/// What a write gave.
pub(crate) type Answer = Result<(), Reject>;

/// `owner = X AND tags:Y AND dimension >= Z`, names after `after`, ordered by name, at most `limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) owner: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) min_dimension: u32,
    /// Empty: from the beginning.
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
}

/// A record that was read. Engines on a disk decode one of their own, those in memory share theirs.
// A box around the large one would charge the engines on a disk for an allocation that they do not need.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Got {
    Owned(Record),
    Shared(Arc<Record>),
    Ours(Arc<CollectionMetadata>),
}

impl Got {
    pub(crate) fn dimension(&self) -> u32 {
        match self {
            Self::Owned(r) => r.dimension,
            Self::Shared(r) => r.dimension,
            Self::Ours(r) => r.dimension,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Owned(r) => &r.name,
            Self::Shared(r) => &r.name,
            Self::Ours(r) => &r.name,
        }
    }

    /// A copy, to compare.
    pub(crate) fn record(&self) -> Record {
        match self {
            Self::Owned(r) => r.clone(),
            Self::Shared(r) => (**r).clone(),
            Self::Ours(r) => from_ours(r),
        }
    }
}

/// What a scan saw: it must look at every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) records: u64,
    pub(crate) dimensions: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, dimension: u32) {
        self.records += 1;
        self.dimensions += u64::from(dimension);
    }
}

/// What a task awaits.
pub(crate) type Waiting<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A write that is ready to go: what turns it into the engine's own form is done before the clock runs.
pub(crate) type Job = Box<dyn FnOnce() -> Waiting<Answer> + Send>;

/// A write path that tasks can await: group commit behind a queue.
pub(crate) trait AsyncWriter: Send + Sync {
    fn prepare(&self, op: Op) -> Result<Job>;
}

/// A catalog in an engine.
pub(crate) trait Catalog: Send + Sync {
    /// The operations in order. A rejected one has no effect and does not stop the others. Returns when they are on the disk
    /// (in memory: visible). One durable commit for all of them, where the engine has one.
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>>;

    /// New records, in the engine's way for many at once.
    fn load(&self, records: Vec<Record>) -> Result<()> {
        let answers = self.apply(records.into_iter().map(Op::Create).collect())?;
        anyhow::ensure!(answers.iter().all(Result::is_ok), "a new record was rejected");
        Ok(())
    }

    fn get(&self, id: &str) -> Result<Option<Got>>;

    fn get_by_name(&self, name: &str) -> Result<Option<Got>>;

    fn list(&self, filter: &Filter<'_>) -> Result<Vec<Got>>;

    /// The first records by name, without a filter.
    fn first(&self, limit: usize) -> Result<Vec<Got>>;

    /// Every record, in any order, each decoded.
    fn scan(&self) -> Result<Sum>;

    /// The awaitable writes of an engine that has them; others get a queue and a thread around [`apply`](Self::apply).
    fn native_async(self: Arc<Self>) -> Option<Arc<dyn AsyncWriter>> {
        None
    }

    /// Brings what is on the disk into its compact form.
    fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    /// Closes in order what dropping would not.
    fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// A catalog that is shared.
pub(crate) type Store = Arc<dyn Catalog>;
