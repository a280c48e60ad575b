//! The records that are measured with: about 1 KB each, the same in every run.

use proximadb_meta::core::{CollectionMetadata, ConfigJson, DistanceMetric};

/// One in this many records has the same owner.
const OWNERS: usize = 50;

/// The record of a number.
pub(crate) fn record(n: usize) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name(n), 768, DistanceMetric::COSINE);
    r.id = id(n).into();
    r.owner = Some(owner(n).into());
    r.description =
        Some(format!("Embeddings of source {n}. {}", "What is in it, and who may use it. ".repeat(16)).into());
    r.tags = ["prod", if n.is_multiple_of(3) { "text" } else { "image" }, "eu"].into();
    let config = format!("{{\"index\":{{\"ef\":{},\"m\":{}}},\"replicas\":2}}", 100 + n % 100, 8 + n % 4 * 8);
    r.config = ConfigJson::parse(&config).unwrap_or_default();
    r
}

/// The id of a number.
pub(crate) fn id(n: usize) -> String {
    format!("{n:07}-bench")
}

/// The name of a number's record.
pub(crate) fn name(n: usize) -> String {
    format!("collection {n:07}")
}

/// The owner of a number's record.
pub(crate) fn owner(n: usize) -> String {
    format!("team-{}", n % OWNERS)
}

/// Numbers below `n` in an order that no cache can guess, the same each time.
pub(crate) fn shuffled(n: usize, count: usize) -> Vec<usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % (n.max(1) as u64)).unwrap_or(0)
    };
    std::iter::repeat_with(next).take(count).collect()
}
