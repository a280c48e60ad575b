//! What tools ask of a backend without opening a store: a foreign one answers for itself.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use foreign_backend::ShelfPlugin;
use proximadb_meta_core::config::{MetadataBackendConfig, OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::report::SchemaAction;
use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, MetadataBackendType, Result};

/// A shelf for which opening makes a directory.
#[derive(Debug)]
struct Drawer;

#[async_trait]
impl BackendPlugin for Drawer {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::new("drawer")
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["drawer"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn location(&self) -> LocationKind {
        LocationKind::Path
    }

    async fn would_create(&self, options: &Options) -> bool {
        !Path::new(options.rest()).exists()
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        std::fs::create_dir_all(options.rest())
            .map_err(|e| Error::new(ErrorKind::Unavailable, "no drawer").with_source(e))?;
        Ok(foreign_backend::shelf(10).into_backend())
    }
}

#[tokio::test]
async fn a_store_that_opening_would_make_is_not_made_by_looking_at_it() {
    let registry = BackendRegistry::new();
    registry.register(Arc::new(Drawer)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("drawer");
    let config = MetadataBackendConfig::from_uri(&format!("drawer://{}", place.display()), &registry).unwrap();
    assert!(!Drawer.is_ephemeral());
    assert!(registry.would_create(&config).await.unwrap());
    for action in [SchemaAction::Status, SchemaAction::Plan] {
        let e = registry.schema(&config, action).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::NotFound, "{e:?}");
        assert!(e.message().contains(&place.display().to_string()) && e.hint().is_some(), "{e:?}");
    }
    assert!(registry.would_create(&config).await.unwrap(), "nothing was made");
    registry.open(config.clone()).await.unwrap().close().await.unwrap();
    assert!(!registry.would_create(&config).await.unwrap());
    // Now it is there, and says itself that it has no layout.
    assert_eq!(registry.schema(&config, SchemaAction::Status).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_store_that_nothing_leads_back_to_is_ephemeral() {
    assert!(ShelfPlugin.is_ephemeral());
    let registry = BackendRegistry::new();
    foreign_backend::register(&registry).unwrap();
    let config = MetadataBackendConfig::from_uri("shelf://", &registry).unwrap();
    assert!(!registry.would_create(&config).await.unwrap());
}
