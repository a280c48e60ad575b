//! No filter of the standard set looks at every record: asserted from SQLite's own query plan, on a table with 20,000 of them.
//! `PXMETA_SOAK_RECORDS` says another number.

mod fixture;

use std::sync::Arc;

use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, DistanceMetric, Field, Filter, ListRequest, MetadataBackend, Operation, Order,
    PutIf, Timestamp,
};

/// Filters that users put, each answered by an index of its own.
const STANDARD: [&str; 17] = [
    "id = c00000077",
    "id > c00000077 AND id < c00000099",
    "name = \"name c00000077\"",
    "startsWith(name, \"name c000000\")",
    "name >= \"name c00019\"",
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
    let day = |text| Timestamp::parse(text).expect("a day");
    r.created_at = day("2026-01-01").saturating_add(i as i64 * 1_000_000);
    r.updated_at = r.created_at;
    if i.is_multiple_of(1000) {
        r.tags = ["tag-7", "rare"].into();
        r.description = Some("unusual words".into());
        r.access_pattern = AccessPattern::Archive;
        r.created_at = day("2030-01-01");
        r.updated_at = day("2030-01-02");
        r.expires_at = Some(day("2039-01-01"));
    }
    r.version = 1;
    r
}

async fn filled(path: &std::path::Path) -> Arc<dyn MetadataBackend> {
    let catalog = proximadb_meta_sqlite::open(path).await.expect("the database opens").into_backend();
    let all: Vec<usize> = (0..records()).collect();
    for part in all.chunks(10_000) {
        let puts = part.iter().map(|i| Operation::Put { record: record(*i), when: PutIf::Absent }).collect();
        catalog.batch_operations(puts).await.expect("the records are written");
    }
    catalog
}

/// What is wrong with a plan: a whole table or namespace is looked at.
fn flaw(access: &str) -> Option<String> {
    let steps = access.split("; ").filter(|step| step.contains("collections") || step.contains("collection_tags"));
    let mut steps = steps.filter(|step| step.starts_with("SCAN") || step.ends_with("(namespace=?)"));
    steps.next().map(str::to_owned)
}

#[tokio::test]
async fn no_filter_of_the_standard_set_scans() {
    let dir = fixture::fresh().unwrap();
    let catalog = filled(&dir.path().join("catalog.db")).await;
    // Without statistics, and with them.
    for maintained in [false, true] {
        if maintained {
            catalog.maintain().await.unwrap();
        }
        for text in STANDARD {
            let filter = Filter::parse(text).unwrap();
            let said = catalog.explain(ListRequest::new().with_filter(filter.clone())).await.unwrap();
            assert_eq!(flaw(&said.access), None, "{text}, maintained: {maintained}: {}", said.access);
            assert_eq!(said.residual, None, "{text}");
            assert!(said.matched > 0 && said.examined >= said.matched, "{text}: {said:?}");
            // Most records are of one of four access patterns: by another order they are found on the way.
            let orders = if text.starts_with("access_pattern") { &Order::FIELDS[..1] } else { &Order::FIELDS };
            for &field in orders {
                let order = Order::by(field).unwrap();
                for order in [order, order.reversed()] {
                    let said = catalog
                        .explain(ListRequest::new().with_filter(filter.clone()).with_order(order))
                        .await
                        .unwrap();
                    assert_eq!(flaw(&said.access), None, "{text} by {order}: {}", said.access);
                }
            }
        }
    }
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended() {
    let dir = fixture::fresh().unwrap();
    let catalog = filled(&dir.path().join("catalog.db")).await;
    for field in [Field::Id, Field::Name, Field::CreatedAt, Field::UpdatedAt] {
        let order = Order::by(field).unwrap();
        for order in [order, order.reversed()] {
            let said = catalog.explain(ListRequest::new().with_order(order)).await.unwrap();
            assert!(!said.access.contains("TEMP B-TREE"), "{order}: {}", said.access);
            // The plan of the last part: it begins in the middle.
            assert_eq!(flaw(&said.access), None, "{order}: {}", said.access);
        }
    }
    catalog.close().await.unwrap();
}
