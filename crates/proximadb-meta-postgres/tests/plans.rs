//! No filter of the standard set looks at every record: asserted from PostgreSQL's own plans, on an analyzed table with 20,000 of
//! them. `PXMETA_SOAK_RECORDS` says another number.

mod fixture;

use std::sync::Arc;

use proximadb_meta_core::{Filter, ListRequest, MetadataBackend, Order, SystemClock};
use proximadb_meta_testkit::Fixture as _;
use proximadb_meta_testkit::plans::{FILTERS, fill};

/// What has an index here beside what every backend's users ask for.
const MORE: [&str; 7] = [
    "name >= \"name c00019900\"",
    "distance_metric = hamming",
    "dimension = 3",
    "config.rare.m = 16",
    "config.rare.m >= 15 AND config.rare.m < 17",
    "config.rare.kind != \"other\"",
    "config.rare.m:*",
];

async fn filled() -> (Arc<dyn MetadataBackend>, proximadb_meta_testkit::Opened) {
    let opened = fixture::Postgres::default().open(Arc::new(SystemClock)).await.expect("the catalog opens");
    fill(&*opened.backend, 2_000).await.expect("the records are written");
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
    for text in FILTERS.into_iter().chain(MORE) {
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
