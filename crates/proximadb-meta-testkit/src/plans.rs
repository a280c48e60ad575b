//! A catalog of some size and the filters that users put, for a backend's test that none of them looks at every record: what was
//! looked at, only the backend's own query plans can say.

use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, MetadataBackend, Operation, PutIf, Timestamp,
};

use crate::case::{CaseResult, Failure};
use crate::scripts::number_from_env;

/// Filters that users put. Each matches some of the [records](record) and leaves most of them out; a backend that declares an
/// index for more adds its own.
pub const FILTERS: [&str; 16] = [
    "id = c00000077",
    "id > c00000077 AND id < c00000099",
    "name = \"name c00000077\"",
    "startsWith(name, \"name c000000\")",
    "owner = owner-7",
    "startsWith(owner, owner-77)",
    "tags:tag-7",
    "tags:tag-7 AND tags:rare",
    "access_pattern = archive",
    "text(\"unusual words\")",
    "created_at >= 2030-01-01 AND created_at < 2030-01-02",
    "NOT created_at < 2030-01-01",
    "updated_at > 2030-01-01",
    "expires_at < 2040-01-01",
    "owner = owner-7 AND tags:tag-7",
    "owner = owner-7 OR tags:rare",
];

/// Record `i`. One in a thousand is unlike the others in every field but id, name and owner.
#[must_use]
pub fn record(i: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name c{i:08}"), 768, DistanceMetric::COSINE);
    r.id = format!("c{i:08}").into();
    r.owner = Some(format!("owner-{}", i % 500).into());
    r.tags = [format!("tag-{}", i % 50), format!("tag-{}", 50 + i % 7)].into();
    r.config = ConfigJson::parse(&format!("{{\"m\":{}}}", i % 64)).unwrap_or_default();
    r.created_at = day("2026-01-01").saturating_add(i64::try_from(i).unwrap_or(i64::MAX).saturating_mul(1_000_000));
    r.updated_at = r.created_at;
    if i.is_multiple_of(1000) {
        r.tags = ["tag-7", "rare"].into();
        r.description = Some("unusual words".into());
        r.access_pattern = AccessPattern::Archive;
        r.distance_metric = DistanceMetric::HAMMING;
        r.dimension = 3;
        r.config = ConfigJson::parse("{\"rare\":{\"m\":16,\"kind\":\"this\"}}").unwrap_or_default();
        r.created_at = day("2030-01-01");
        r.updated_at = day("2030-01-02");
        r.expires_at = Some(day("2039-01-01"));
    }
    r.version = 1;
    r
}

fn day(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_default()
}

/// Puts 20,000 [records](record) into an empty catalog, so many in a batch; `PXMETA_SOAK_RECORDS` says another number.
///
/// # Errors
/// When the variable is not a number, and what the catalog says.
pub async fn fill(catalog: &dyn MetadataBackend, at_once: usize) -> CaseResult {
    let count = number_from_env("PXMETA_SOAK_RECORDS", 20_000)?;
    for from in (0..count).step_by(at_once.max(1)) {
        let puts = (from..count).take(at_once).map(|i| Operation::Put { record: record(i), when: PutIf::Absent });
        let put = catalog.batch_operations(puts.collect()).await;
        put.map_err(|e| Failure::new(format!("the records from {from} on are not written: {e}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::Filter;

    use super::*;

    #[test]
    fn every_filter_matches_some_and_leaves_most_out() {
        let all: Vec<CollectionMetadata> = (0..20_000).map(record).collect();
        for text in FILTERS {
            let filter = Filter::parse(text).unwrap();
            let found = all.iter().filter(|r| filter.evaluate(r)).count();
            assert!(found > 0 && found < all.len() / 20, "{text}: {found}");
        }
    }

    #[test]
    fn the_days_and_configs_are_what_they_say() {
        assert_eq!(day("2030-01-01"), Timestamp::parse("2030-01-01").unwrap());
        let (usual, rare) = (record(1), record(1000));
        assert_eq!(usual.config.as_str(), r#"{"m":1}"#);
        assert_eq!(rare.config.as_str(), r#"{"rare":{"kind":"this","m":16}}"#);
        assert!(usual.created_at < rare.created_at && rare.created_at < rare.updated_at);
    }
}
