//! Where the catalog is: `--uri`, else the variable `PXMETA_URI`, else the embedded default.

use std::env::VarError;
use std::path::{Path, PathBuf};

use proximadb_meta::core::config::ConnectionString;
use proximadb_meta::core::{Error, ErrorKind, Result};

/// Where the catalog is when nobody says.
const DEFAULT: &str = "file://./data/metadata";
const VARIABLE: &str = "PXMETA_URI";
/// What the embedded log leaves in a directory in which it never got as far as a catalog.
const BEFORE_A_CATALOG: [&str; 2] = ["LOCK", "FORMAT.tmp"];

/// A connection string. It may hold a password: it is never shown, only its scheme is.
pub(crate) struct Address {
    uri: String,
    scheme: String,
}

impl Address {
    /// An empty variable counts as not set.
    pub(crate) fn resolve(option: Option<&str>) -> Result<Self> {
        let uri = match (option, std::env::var(VARIABLE)) {
            (Some(uri), _) => uri.to_owned(),
            (None, Ok(uri)) if !uri.is_empty() => uri,
            (None, Ok(_) | Err(VarError::NotPresent)) => DEFAULT.to_owned(),
            (None, Err(VarError::NotUnicode(_))) => {
                return Err(Error::new(ErrorKind::Config, format!("the variable {VARIABLE} is not UTF-8")));
            }
        };
        let scheme = ConnectionString::parse(&uri)?.scheme().to_owned();
        Ok(Self { uri, scheme })
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether everything is gone when the process ends.
    pub(crate) fn is_volatile(&self) -> bool {
        self.scheme == "memory"
    }

    /// The directory in which the embedded log would make a new catalog, if that is what opening it would do.
    pub(crate) fn would_be_new(&self) -> Option<PathBuf> {
        let rest = self.uri.strip_prefix("file://")?;
        let path = Path::new(rest.split_once('?').map_or(rest, |(path, _)| path));
        if path.as_os_str().is_empty() {
            return None;
        }
        let is_new = match std::fs::read_dir(path) {
            Ok(entries) => {
                entries.flatten().all(|e| e.file_name().to_str().is_some_and(|name| BEFORE_A_CATALOG.contains(&name)))
            }
            Err(e) => e.kind() == std::io::ErrorKind::NotFound,
        };
        is_new.then(|| path.to_owned())
    }
}
