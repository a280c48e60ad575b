//! The metadata layer of vector databases: one trait for the collection catalog, real backends behind it, chosen by a
//! connection string.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> proximadb_meta::core::Result<()> {
//! use proximadb_meta::core::{CollectionMetadata, DistanceMetric, Filter, StatsDelta};
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let uri = format!("file://{}", dir.path().join("metadata").display());
//! let catalog = proximadb_meta::connect(&uri).await?; // "file://./data/metadata", "memory://"
//! let mut docs = CollectionMetadata::new("docs", 768, DistanceMetric::COSINE);
//! docs.owner = Some("search".into());
//! docs.tags = ["prod", "text"].into();
//! let docs = catalog.create_collection(docs).await?;
//! catalog.record_stats(&docs.id, StatsDelta { vectors: 1000, bytes: 3_072_000 }).await?;
//! let mine = catalog.list_collections(Some(Filter::parse("owner = search AND tags:prod")?)).await?;
//! assert_eq!(mine[0].vector_count, 1000);
//! catalog.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! Features pick backends: `wal` (`file://`, the default) and `memory` (`memory://`); and the layers around them: `layers`
//! (tracing, `enable_tracing`). `archive` lets backups be verified without a store. All are on by default. `s3` takes
//! backups to buckets and back (`s3://bucket/prefix`); it brings an HTTP client, and is off. `sqlite` (`sqlite://PATH`) brings
//! SQLite itself, compiled in, and is off; so is `postgres` (`postgresql://user@host/database`), which brings a driver and TLS.
//!
//! # Configuration
//!
//! A connection string, TOML, the environment and a builder say the same things and are checked by the same list of options;
//! the [`config`](core::config) module of the core tells their rules.
//!
//! ```standalone_crate
//! # #[cfg(all(feature = "wal", feature = "layers"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> proximadb_meta::core::Result<()> {
//! use proximadb_meta::core::{MetadataBackendConfig, MetadataBackendType};
//! use proximadb_meta::{MetadataBackendFactory, install, open};
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # std::env::set_current_dir(&dir).expect("the directory is there");
//!
//! // A connection string.
//! let by_uri = "file://./data/metadata?segment_bytes=16777216&enable_tracing=true";
//! let by_uri = MetadataBackendConfig::from_uri(by_uri, install()?)?;
//!
//! // TOML.
//! let toml = r#"
//!     [metadata_storage]
//!     backend_type = "wal"
//!     location = "./data/metadata"
//!
//!     [metadata_storage.options]
//!     segment_bytes = 16777216
//!     enable_tracing = true
//! "#;
//! assert_eq!(MetadataBackendConfig::from_toml(toml, install()?)?, by_uri);
//!
//! // The environment; of the process: core::config::process_environment().
//! let variables = [
//!     ("PXMETA_URI", "file://./data/metadata"),
//!     ("PXMETA_SEGMENT_BYTES", "16777216"),
//!     ("PXMETA_ENABLE_TRACING", "true"),
//! ];
//! let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
//! assert_eq!(MetadataBackendConfig::from_env(variables, install()?)?, Some(by_uri.clone()));
//!
//! // The builder.
//! let config = MetadataBackendConfig::builder(MetadataBackendType::WAL)
//!     .location("./data/metadata")
//!     .option("segment_bytes", 16_777_216)
//!     .option("enable_tracing", true)
//!     .build(install()?)?;
//! assert_eq!(config, by_uri);
//!
//! let catalog = open(config.clone()).await?;
//! catalog.close().await?;
//!
//! // Or where the kind is known apart from the configuration:
//! let catalog = MetadataBackendFactory::create_backend(MetadataBackendType::WAL, config).await?;
//! catalog.close().await?;
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "wal", feature = "layers")))]
//! # fn main() {}
//! ```

#![deny(clippy::expect_used)]

use std::sync::Arc;
use std::sync::OnceLock;

#[cfg(feature = "archive")]
pub use proximadb_meta_archive as archive;
pub use proximadb_meta_core as core;
#[cfg(feature = "layers")]
pub use proximadb_meta_layers as layers;
#[cfg(feature = "memory")]
pub use proximadb_meta_memory as memory;
#[cfg(feature = "postgres")]
pub use proximadb_meta_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use proximadb_meta_sqlite as sqlite;
#[cfg(feature = "wal")]
pub use proximadb_meta_wal as wal;

use proximadb_meta_core::registry::BackendRegistry;
use proximadb_meta_core::{MetadataBackend, MetadataBackendConfig, MetadataBackendType, Result};

/// Registers the backends and layers that this crate's features selected in the registry of the process. Idempotent.
///
/// # Errors
/// `Config` when somebody else registered one of their schemes, layers or options before.
pub fn install() -> Result<&'static BackendRegistry> {
    static DONE: OnceLock<Result<()>> = OnceLock::new();
    let registry = BackendRegistry::global();
    DONE.get_or_init(|| register(registry)).clone()?;
    Ok(registry)
}

fn register(registry: &BackendRegistry) -> Result<()> {
    #[cfg(feature = "memory")]
    proximadb_meta_memory::register(registry)?;
    #[cfg(feature = "postgres")]
    proximadb_meta_postgres::register(registry)?;
    #[cfg(feature = "sqlite")]
    proximadb_meta_sqlite::register(registry)?;
    #[cfg(feature = "wal")]
    proximadb_meta_wal::register(registry)?;
    #[cfg(feature = "layers")]
    proximadb_meta_layers::register(registry)?;
    let _ = registry;
    Ok(())
}

/// Installs, then connects by a connection string.
///
/// # Errors
/// As [`BackendRegistry::connect`].
pub async fn connect(uri: &str) -> Result<Arc<dyn MetadataBackend>> {
    install()?.connect(uri).await
}

/// Installs, then connects by a checked configuration.
///
/// # Errors
/// As [`BackendRegistry::open`].
pub async fn open(config: MetadataBackendConfig) -> Result<Arc<dyn MetadataBackend>> {
    install()?.open(config).await
}

/// Makes backends from a kind and a configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetadataBackendFactory;

impl MetadataBackendFactory {
    /// Installs, then connects by a checked configuration, whose backend must be of this kind.
    ///
    /// # Errors
    /// As [`BackendRegistry::create_backend`].
    pub async fn create_backend(
        backend_type: MetadataBackendType,
        config: MetadataBackendConfig,
    ) -> Result<Arc<dyn MetadataBackend>> {
        install()?.create_backend(backend_type, config).await
    }
}
