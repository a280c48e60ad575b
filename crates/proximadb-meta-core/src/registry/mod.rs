//! The registry: which backends and layers exist, which schemes choose them, which options they take.

mod known;
mod plugin;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use known::{KNOWN_BACKENDS, KnownBackend};
pub use plugin::{BackendPlugin, LayerPlugin, LocationKind};

use crate::backend::MetadataBackend;
use crate::config::{MetadataBackendConfig, OptionSpec, Options, is_scheme, quote, shorten};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Stack;
use crate::report::{Finding, SchemaAction, SchemaReport};
use crate::suggest::did_you_mean;
use crate::word::MetadataBackendType;
use known::how_to_get;

/// Backends by scheme and kind, and layers. There is no registration behind your back: call the crates' `register`, or the
/// umbrella's `install()`.
///
/// Layers are put around a backend in the order of their registration, the first one innermost; a layer whose options leave it
/// off is not there.
#[derive(Debug, Default)]
pub struct BackendRegistry {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Sorted by kind.
    backends: BTreeMap<MetadataBackendType, Arc<dyn BackendPlugin>>,
    layers: Vec<Arc<dyn LayerPlugin>>,
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

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a backend under its kind and all its schemes.
    ///
    /// # Errors
    /// `Config`, and nothing is added: its kind or one of its schemes is registered already, a scheme or an option cannot be
    /// declared, an option is declared twice or belongs to a registered layer.
    pub fn register(&self, plugin: Arc<dyn BackendPlugin>) -> Result<()> {
        let kind = plugin.backend_type();
        check_schemes(&*plugin)?;
        let names = check_options(plugin.options())?;
        let mut inner = self.write();
        if inner.backends.contains_key(&kind) {
            return Err(config(format!("the backend {kind:?} is registered already")));
        }
        if let Some(scheme) = plugin.schemes().iter().find(|s| inner.by_scheme(s).is_some()) {
            return Err(config(format!("the scheme {scheme:?} is registered already")));
        }
        for layer in &inner.layers {
            if let Some(name) = known::names(layer.options()).find(|n| names.contains(n)) {
                let owner = layer.name();
                return Err(config(format!("the option {name:?} of {kind:?} belongs to the layer {owner:?} already")));
            }
        }
        inner.backends.insert(kind, plugin);
        Ok(())
    }

    /// Adds a layer around the ones that are there.
    ///
    /// # Errors
    /// `Config`, and nothing is added: its name is registered already, an option cannot be declared, is declared twice or belongs
    /// to another layer or to a backend.
    pub fn register_layer(&self, plugin: Arc<dyn LayerPlugin>) -> Result<()> {
        let layer = plugin.name();
        let names = check_options(plugin.options())?;
        let mut inner = self.write();
        if inner.layers.iter().any(|l| l.name() == layer) {
            return Err(config(format!("the layer {layer:?} is registered already")));
        }
        let layers = inner.layers.iter().map(|l| (format!("the layer {:?}", l.name()), l.options()));
        let backends = inner.backends.iter().map(|(k, b)| (format!("the backend {k:?}"), b.options()));
        for (owner, options) in layers.chain(backends) {
            if let Some(name) = known::names(options).find(|n| names.contains(n)) {
                return Err(config(format!("the option {name:?} of the layer {layer:?} belongs to {owner} already")));
            }
        }
        inner.layers.push(plugin);
        Ok(())
    }

    /// Every registered scheme, sorted.
    #[must_use]
    pub fn schemes(&self) -> Vec<&'static str> {
        let mut schemes: Vec<_> = self.read().backends.values().flat_map(|p| p.schemes()).copied().collect();
        schemes.sort_unstable();
        schemes
    }

    /// Every registered backend, sorted by its kind: type, schemes, options.
    #[must_use]
    pub fn plugins(&self) -> Vec<Arc<dyn BackendPlugin>> {
        self.read().backends.values().cloned().collect()
    }

    /// Every registered layer, from the innermost to the outermost.
    #[must_use]
    pub fn layers(&self) -> Vec<Arc<dyn LayerPlugin>> {
        self.read().layers.clone()
    }

    /// The plugin of a scheme.
    #[must_use]
    pub fn plugin(&self, scheme: &str) -> Option<Arc<dyn BackendPlugin>> {
        self.read().by_scheme(scheme).cloned()
    }

    /// The plugin of a kind.
    #[must_use]
    pub fn backend(&self, kind: &str) -> Option<Arc<dyn BackendPlugin>> {
        self.read().backends.get(&MetadataBackendType::new(kind)).cloned()
    }

    /// Connects by a connection string: `file://./data/metadata`, `memory://`, `scheme://rest?option=value`.
    ///
    /// # Errors
    /// What [`MetadataBackendConfig::from_uri`] and [`open`](Self::open) give.
    pub async fn connect(&self, uri: &str) -> Result<Arc<dyn MetadataBackend>> {
        self.open(MetadataBackendConfig::from_uri(uri, self)?).await
    }

    /// Connects by a checked configuration whose backend is of this kind.
    ///
    /// # Errors
    /// `Config` when it is of another kind; and what [`open`](Self::open) gives.
    pub async fn create_backend(
        &self,
        backend_type: MetadataBackendType,
        config: MetadataBackendConfig,
    ) -> Result<Arc<dyn MetadataBackend>> {
        if *config.backend_type() != backend_type {
            let what = format!("the configuration is of the backend {:?}, not {backend_type:?}", config.backend_type());
            return Err(self::config(what));
        }
        self.open(config).await
    }

    /// Connects by a checked configuration: makes the layers that are on, connects the backend, puts the layers around it, and
    /// binds the handle to the configuration's namespace.
    ///
    /// # Errors
    /// `Config` when the configuration was checked against another registry and does not fit this one; what a layer finds wrong
    /// with its options, before anything is connected; and what the backend gives.
    pub async fn open(&self, config: MetadataBackendConfig) -> Result<Arc<dyn MetadataBackend>> {
        let plugin = self.plugin(config.scheme()).ok_or_else(|| self.unknown_scheme(config.scheme()))?;
        let plugins = self.layers();
        self.fits(&config, &*plugin, &plugins)?;
        let mut layers = Vec::new();
        for layer in &plugins {
            let options = Options::new("", "", layer.options(), config.values())?;
            layers.extend(layer.layer(&options)?);
        }
        let backend = plugin.connect(of_backend(&config, &*plugin)?).await?;
        let stack = layers.iter().fold(Stack::new(backend), |stack, layer| stack.layer(&**layer)).build();
        Ok(match config.namespace() {
            space if space.as_str().is_empty() => stack,
            space => stack.scoped(CallContext::in_namespace(space.clone())),
        })
    }

    /// The layout of the store of a checked configuration, which need not be open; or its change. No layer is around it.
    ///
    /// # Errors
    /// `Config` as [`open`](Self::open), and what [`BackendPlugin::schema`] gives.
    pub async fn schema(&self, config: &MetadataBackendConfig, action: SchemaAction) -> Result<SchemaReport> {
        let (plugin, options) = self.chosen(config)?;
        plugin.schema(options, action).await
    }

    /// What can be found out about the store of a checked configuration without opening it.
    ///
    /// # Errors
    /// `Config` as [`open`](Self::open).
    pub async fn examine(&self, config: &MetadataBackendConfig) -> Result<Vec<Finding>> {
        let (plugin, options) = self.chosen(config)?;
        Ok(plugin.examine(options).await)
    }

    /// Whether [`open`](Self::open) would make the store of a checked configuration, because there is none yet.
    ///
    /// # Errors
    /// `Config` as [`open`](Self::open).
    pub async fn would_create(&self, config: &MetadataBackendConfig) -> Result<bool> {
        let (plugin, options) = self.chosen(config)?;
        Ok(plugin.would_create(&options).await)
    }

    fn chosen(&self, config: &MetadataBackendConfig) -> Result<(Arc<dyn BackendPlugin>, Options)> {
        let plugin = self.plugin(config.scheme()).ok_or_else(|| self.unknown_scheme(config.scheme()))?;
        self.fits(config, &*plugin, &self.layers())?;
        let options = of_backend(config, &*plugin)?;
        Ok((plugin, options))
    }

    fn fits(
        &self,
        config: &MetadataBackendConfig,
        plugin: &dyn BackendPlugin,
        layers: &[Arc<dyn LayerPlugin>],
    ) -> Result<()> {
        let known: BTreeSet<_> =
            known::names(plugin.options()).chain(layers.iter().flat_map(|l| known::names(l.options()))).collect();
        let stranger = config.values().keys().find(|name| !known.contains(*name));
        if plugin.backend_type() == *config.backend_type() && stranger.is_none() {
            return Ok(());
        }
        let what = match stranger {
            Some(name) => format!("no registered layer or backend knows the option {name:?}"),
            None => format!("the scheme {:?} belongs to another backend", config.scheme()),
        };
        Err(self::config(what)
            .with_hint("the configuration was checked against another registry; check it against this one"))
    }

    pub(crate) fn unknown_scheme(&self, scheme: &str) -> Error {
        let schemes = self.schemes();
        let hint = how_to_get(|k| k.schemes.contains(&scheme));
        config(format!("no backend is registered for the scheme {}; registered: {}", quote(scheme), list(&schemes)))
            .with_hint(hint.unwrap_or_else(|| did_you_mean(shorten(scheme), schemes)))
    }

    pub(crate) fn unknown_kind(&self, kind: &str) -> Error {
        let plugins = self.plugins();
        let kinds: Vec<MetadataBackendType> = plugins.iter().map(|p| p.backend_type()).collect();
        let kinds: Vec<&str> = kinds.iter().map(MetadataBackendType::as_str).collect();
        let hint = match plugins.iter().find(|p| p.schemes().contains(&kind)) {
            Some(p) => Some(format!("{kind:?} is a scheme of the backend {:?}", p.backend_type())),
            None => how_to_get(|k| k.backend_type == kind),
        };
        config(format!("no backend of the type {} is registered; registered: {}", quote(kind), list(&kinds)))
            .with_hint(hint.unwrap_or_else(|| did_you_mean(shorten(kind), kinds)))
    }
}

impl Inner {
    fn by_scheme(&self, scheme: &str) -> Option<&Arc<dyn BackendPlugin>> {
        self.backends.values().find(|p| p.schemes().contains(&scheme))
    }
}

fn of_backend(config: &MetadataBackendConfig, plugin: &dyn BackendPlugin) -> Result<Options> {
    Options::new(config.scheme(), config.location(), plugin.options(), config.values())
}

fn config(what: String) -> Error {
    Error::new(ErrorKind::Config, what)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn check_schemes(plugin: &dyn BackendPlugin) -> Result<()> {
    let (schemes, kind) = (plugin.schemes(), plugin.backend_type());
    if schemes.is_empty() {
        return Err(config(format!("the backend {kind:?} has no scheme")));
    }
    match schemes.iter().enumerate().find(|(i, s)| !is_scheme(s) || schemes.iter().take(*i).any(|e| e == *s)) {
        Some((_, scheme)) => Err(config(format!("the scheme {scheme:?} of {kind:?} is no scheme, or declared twice"))),
        None => Ok(()),
    }
}

fn check_options(specs: &'static [OptionSpec]) -> Result<BTreeSet<&'static str>> {
    let mut names = BTreeSet::new();
    for spec in specs {
        spec.check_declaration()?;
        if !names.insert(spec.name) {
            return Err(config(format!("the option {:?} is declared twice", spec.name)));
        }
    }
    Ok(names)
}
