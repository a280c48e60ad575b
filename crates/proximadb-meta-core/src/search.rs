//! Ranked text search: a capability, with the store's own ranking. What matches exactly is a filter's `text("...")`.

use std::sync::Arc;

use crate::filter::Filter;
use crate::record::CollectionMetadata;

/// What to search for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SearchRequest {
    /// Words. A record is found when it has one of them; the more, and the rarer, the better.
    pub query: Arc<str>,
    /// Among which records; `None`: all.
    pub filter: Option<Filter>,
    /// Most records, `1..=1000`; `None`: 100.
    pub limit: Option<usize>,
}

impl SearchRequest {
    /// The best 100 of all records.
    #[must_use]
    pub fn new(query: impl Into<Arc<str>>) -> Self {
        Self { query: query.into(), filter: None, limit: None }
    }

    /// Only among what matches.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// At most this many, `1..=1000`.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A record that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ranked {
    /// The record.
    pub record: Arc<CollectionMetadata>,
    /// How well it fits: greater is better. Comparable within one answer alone.
    pub score: f64,
}

impl Ranked {
    /// A record with its score.
    #[must_use]
    pub fn new(record: Arc<CollectionMetadata>, score: f64) -> Self {
        Self { record, score }
    }
}
