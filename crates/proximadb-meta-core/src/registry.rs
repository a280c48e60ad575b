//! The registry of backends: which kinds exist, which schemes choose them, which options they take.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use async_trait::async_trait;

use crate::backend::MetadataBackend;
use crate::config::{ConnectionString, OptionSpec, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::suggest::did_you_mean;
use crate::word::MetadataBackendType;

/// What a backend crate exports: its kind, its schemes, its options, and how to connect.
#[async_trait]
pub trait BackendPlugin: Send + Sync + Debug {
    /// The kind.
    fn backend_type(&self) -> MetadataBackendType;
    /// The schemes of connection strings that choose it, without `://`.
    fn schemes(&self) -> &'static [&'static str];
    /// Every option it takes. What is not here is refused.
    fn options(&self) -> &'static [OptionSpec];
    /// Connects. The options were checked against [`options`](Self::options).
    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>>;
}

/// Backends by scheme and kind. There is no registration behind your back: call the backend crates' `register`, or the umbrella's
/// `install()`.
#[derive(Debug, Default)]
pub struct BackendRegistry {
    plugins: RwLock<BTreeMap<&'static str, Arc<dyn BackendPlugin>>>,
}

static GLOBAL: LazyLock<BackendRegistry> = LazyLock::new(BackendRegistry::new);

impl BackendRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry of the process.
    #[must_use]
    pub fn global() -> &'static Self {
        &GLOBAL
    }

    /// Adds a backend under all its schemes.
    ///
    /// # Errors
    /// `Config` when one of its schemes or its kind is registered already; then nothing is added.
    pub fn register(&self, plugin: Arc<dyn BackendPlugin>) -> Result<()> {
        let mut plugins = self.plugins.write().unwrap_or_else(PoisonError::into_inner);
        for scheme in plugin.schemes() {
            if plugins.contains_key(scheme) {
                return Err(Error::new(ErrorKind::Config, format!("the scheme {scheme:?} is registered already")));
            }
        }
        if plugins.values().any(|p| p.backend_type() == plugin.backend_type()) {
            let kind = plugin.backend_type();
            return Err(Error::new(ErrorKind::Config, format!("the backend {kind:?} is registered already")));
        }
        for scheme in plugin.schemes() {
            plugins.insert(scheme, plugin.clone());
        }
        Ok(())
    }

    /// Every registered scheme, sorted.
    #[must_use]
    pub fn schemes(&self) -> Vec<&'static str> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The plugin of a scheme.
    #[must_use]
    pub fn plugin(&self, scheme: &str) -> Option<Arc<dyn BackendPlugin>> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).get(scheme).cloned()
    }

    /// Connects by a connection string: `file://./data/metadata`, `memory://`, `scheme://rest?option=value`.
    ///
    /// # Errors
    /// `Config` for a string without scheme, a scheme that is not registered, an unknown option or a value of the wrong type;
    /// and what the backend gives.
    pub async fn connect(&self, connection: &str) -> Result<Arc<dyn MetadataBackend>> {
        let parsed = ConnectionString::parse(connection)?;
        let plugin = self.plugin(parsed.scheme()).ok_or_else(|| self.unknown(parsed.scheme()))?;
        plugin.connect(parsed.options(plugin.options())?).await
    }

    fn unknown(&self, scheme: &str) -> Error {
        let hint = match scheme {
            "sqlite" | "postgresql" | "postgres" | "dynamodb" | "mongodb" => {
                format!("this release has no {scheme} backend; registered: {}", self.schemes().join(", "))
            }
            _ => did_you_mean(scheme, self.schemes()),
        };
        Error::new(ErrorKind::Config, format!("no backend is registered for the scheme {scheme:?}")).with_hint(hint)
    }
}
