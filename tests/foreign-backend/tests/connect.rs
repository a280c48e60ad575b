//! The shelf by connection string, through a registry of its own.

use proximadb_meta_core::{BackendRegistry, CollectionMetadata, DistanceMetric, ErrorKind};

fn registry() -> BackendRegistry {
    let registry = BackendRegistry::new();
    foreign_backend::register(&registry).expect("the scheme is free");
    registry
}

#[tokio::test]
async fn it_opens_by_its_scheme_and_takes_its_option() {
    let catalog = registry().connect("shelf://?capacity=2").await.unwrap();
    assert_eq!(catalog.descriptor().label, "shelf");
    for name in ["a", "b"] {
        catalog.create_collection(CollectionMetadata::new(name, 8, DistanceMetric::COSINE)).await.unwrap();
    }
    let third = CollectionMetadata::new("c", 8, DistanceMetric::COSINE);
    assert_eq!(catalog.create_collection(third).await.unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(catalog.count_collections(None).await.unwrap(), 2);
}

#[tokio::test]
async fn an_option_it_does_not_have_is_refused_with_the_nearest() {
    let e = registry().connect("shelf://?capacty=2").await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
    assert!(format!("{e:?}").contains("capacity"), "{e:?}");
}

#[test]
fn it_registers_once() {
    let registry = registry();
    assert_eq!(foreign_backend::register(&registry).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(registry.schemes(), ["shelf"]);
}
