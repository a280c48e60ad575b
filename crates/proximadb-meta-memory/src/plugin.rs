//! The plugin: `memory://`, a new empty catalog at each connect.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::{Capabilities, MetadataBackend, MetadataBackendType, Result};

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

    fn location(&self) -> LocationKind {
        LocationKind::None
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(crate::driver::capabilities())
    }

    async fn connect(&self, _options: Options) -> Result<Arc<dyn MetadataBackend>> {
        Ok(crate::memory().into_backend())
    }
}
