//! No filter of the standard set looks at every record: asserted from SQLite's own query plan, on a table with 20,000 of them.
//! `PXMETA_SOAK_RECORDS` says another number.

mod fixture;

use std::sync::Arc;

use proximadb_meta_core::{Field, Filter, ListRequest, MetadataBackend, Order};
use proximadb_meta_testkit::plans::{FILTERS, fill};

/// For SQLite a stretch of a thousand names is short.
const MORE: &str = "name >= \"name c00019\"";

async fn filled(path: &std::path::Path) -> Arc<dyn MetadataBackend> {
    let catalog = proximadb_meta_sqlite::open(path).await.expect("the database opens").into_backend();
    fill(&*catalog, 10_000).await.expect("the records are written");
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
        for text in FILTERS.into_iter().chain([MORE]) {
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
