//! Where the catalog is: `--uri`, else the environment, else `proximadb-meta.toml`, else the embedded default.

use std::path::{Path, PathBuf};

use proximadb_meta::core::config::{Door, MetadataBackendConfig, Sources, process_environment};
use proximadb_meta::core::{Error, ErrorKind, Namespace, Result};

/// Where the catalog is when nobody says.
const DEFAULT: &str = "file://./data/metadata";
/// The file that is looked for in the working directory.
const FILE: &str = "proximadb-meta.toml";

/// A checked configuration.
pub(crate) struct Address {
    config: MetadataBackendConfig,
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
        let config = MetadataBackendConfig::resolve(sources, proximadb_meta::install()?)?;
        let origin = match (uri, config.door()) {
            (Some(_), _) => "from --uri".to_owned(),
            (None, Door::Environment) => "from the environment (PXMETA_*)".to_owned(),
            (None, Door::Toml) => named.unwrap_or_else(|| "from TOML".to_owned()),
            (None, _) => "the default".to_owned(),
        };
        Ok(Self { config, origin })
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
    pub(crate) fn must_be_there(&self) -> Result<()> {
        let Some(directory) = self.would_be_new() else { return Ok(()) };
        let what = format!("there is no catalog at {}", directory.display());
        Err(Error::new(ErrorKind::NotFound, what)
            .with_hint("import, create and restore make one; --uri, PXMETA_URI or proximadb-meta.toml names another"))
    }

    /// Whether the configuration itself asks for traces of each call.
    pub(crate) fn is_traced(&self) -> bool {
        self.config.option("enable_tracing").is_some_and(|v| v.to_string() == "true")
    }

    /// Whether everything is gone when the process ends.
    pub(crate) fn is_volatile(&self) -> bool {
        self.config.scheme() == "memory"
    }

    /// The directory in which the embedded log would make a new catalog, if that is what opening it would do.
    pub(crate) fn would_be_new(&self) -> Option<PathBuf> {
        let path = Path::new(self.config.location());
        (self.config.scheme() == "file" && proximadb_meta::wal::would_create(path)).then(|| path.to_owned())
    }
}
