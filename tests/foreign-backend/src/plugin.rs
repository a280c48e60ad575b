//! The plugin: `shelf://`, a new empty catalog at each connect.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionKind, OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry};
use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, MetadataBackendType, Result};

const OPTIONS: &[OptionSpec] = &[OptionSpec {
    name: "capacity",
    kind: OptionKind::Integer,
    secret: false,
    default: Some("100000"),
    doc: "most records a namespace takes",
}];

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

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        if !options.rest().is_empty() {
            return Err(Error::new(ErrorKind::Config, "shelf:// takes nothing after the slashes but options"));
        }
        let capacity = options.get("capacity").and_then(|n| n.parse().ok());
        let capacity =
            capacity.ok_or_else(|| Error::new(ErrorKind::Config, "capacity is too large for this machine"))?;
        Ok(crate::shelf(capacity).into_backend())
    }
}
