//! The plugin: `shelf://`, a new empty catalog at each connect.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, MetadataBackendType, Result};

const OPTIONS: &[OptionSpec] =
    &[OptionSpec::integer("capacity", 1, u32::MAX as u64, "most records a namespace takes").with_default("100000")];

/// Registers the backend for the scheme `shelf`.
///
/// # Errors
/// `Config` when the scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new(ShelfPlugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShelfPlugin;

#[async_trait]
impl BackendPlugin for ShelfPlugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::new("shelf")
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["shelf"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn location(&self) -> LocationKind {
        LocationKind::None
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        let capacity = options.integer("capacity")?.and_then(|n| usize::try_from(n).ok());
        let capacity =
            capacity.ok_or_else(|| Error::new(ErrorKind::Config, "capacity is too large for this machine"))?;
        Ok(crate::shelf(capacity).into_backend())
    }
}
