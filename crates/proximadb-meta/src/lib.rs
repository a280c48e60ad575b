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
//! Features pick backends: `wal` (`file://`, the default) and `memory` (`memory://`). Both are on by default.

use std::sync::Arc;
use std::sync::OnceLock;

pub use proximadb_meta_core as core;
#[cfg(feature = "memory")]
pub use proximadb_meta_memory as memory;
#[cfg(feature = "wal")]
pub use proximadb_meta_wal as wal;

use proximadb_meta_core::registry::BackendRegistry;
use proximadb_meta_core::{MetadataBackend, Result};

/// Registers the backends that this crate's features selected in the registry of the process. Idempotent.
///
/// # Errors
/// `Config` when somebody else registered one of their schemes before.
pub fn install() -> Result<&'static BackendRegistry> {
    static DONE: OnceLock<Result<()>> = OnceLock::new();
    let registry = BackendRegistry::global();
    DONE.get_or_init(|| register(registry)).clone()?;
    Ok(registry)
}

fn register(registry: &BackendRegistry) -> Result<()> {
    #[cfg(feature = "memory")]
    proximadb_meta_memory::register(registry)?;
    #[cfg(feature = "wal")]
    proximadb_meta_wal::register(registry)?;
    let _ = registry;
    Ok(())
}

/// Installs, then connects by a connection string.
///
/// # Errors
/// As [`BackendRegistry::connect`].
pub async fn connect(connection: &str) -> Result<Arc<dyn MetadataBackend>> {
    install()?.connect(connection).await
}
