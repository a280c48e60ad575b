//! Where the catalog is: `--uri`, else the environment, else `proximadb-meta.toml`, else the embedded default.

use std::path::{Path, PathBuf};

use proximadb_meta::core::config::{MetadataBackendConfig, Sources, process_environment};
use proximadb_meta::core::{Namespace, Result};

/// Where the catalog is when nobody says.
const DEFAULT: &str = "file://./data/metadata";
/// The file that is looked for in the working directory.
const FILE: &str = "proximadb-meta.toml";

/// A checked configuration.
pub(crate) struct Address(MetadataBackendConfig);

impl Address {
    /// The first door that was used holds alone: `uri`, `PXMETA_*`, the file that is named or lies here, the default.
    pub(crate) fn resolve(uri: Option<&str>, file: Option<&Path>) -> Result<Self> {
        let here = Path::new(FILE);
        // A file that is named must be there; the one in the working directory may be.
        let file = file.or_else(|| here.exists().then_some(here));
        let sources = Sources { uri, variables: process_environment()?, file, default: DEFAULT };
        Ok(Self(MetadataBackendConfig::resolve(sources, proximadb_meta::install()?)?))
    }

    pub(crate) fn config(&self) -> &MetadataBackendConfig {
        &self.0
    }

    /// The namespace that was asked for, or else the configured one.
    pub(crate) fn namespace(&self, asked: Option<&str>) -> Result<Namespace> {
        asked.map_or_else(|| Ok(self.0.namespace().clone()), Namespace::new)
    }

    /// Whether everything is gone when the process ends.
    pub(crate) fn is_volatile(&self) -> bool {
        self.0.scheme() == "memory"
    }

    /// Whether the location is a path of this machine.
    pub(crate) fn is_path(&self) -> bool {
        matches!(self.0.scheme(), "file" | "sqlite")
    }

    /// The directory in which the embedded log would make a new catalog, if that is what opening it would do.
    pub(crate) fn would_be_new(&self) -> Option<PathBuf> {
        let path = Path::new(self.0.location());
        (self.0.scheme() == "file" && proximadb_meta::wal::would_create(path)).then(|| path.to_owned())
    }
}
