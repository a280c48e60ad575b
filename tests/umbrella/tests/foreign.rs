//! One registry holds our backends and a foreign one; the connection string alone chooses.

use proximadb_meta::core::{CollectionMetadata, DistanceMetric, ErrorKind, Filter};

#[tokio::test]
async fn a_foreign_backend_stands_beside_ours() {
    let registry = proximadb_meta::install().unwrap();
    foreign_backend::register(registry).unwrap();
    // Other crates of the same build may turn more of them on.
    let schemes = registry.schemes();
    assert!(["file", "memory", "shelf"].iter().all(|s| schemes.contains(s)), "{schemes:?}");

    let dir = tempfile::tempdir().unwrap();
    let file = format!("file://{}", dir.path().join("metadata").display());
    for (connection, label) in [(&*file, "wal"), ("memory://", "memory"), ("shelf://", "shelf")] {
        let catalog = proximadb_meta::connect(connection).await.unwrap();
        assert_eq!(catalog.descriptor().label, label);
        let mut docs = CollectionMetadata::new("docs", 768, DistanceMetric::COSINE);
        docs.owner = Some("search".into());
        catalog.create_collection(docs).await.unwrap();
        let found = catalog.list_collections(Some(Filter::parse("owner = search").unwrap())).await.unwrap();
        assert_eq!(found.len(), 1, "{label}");
        catalog.close().await.unwrap();
    }

    let e = proximadb_meta::connect("shelv://").await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
    assert!(format!("{e:?}").contains("shelf"), "{e:?}");
}
