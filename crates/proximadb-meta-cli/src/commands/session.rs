//! An open catalog and everything a command needs besides.

use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::context::CallContext;
use proximadb_meta::core::{MetadataBackend, Namespace, Result, Stack};
use proximadb_meta::layers::TracingLayer;

use crate::address::Address;
use crate::args::Format;
use crate::stop::Stop;
use crate::talk::Talk;

/// A connected catalog, bound to the namespace.
pub(crate) struct Session {
    pub(crate) catalog: Arc<dyn MetadataBackend>,
    pub(crate) format: Format,
    pub(crate) talk: Talk,
    pub(crate) stop: Stop,
}

impl Session {
    /// Opens the catalog. Only a command that `makes` one may find none.
    pub(super) async fn open(
        address: &Address,
        namespace: Namespace,
        makes: bool,
        format: Format,
        talk: Talk,
        stop: Stop,
    ) -> Result<Self> {
        if !makes {
            address.must_be_there().await?;
        }
        tracing::debug!(address = address.config().redacted(), door = ?address.config().door(), "opening");
        let start = Instant::now();
        let mut backend = proximadb_meta::open(address.config().clone()).await?;
        // With -v each call shows itself, unless the configuration lets it do so already.
        if tracing::enabled!(tracing::Level::INFO) && !address.is_traced() {
            backend = Stack::new(backend).layer(&TracingLayer).build();
        }
        let descriptor = backend.descriptor();
        let namespace_name = namespace.as_str().to_owned();
        tracing::info!(
            backend = descriptor.label,
            location = descriptor.location,
            namespace = namespace_name,
            elapsed_us = start.elapsed().as_micros(),
            "opened"
        );
        if makes && address.is_ephemeral() {
            talk.say(format_args!("{}:// is forgotten when this command ends", address.config().scheme()));
        }
        Ok(Self { catalog: backend.scoped(CallContext::in_namespace(namespace)), format, talk, stop })
    }

    /// Finishes what was accepted and releases the store.
    pub(super) async fn close(self) -> Result<()> {
        self.catalog.close().await?;
        tracing::debug!("closed");
        Ok(())
    }

    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        self.talk.say(text);
    }
}
