//! The plugins: which options put which layer around a backend.

use std::sync::Arc;

use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendRegistry, LayerPlugin};
use proximadb_meta_core::{MetadataLayer, Result};

use crate::trace::TracingLayer;

/// Registers every layer of this crate, from the innermost to the outermost.
///
/// # Errors
/// `Config` when a layer or one of its options is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register_layer(Arc::new(TracingPlugin))
}

/// The plugin of [`TracingLayer`]: `enable_tracing = true`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingPlugin;

const TRACING: &[OptionSpec] =
    &[OptionSpec::bool("enable_tracing", "whether each call is a tracing span").with_default("false")];

impl LayerPlugin for TracingPlugin {
    fn name(&self) -> &'static str {
        "tracing"
    }

    fn options(&self) -> &'static [OptionSpec] {
        TRACING
    }

    fn layer(&self, options: &Options) -> Result<Option<Arc<dyn MetadataLayer>>> {
        Ok(match options.bool("enable_tracing")? {
            Some(true) => Some(Arc::new(TracingLayer)),
            _ => None,
        })
    }
}
