//! Backends that connect to nothing and say how they were configured, layers that say where they are in the stack.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::driver::{Applied, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::registry::{BackendPlugin, LayerPlugin, LocationKind};
use proximadb_meta_core::report::{BackendStats, Descriptor, Health};
use proximadb_meta_core::{
    BackendRegistry, BatchLimits, Call, Capabilities, CollectionMetadata, Contract, Driver, Durability, Error,
    ErrorKind, MetadataBackend, MetadataBackendType, MetadataLayer, Result,
};

/// A store that has nothing but a description.
pub(crate) struct Nothing(Descriptor);

fn nothing<T>() -> Result<T> {
    Err(Error::unsupported("there is nothing here"))
}

impl Driver for Nothing {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::mandatory(BatchLimits { ops: 1, items: 1, bytes: 1 }, Durability::Volatile)
    }

    async fn get(&self, call: &Call, _key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        // Tells the namespace of the handle.
        Err(Error::new(ErrorKind::NotFound, call.namespace.as_str()))
    }

    async fn apply(&self, _call: &Call, _unit: Prepared) -> Result<Applied> {
        nothing()
    }

    async fn scan(&self, _call: &Call, _scan: Scan) -> Result<Scanned> {
        nothing()
    }

    async fn mark_restoring(&self, _call: &Call, _on: bool) -> Result<()> {
        nothing()
    }

    async fn stats(&self, _call: &Call) -> Result<BackendStats> {
        nothing()
    }

    async fn health(&self, _call: &Call) -> Result<Health> {
        nothing()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn backend(kind: MetadataBackendType, location: String) -> Arc<dyn MetadataBackend> {
    Contract::new(Nothing(Descriptor::new(kind, "fake", location))).into_backend()
}

/// A backend for its options.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) kind: MetadataBackendType,
    pub(crate) schemes: &'static [&'static str],
    pub(crate) options: &'static [OptionSpec],
    pub(crate) location: LocationKind,
}

#[async_trait]
impl BackendPlugin for Fake {
    fn backend_type(&self) -> MetadataBackendType {
        self.kind.clone()
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn options(&self) -> &'static [OptionSpec] {
        self.options
    }

    fn location(&self) -> LocationKind {
        self.location
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        Ok(backend(self.kind.clone(), format!("{}|{}", options.scheme(), options.redacted_location())))
    }
}

/// A layer that is on when its first option says so, and shows in the location of what it wraps.
#[derive(Debug)]
pub(crate) struct FakeLayer {
    pub(crate) name: &'static str,
    pub(crate) options: &'static [OptionSpec],
}

impl LayerPlugin for FakeLayer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self) -> &'static [OptionSpec] {
        self.options
    }

    fn layer(&self, options: &Options) -> Result<Option<Arc<dyn MetadataLayer>>> {
        let on = match self.options.first() {
            Some(switch) => options.bool(switch.name)?.unwrap_or(false),
            None => true,
        };
        Ok(on.then(|| Arc::new(Around(self.name)) as Arc<dyn MetadataLayer>))
    }
}

#[derive(Debug)]
struct Around(&'static str);

impl MetadataLayer for Around {
    fn layer(&self, inner: Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend> {
        let descriptor = inner.descriptor();
        backend(descriptor.backend, format!("{}({})", self.0, descriptor.location))
    }
}

pub(crate) const POSTGRES: &[OptionSpec] = &[
    OptionSpec::integer("pool_size", 1, 1000, "connections held open").with_default("10"),
    OptionSpec::seconds("timeout_seconds", "how long a call may take").with_default("30"),
    OptionSpec::bool("ssl_enabled", "whether connections are encrypted").with_default("true"),
    OptionSpec::bool("enable_read_replicas", "whether reads that allow staleness go to replicas").with_default("false"),
    OptionSpec::list("read_replica_endpoints", "host:port of each replica"),
    OptionSpec::text("application_name", "how the server lists the connections"),
    OptionSpec::secret("password", "the password, where it is not in the connection string"),
];

pub(crate) const DYNAMO: &[OptionSpec] = &[
    OptionSpec::text("access_key", "who we are"),
    OptionSpec::secret("secret_key", "the key that proves it"),
    OptionSpec::secret("session_token", "the token of a temporary key"),
];

pub(crate) const CACHE: &[OptionSpec] = &[
    OptionSpec::bool("enable_caching", "whether point reads are cached").with_default("false"),
    OptionSpec::seconds("cache_ttl_seconds", "how long an entry lives").with_default("60"),
];

/// The kinds of the requirement, all of them fakes.
pub(crate) fn backends() -> Vec<Fake> {
    let fake = |kind, schemes, options, location| Fake { kind, schemes, options, location };
    vec![
        fake(MetadataBackendType::WAL, &["file"], &[], LocationKind::Path),
        fake(MetadataBackendType::MEMORY, &["memory"], &[], LocationKind::None),
        fake(MetadataBackendType::SQLITE, &["sqlite"], &[], LocationKind::Path),
        fake(MetadataBackendType::POSTGRESQL, &["postgresql", "postgres"], POSTGRES, LocationKind::Address),
        fake(MetadataBackendType::DYNAMODB, &["dynamodb"], DYNAMO, LocationKind::Address),
        fake(MetadataBackendType::MONGODB, &["mongodb", "mongodb+srv"], &[], LocationKind::Address),
    ]
}

/// A registry with all of them, and no layer.
pub(crate) fn without_layers() -> BackendRegistry {
    let registry = BackendRegistry::new();
    for fake in backends() {
        registry.register(Arc::new(fake)).expect("registers");
    }
    registry
}

/// A registry with all of them and the cache.
pub(crate) fn registry() -> BackendRegistry {
    let registry = without_layers();
    registry.register_layer(Arc::new(FakeLayer { name: "cache", options: CACHE })).expect("registers");
    registry
}

/// Message and hint of an error that must be of the kind `Config`.
pub(crate) fn told(e: &Error) -> String {
    assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
    format!("{e} | {}", e.hint().unwrap_or(""))
}

/// That an error says all of these.
pub(crate) fn says(e: &Error, words: &[&str], about: &str) {
    let text = told(e);
    for word in words {
        assert!(text.contains(word), "{about}: {word:?} is not in {text:?}");
    }
}
