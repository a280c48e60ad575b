//! The plugin: `{{scheme}}://LOCATION`.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry};
use proximadb_meta_core::{MetadataBackend, MetadataBackendType, Result};

use crate::config::{Config, OPTIONS};

/// Registers the backend for the scheme `{{scheme}}`.
///
/// # Errors
/// `Config` when the scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new({{Type}}Plugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct {{Type}}Plugin;

#[async_trait]
impl BackendPlugin for {{Type}}Plugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::new("{{scheme}}")
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["{{scheme}}"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        Ok(crate::open(Config::from_options(&options)?).await?.into_backend())
    }
}
