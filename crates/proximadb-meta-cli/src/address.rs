//! Where the catalog is: `--uri`, else the environment, else `proximadb-meta.toml`, else the embedded default.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta::core::config::{Door, MetadataBackendConfig, OptionValue, Sources, process_environment};
use proximadb_meta::core::registry::{BackendPlugin, LocationKind};
use proximadb_meta::core::{Error, ErrorKind, Namespace, Result};

/// Where the catalog is when nobody says.
const DEFAULT: &str = "file://./data/metadata";
/// The file that is looked for in the working directory.
const FILE: &str = "proximadb-meta.toml";

/// A checked configuration.
pub(crate) struct Address {
    config: MetadataBackendConfig,
    /// The backend that it chose: what is particular to a backend is asked of it.
    plugin: Arc<dyn BackendPlugin>,
    /// What said it.
    origin: String,
}

impl Address {
    /// The first door that was used holds alone: `uri`, `PXMETA_*`, the file that is named or lies here, the default.
    pub(crate) fn resolve(uri: Option<&str>, file: Option<&Path>) -> Result<Self> {
        let here = Path::new(FILE);
        // A file that is named must be there; the one in the working directory may be.
        let file = file.or_else(|| here.exists().then_some(here));
        let named = file.map(|f| format!("from {}", f.display()));
        let sources = Sources { uri, variables: process_environment()?, file, default: DEFAULT };
        let registry = proximadb_meta::install()?;
        let config = MetadataBackendConfig::resolve(sources, registry)?;
        let plugin = registry
            .plugin(config.scheme())
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a checked configuration has no backend"))?;
        let origin = match (uri, config.door()) {
            (Some(_), _) => "from --uri".to_owned(),
            (None, Door::Environment) => "from the environment (PXMETA_*)".to_owned(),
            (None, Door::Toml) => named.unwrap_or_else(|| "from TOML".to_owned()),
            (None, _) => "the default".to_owned(),
        };
        Ok(Self { config, plugin, origin })
    }

    pub(crate) fn config(&self) -> &MetadataBackendConfig {
        &self.config
    }

    /// What said where the catalog is, for people.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The namespace that was asked for, or else the configured one.
    pub(crate) fn namespace(&self, asked: Option<&str>) -> Result<Namespace> {
        asked.map_or_else(|| Ok(self.config.namespace().clone()), Namespace::new)
    }

    /// Refuses a catalog that opening would have to make.
    pub(crate) async fn must_be_there(&self) -> Result<()> {
        if !self.would_be_new().await? {
            return Ok(());
        }
        let shown = if self.is_path() { self.config.location().to_owned() } else { self.config.redacted() };
        Err(Error::new(ErrorKind::NotFound, format!("there is no catalog at {shown}")).with_hint(
            "import, create, restore and copy make one; --uri, PXMETA_URI or proximadb-meta.toml names another",
        ))
    }

    /// Whether opening would make a new catalog.
    pub(crate) async fn would_be_new(&self) -> Result<bool> {
        proximadb_meta::install()?.would_create(&self.config).await
    }

    /// Whether the configuration itself asks for traces of each call.
    pub(crate) fn is_traced(&self) -> bool {
        self.config.option("enable_tracing").is_some_and(|v| v.to_string() == "true")
    }

    /// The options that say where the catalog is, beside the location, in the order of the backend's declaration.
    pub(crate) fn locating_options(&self) -> Vec<Option<&OptionValue>> {
        let options = self.plugin.options().iter().filter(|o| o.locates);
        options.map(|o| self.config.option(o.name)).collect()
    }

    /// Whether each opening finds a new, empty catalog, which is gone afterwards.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.plugin.is_ephemeral()
    }

    /// Whether the store may know backups in a format of its own; where only the open store could tell, it may.
    pub(crate) fn may_have_own_backups(&self) -> bool {
        self.plugin.capabilities().is_none_or(|c| c.native_backup)
    }

    /// Whether the location is a path of this machine.
    pub(crate) fn is_path(&self) -> bool {
        self.plugin.location() == LocationKind::Path
    }
}
