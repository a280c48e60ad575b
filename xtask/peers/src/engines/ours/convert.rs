//! The benchmark's record as ours, and back.

use anyhow::{Context as _, Result};
use proximadb_meta::core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, IndexingAlgorithm, Timestamp,
};

use crate::catalog::Record;

fn nth<T: Clone>(known: &[T], n: u8) -> Result<T> {
    known.get(usize::from(n)).cloned().with_context(|| format!("there is no word with the number {n}"))
}

fn number_of<T: PartialEq>(known: &[T], word: &T) -> u8 {
    known.iter().position(|k| k == word).and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX)
}

/// Every field.
pub(crate) fn to_ours(r: &Record) -> Result<CollectionMetadata> {
    let metric = nth(DistanceMetric::KNOWN, r.distance_metric)?;
    let mut ours = CollectionMetadata::new(r.name.as_str(), r.dimension, metric);
    ours.id = r.id.as_str().into();
    ours.indexing_algorithm = nth(IndexingAlgorithm::KNOWN, r.indexing_algorithm)?;
    ours.created_at = Timestamp::from_micros(r.created_at);
    ours.updated_at = Timestamp::from_micros(r.updated_at);
    ours.vector_count = u64::try_from(r.vector_count)?;
    ours.total_size_bytes = u64::try_from(r.total_size_bytes)?;
    ours.config = ConfigJson::parse(&r.config)?;
    ours.access_pattern = nth(&AccessPattern::ALL, r.access_pattern)?;
    ours.description = Some(r.description.as_str().into());
    ours.tags = r.tags.iter().map(String::as_str).collect();
    ours.owner = r.owner.as_deref().map(Into::into);
    ours.version = r.version;
    Ok(ours)
}

/// The fields that the benchmark has.
pub(crate) fn from_ours(r: &CollectionMetadata) -> Record {
    Record {
        id: r.id.to_string(),
        name: r.name.to_string(),
        dimension: r.dimension,
        distance_metric: number_of(DistanceMetric::KNOWN, &r.distance_metric),
        indexing_algorithm: number_of(IndexingAlgorithm::KNOWN, &r.indexing_algorithm),
        created_at: r.created_at.as_micros(),
        updated_at: r.updated_at.as_micros(),
        vector_count: r.vector_count as i64,
        total_size_bytes: r.total_size_bytes as i64,
        config: r.config.as_str().to_owned(),
        access_pattern: number_of(&AccessPattern::ALL, &r.access_pattern),
        description: r.description.as_deref().unwrap_or_default().to_owned(),
        tags: r.tags.iter().map(ToString::to_string).collect(),
        owner: r.owner.as_deref().map(ToOwned::to_owned),
        version: r.version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::record;

    #[test]
    fn every_field_comes_back() {
        for i in 0..100 {
            assert_eq!(from_ours(&to_ours(&record(i)).unwrap()), record(i));
        }
    }
}
