//! No filter of the standard set looks at every record: asserted from PostgreSQL's own plans, on an analyzed table with 20,000 of
//! them. `PXMETA_SOAK_RECORDS` says another number.

mod fixture;

use std::sync::Arc;

use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Filter, ListRequest, MetadataBackend, Operation,
    Order, PutIf, SystemClock, Timestamp,
};
use proximadb_meta_testkit::Fixture as _;

/// Filters that users put, each answered by an index.
const STANDARD: [&str; 23] = [
    "id = c00000077",
    "id > c00000077 AND id < c00000099",
    "name = \"name c00000077\"",
    "startsWith(name, \"name c000000\")",
    "name >= \"name c00019900\"",
    "owner = owner-7",
    "startsWith(owner, owner-77)",
    "tags:tag-7",
    "tags:tag-7 AND tags:rare",
    "access_pattern = archive",
    "distance_metric = hamming",
    "dimension = 3",
    "text(\"unusual words\")",
    "created_at >= 2030-01-01 AND created_at < 2030-01-02",
    "NOT created_at < 2030-01-01",
    "updated_at > 2030-01-01",
    "expires_at < 2040-01-01",
    "owner = owner-7 AND tags:tag-7",
    "owner = owner-7 OR tags:rare",
    "config.rare.m = 16",
    "config.rare.m >= 15 AND config.rare.m < 17",
    "config.rare.kind != \"other\"",
    "config.rare.m:*",
];

fn records() -> usize {
    match std::env::var("PXMETA_SOAK_RECORDS") {
        Err(_) => 20_000,
        Ok(text) => text.parse().expect("PXMETA_SOAK_RECORDS is a number"),
    }
}

fn record(i: usize) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name c{i:08}"), 768, DistanceMetric::COSINE);
    r.id = format!("c{i:08}").into();
    r.owner = Some(format!("owner-{}", i % 500).into());
    r.tags = [format!("tag-{}", i % 50), format!("tag-{}", 50 + i % 7)].into();
    r.config = ConfigJson::parse(&format!("{{\"m\":{}}}", i % 64)).expect("a config");
    let day = |text| Timestamp::parse(text).expect("a day");
    r.created_at = day("2026-01-01").saturating_add(i as i64 * 1_000_000);
    r.updated_at = r.created_at;
    if i.is_multiple_of(1000) {
        r.tags = ["tag-7", "rare"].into();
        r.description = Some("unusual words".into());
        r.access_pattern = AccessPattern::Archive;
        r.distance_metric = DistanceMetric::HAMMING;
        r.dimension = 3;
        r.config = ConfigJson::parse("{\"rare\":{\"m\":16,\"kind\":\"this\"}}").expect("a config");
        r.created_at = day("2030-01-01");
        r.updated_at = day("2030-01-02");
        r.expires_at = Some(day("2039-01-01"));
    }
    r.version = 1;
    r
}

async fn filled() -> (Arc<dyn MetadataBackend>, proximadb_meta_testkit::Opened) {
    let opened = fixture::Postgres::default().open(Arc::new(SystemClock)).await.expect("the catalog opens");
    let all: Vec<usize> = (0..records()).collect();
    for part in all.chunks(2_000) {
        let puts = part.iter().map(|i| Operation::Put { record: record(*i), when: PutIf::Absent }).collect();
        opened.backend.batch_operations(puts).await.expect("the records are written");
    }
    opened.backend.maintain().await.expect("the table is analyzed");
    (opened.backend.clone(), opened)
}

/// What is wrong with a plan: the table is read from end to end, or a whole namespace by its index.
fn flaw(access: &str) -> Option<&str> {
    let mut scanned = "";
    for line in access.lines().map(str::trim) {
        if line.contains(" Scan ") {
            scanned = line;
        }
        let of_ours = scanned.contains("collections") && line == "Index Cond: (namespace = ''::text)";
        if of_ours || line.contains("Seq Scan on collections") {
            return Some(line);
        }
    }
    None
}

#[tokio::test]
async fn no_filter_of_the_standard_set_scans() {
    let (catalog, _guard) = filled().await;
    for text in STANDARD {
        let filter = Filter::parse(text).unwrap();
        let said = catalog.explain(ListRequest::new().with_filter(filter)).await.unwrap();
        assert_eq!(flaw(&said.access), None, "{text}:\n{}", said.access);
        assert_eq!(said.residual, None, "{text}");
        assert!(said.matched > 0 && said.examined >= said.matched, "{text}: {said:?}");
    }
    for order in Order::FIELDS.map(|field| Order::by(field).unwrap()) {
        for order in [order, order.reversed()] {
            let said = catalog.explain(ListRequest::new().with_order(order)).await.unwrap();
            assert!(!said.access.contains("Sort"), "{order}:\n{}", said.access);
            assert!(said.access.contains("Index"), "{order}:\n{}", said.access);
        }
    }
    catalog.close().await.unwrap();
}
