//! The plugin: `memory://`, a new empty catalog at each connect.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry};
use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, MetadataBackendType, Result};

/// Registers the backend for the scheme `memory`.
///
/// # Errors
/// `Config` when the scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new(MemoryPlugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryPlugin;

#[async_trait]
impl BackendPlugin for MemoryPlugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::MEMORY
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["memory"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        if !options.rest().is_empty() {
            return Err(Error::new(ErrorKind::Config, "memory:// takes nothing after the slashes"));
        }
        Ok(crate::memory().into_backend())
    }
}
