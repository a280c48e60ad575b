//! The umbrella with its default features: what it installs, and that its doors lead to real stores.

#![cfg(all(feature = "wal", feature = "memory", feature = "layers"))]

use proximadb_meta::core::context::CallContext;
use proximadb_meta::core::registry::KNOWN_BACKENDS;
use proximadb_meta::core::{
    CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackendConfig, MetadataBackendType, Namespace,
};
use proximadb_meta::{MetadataBackendFactory, connect, install, open};

#[test]
fn install_is_idempotent() {
    let (one, two) = (install().unwrap(), install().unwrap());
    assert!(std::ptr::eq(one, two));
    let sqlite = cfg!(feature = "sqlite").then_some("sqlite");
    let postgres = cfg!(feature = "postgres").then_some(["postgres", "postgresql"]).into_iter().flatten();
    assert_eq!(one.schemes(), ["file", "memory"].into_iter().chain(postgres).chain(sqlite).collect::<Vec<_>>());
    let postgresql = cfg!(feature = "postgres").then_some("postgresql");
    let kinds: Vec<String> = one.plugins().iter().map(|p| p.backend_type().to_string()).collect();
    assert_eq!(kinds, ["memory"].into_iter().chain(postgresql).chain(sqlite).chain(["wal"]).collect::<Vec<_>>());
    let layers: Vec<&str> = one.layers().iter().map(|l| l.name()).collect();
    assert_eq!(layers, ["tracing"]);
}

#[test]
fn the_features_that_errors_name_are_those_of_the_manifest() {
    let manifest: toml::Table = toml::from_str(include_str!("../Cargo.toml")).unwrap();
    let features = manifest["features"].as_table().unwrap();
    for known in KNOWN_BACKENDS {
        assert_eq!(features.contains_key(known.feature), known.released, "{known:?}");
        let plugin = install().unwrap().backend(known.backend_type);
        let off = [("sqlite", cfg!(feature = "sqlite")), ("postgres", cfg!(feature = "postgres"))];
        let is_here = known.released && !off.contains(&(known.feature, false));
        assert_eq!(plugin.map(|p| p.schemes()), is_here.then_some(known.schemes), "{known:?}");
    }
}

#[tokio::test]
async fn strings_of_backends_that_are_not_here_say_how_to_get_them() {
    for uri in [
        #[cfg(not(feature = "postgres"))]
        "postgresql://user:hunter2@host:5432/database",
        "dynamodb://region/table_name?access_key=KEY&secret_key=hunter2",
        "mongodb://user:hunter2@host:27017/database",
        #[cfg(not(feature = "sqlite"))]
        "sqlite:///path/to/database.db",
    ] {
        let e = connect(uri).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
        assert!(e.message().contains("registered: file, memory"), "{e}");
        assert!(e.hint().is_some_and(|h| h.contains("the feature ")), "{e:?}");
        assert!(!format!("{e:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_percent_encoded_path_names_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("my data 100%");
    let encoded = proximadb_meta::core::config::percent_encode(store.to_str().unwrap());
    assert!(encoded.ends_with("my%20data%20100%25"));
    let catalog = connect(&format!("file://{encoded}?segment_bytes=65536")).await.unwrap();
    assert!(store.is_dir());
    let made = catalog.create_collection(CollectionMetadata::new("docs", 8, DistanceMetric::COSINE)).await.unwrap();
    catalog.close().await.unwrap();
    let config = MetadataBackendConfig::builder(MetadataBackendType::WAL)
        .location(store.to_str().unwrap())
        .build(install().unwrap())
        .unwrap();
    let e = MetadataBackendFactory::create_backend(MetadataBackendType::MEMORY, config.clone()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
    let again = MetadataBackendFactory::create_backend(MetadataBackendType::WAL, config).await.unwrap();
    assert_eq!(again.get_collection(&made.id).await.unwrap(), Some(made));
    again.close().await.unwrap();
}

#[tokio::test]
async fn small_segments_make_more_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for segment_bytes in ["65536", "67108864"] {
        let store = dir.path().join(segment_bytes);
        let uri = format!("file://{}?segment_bytes={segment_bytes}", store.display());
        let catalog = connect(&uri).await.unwrap();
        for i in 0..4 {
            let mut record = CollectionMetadata::new(format!("n{i}"), 8, DistanceMetric::COSINE);
            record.description = Some("x".repeat(16 * 1024 - 1).into());
            for _ in 0..2 {
                record = (*match record.version {
                    0 => catalog.create_collection(record).await.unwrap(),
                    _ => catalog.update_collection(record).await.unwrap(),
                })
                .clone();
            }
        }
        catalog.close().await.unwrap();
        let names = std::fs::read_dir(&store).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
        files.push(names.filter(|n| n.starts_with("wal-")).count());
    }
    assert!(files[0] > files[1] && files[1] == 1, "{files:?}");
    for wrong in ["65535", "1073741825", "64k"] {
        let uri = format!("file://{}?segment_bytes={wrong}", dir.path().join("wrong").display());
        let e = connect(&uri).await.unwrap_err();
        assert!(e.message().contains("from 65536 to 1073741824, found"), "{e}");
    }
    assert!(!dir.path().join("wrong").exists());
}

#[tokio::test]
async fn a_namespace_of_the_configuration_is_the_one_of_the_handle() {
    let config = MetadataBackendConfig::from_uri("memory://?namespace=tenant&enable_tracing=true", install().unwrap());
    let catalog = open(config.unwrap()).await.unwrap();
    catalog.create_collection(CollectionMetadata::new("docs", 8, DistanceMetric::COSINE)).await.unwrap();
    let scope = |name: &str| catalog.scoped(CallContext::in_namespace(Namespace::new(name).unwrap()));
    assert_eq!(catalog.count_collections(None).await.unwrap(), 1);
    assert_eq!(scope("tenant").count_collections(None).await.unwrap(), 1);
    assert_eq!(scope("").count_collections(None).await.unwrap(), 0);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_database_file_is_opened_by_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data").join("catalog.db");
    let catalog = connect(&format!("sqlite://{}?readers=2&busy_timeout_seconds=1.5", path.display())).await.unwrap();
    let made = catalog.create_collection(CollectionMetadata::new("docs", 8, DistanceMetric::COSINE)).await.unwrap();
    catalog.close().await.unwrap();
    let config = MetadataBackendConfig::builder(MetadataBackendType::SQLITE)
        .location(path.to_str().unwrap())
        .build(install().unwrap())
        .unwrap();
    let catalog = MetadataBackendFactory::create_backend(MetadataBackendType::SQLITE, config).await.unwrap();
    assert_eq!(catalog.get_collection(&made.id).await.unwrap(), Some(made));
    catalog.close().await.unwrap();
    let e = connect("sqlite://./x.db?reader=2").await.unwrap_err();
    assert!(e.hint().is_some_and(|h| h.contains("readers")), "{e:?}");
}
