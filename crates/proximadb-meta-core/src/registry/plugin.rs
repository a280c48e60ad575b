//! What a crate exports so that a configuration can choose it: the plugin of a backend, the plugin of a layer.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::MetadataBackend;
use crate::capability::Capabilities;
use crate::config::{OptionSpec, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::layer::MetadataLayer;
use crate::report::{Finding, SchemaAction, SchemaReport};
use crate::word::MetadataBackendType;

/// What follows `scheme://` for a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocationKind {
    /// Nothing: `memory://`. Anything else is refused.
    None,
    /// A path, not empty. In a connection string it is percent-encoded, and decoded before the plugin gets it.
    Path,
    /// Hosts, user, database, region, table: the plugin gets it as it was written and lets its driver parse it.
    Address,
}

/// What a backend crate exports: its kind, its schemes, its options, and how to connect.
#[async_trait]
pub trait BackendPlugin: Send + Sync + Debug {
    /// The kind.
    fn backend_type(&self) -> MetadataBackendType;

    /// The schemes of connection strings that choose it, without `://`. At least one; the first is the usual one.
    fn schemes(&self) -> &'static [&'static str];

    /// Every option it takes. What is not here is refused.
    fn options(&self) -> &'static [OptionSpec];

    /// What follows the scheme.
    fn location(&self) -> LocationKind {
        LocationKind::Address
    }

    /// What every store of this backend can do; `None` where only an open store knows.
    fn capabilities(&self) -> Option<Capabilities> {
        None
    }

    /// Whether each [`connect`](Self::connect) makes an empty store of its own, which nobody else can reach and which is gone when
    /// it is closed. By default: whether nothing follows the scheme by which a store could be found again.
    fn is_ephemeral(&self) -> bool {
        self.location() == LocationKind::None
    }

    /// Whether [`connect`](Self::connect) would make the store, because there is none yet. Tools ask before they open what they
    /// only want to read. Changes nothing; where it cannot be told, the answer is no. By default no: a server is there or not, and
    /// a store that is ephemeral holds nothing in any case.
    async fn would_create(&self, options: &Options) -> bool {
        let _ = options;
        false
    }

    /// Connects. The options were checked against [`options`](Self::options). No secret may be in an error.
    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>>;

    /// The layout of a store that is not open. By default it is connected, asked and closed; a store that is not there is not
    /// made by looking at it. A backend whose [`connect`](Self::connect) brings the layout up to date overrides this: a status or
    /// a plan changes nothing.
    ///
    /// # Errors
    /// As [`MetadataBackend::schema`] and [`connect`](Self::connect); `NotFound` where a status or a plan finds no store.
    async fn schema(&self, options: Options, action: SchemaAction) -> Result<SchemaReport> {
        if action != SchemaAction::Apply && self.would_create(&options).await {
            let what = format!("there is no catalog at {}", options.redacted_location());
            return Err(Error::new(ErrorKind::NotFound, what)
                .with_hint("the first write, restore or copy makes it; or name another location"));
        }
        let backend = self.connect(options).await?;
        let report = backend.schema(action).await;
        let closed = backend.close().await;
        let report = report?;
        closed?;
        Ok(report)
    }

    /// What can be found out about a store without opening it: for one that does not open, or that another process has open.
    /// Changes nothing. By default nothing can be found out.
    async fn examine(&self, options: Options) -> Vec<Finding> {
        let _ = options;
        Vec::new()
    }
}

/// What a crate with a layer exports: the layer's name, its options, and how to make it.
///
/// Its options are read wherever a backend's are: in a connection string, in TOML, in the environment, in the builder.
pub trait LayerPlugin: Send + Sync + Debug {
    /// The name, for errors (`"tracing"`).
    fn name(&self) -> &'static str;

    /// Every option it takes. No other layer and no backend may have one of the same name.
    fn options(&self) -> &'static [OptionSpec];

    /// The layer for these options; `None` when they leave it off.
    ///
    /// # Errors
    /// `Config` for options that do not go together.
    fn layer(&self, options: &Options) -> Result<Option<Arc<dyn MetadataLayer>>>;
}
