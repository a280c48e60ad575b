//! The plugin: `file://PATH`, relative (`file://./data/metadata`) or absolute (`file:///var/lib/metadata`).

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry};
use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, MetadataBackendType, Result};

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
        &[]
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        if options.rest().is_empty() {
            return Err(Error::new(ErrorKind::Config, "file:// needs a directory").with_hint("file://./data/metadata"));
        }
        Ok(crate::open(options.rest()).await?.into_backend())
    }
}
