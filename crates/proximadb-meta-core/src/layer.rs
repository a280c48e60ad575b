//! Layers: wrappers over the trait, written once for every backend.

use std::fmt::Debug;
use std::sync::Arc;

use crate::backend::MetadataBackend;

/// Wraps a backend; a [`LayerPlugin`](crate::registry::LayerPlugin) makes one from a configuration. A layer forwards every method, `scoped` included (the scope is wrapped again), and carries
/// `#[deny(clippy::missing_trait_methods)]` on its `impl MetadataBackend`, so that a new defaulted method breaks its build
/// instead of silently answering "unsupported". It overrides `capabilities()` when it changes them.
pub trait MetadataLayer: Send + Sync + Debug {
    /// The wrapped backend.
    fn layer(&self, inner: Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend>;
}

/// Builds a stack: the last layer added is the outermost, asked first.
#[derive(Debug)]
pub struct Stack(Arc<dyn MetadataBackend>);

impl Stack {
    /// Starts with a backend.
    #[must_use]
    pub fn new(backend: Arc<dyn MetadataBackend>) -> Self {
        Self(backend)
    }

    /// Puts a layer around what is there.
    #[must_use]
    pub fn layer(self, layer: &dyn MetadataLayer) -> Self {
        Self(layer.layer(self.0))
    }

    /// The finished stack.
    #[must_use]
    pub fn build(self) -> Arc<dyn MetadataBackend> {
        self.0
    }
}
