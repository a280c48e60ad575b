//! The plugin: `file://PATH`, relative (`file://./data/metadata`) or absolute (`file:///var/lib/metadata`), a blank as `%20`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::report::Finding;
use proximadb_meta_core::{Capabilities, MetadataBackend, MetadataBackendType, Result};

use crate::driver::SEGMENT_BYTES;
use crate::storage::FileStorage;

const OPTIONS: &[OptionSpec] = &[OptionSpec::integer(
    "segment_bytes",
    64 * 1024,
    1024 * 1024 * 1024,
    "a log segment that grows over this many bytes is followed by the next",
)
.with_default("67108864")];

/// Registers the backend for the scheme `file`.
///
/// # Errors
/// `Config` when the scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new(WalPlugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct WalPlugin;

#[async_trait]
impl BackendPlugin for WalPlugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::WAL
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["file"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn location(&self) -> LocationKind {
        LocationKind::Path
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(crate::driver::capabilities())
    }

    async fn would_create(&self, options: &Options) -> bool {
        let directory = PathBuf::from(options.rest());
        tokio::task::spawn_blocking(move || crate::would_create(&directory)).await.unwrap_or(false)
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        let segment_bytes = options.integer("segment_bytes")?.unwrap_or(SEGMENT_BYTES);
        Ok(crate::open_with(options.rest(), segment_bytes).await?.into_backend())
    }

    async fn examine(&self, options: Options) -> Vec<Finding> {
        let storage = FileStorage::new(options.rest());
        let segment_bytes = options.integer("segment_bytes").ok().flatten().unwrap_or(SEGMENT_BYTES);
        let looked = tokio::task::spawn_blocking(move || crate::look::closed(&storage, segment_bytes)).await;
        looked.unwrap_or_else(|e| {
            let fix = "look at the directory with pxmeta wal verify";
            vec![Finding::warning("directory", format!("the looking thread ended early: {e}"), fix)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_one_of_open() {
        assert_eq!(OPTIONS[0].default, Some(SEGMENT_BYTES.to_string().as_str()));
    }
}
