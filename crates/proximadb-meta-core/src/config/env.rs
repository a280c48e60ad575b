//! The environment: `PXMETA_URI`, `PXMETA_BACKEND_TYPE`, `PXMETA_LOCATION`, and `PXMETA_<OPTION>`.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::registry::BackendRegistry;

use super::MetadataBackendConfig;
use super::draft::{Draft, Entry};
use super::place::{Door, Place, quote};
use super::spec::RESERVED_VARIABLES;
use super::value::Given;

const PREFIX: &str = "PXMETA_";

impl MetadataBackendConfig {
    /// Reads environment variables: `PXMETA_URI` (a connection string), or `PXMETA_BACKEND_TYPE` and `PXMETA_LOCATION`; and an
    /// option as `PXMETA_` and its name in capitals (`PXMETA_POOL_SIZE=10`, `PXMETA_NAMESPACE=tenant`). A list is `a,b`.
    /// `None` when there is no such variable: then nobody spoke through this door.
    ///
    /// Variables that do not begin with `PXMETA_` are passed over, and so are [`RESERVED_VARIABLES`]; every other one must be
    /// known. `variables` is also where a secret's `env:NAME` is looked up. [`process_environment`] gives those of the process.
    ///
    /// # Errors
    /// `Config` with the name of the variable: unknown, given twice, empty where a store must be named; and all that
    /// [`from_uri`](Self::from_uri) gives.
    ///
    /// ```
    /// # use proximadb_meta_core::{BackendRegistry, config::MetadataBackendConfig};
    /// let registry = BackendRegistry::new();
    /// let variables = [("HOME".to_owned(), "/root".to_owned())];
    /// assert_eq!(MetadataBackendConfig::from_env(variables, &registry)?, None);
    /// # Ok::<(), proximadb_meta_core::Error>(())
    /// ```
    pub fn from_env(
        variables: impl IntoIterator<Item = (String, String)>,
        registry: &BackendRegistry,
    ) -> Result<Option<Self>> {
        let mut all = BTreeMap::new();
        let mut draft = Draft::new(Door::Environment);
        for (name, value) in variables {
            let place = Place::Variable(name.clone());
            let ours = name.starts_with(PREFIX) && !RESERVED_VARIABLES.iter().any(|r| name.starts_with(r));
            if all.insert(name.clone(), value.clone()).is_some() && ours {
                return Err(Error::new(ErrorKind::Config, "it is given twice").context(place));
            }
            if !ours {
                continue;
            }
            let slot = match &*name {
                "PXMETA_URI" => &mut draft.uri,
                "PXMETA_BACKEND_TYPE" => &mut draft.backend_type,
                "PXMETA_LOCATION" => &mut draft.location,
                _ => {
                    draft.options.push(Entry { name, given: Given::Plain(value), place });
                    continue;
                }
            };
            if value.is_empty() {
                return Err(Error::new(ErrorKind::Config, "it is set, but empty")
                    .context(place)
                    .with_hint("give it a value, or unset it"));
            }
            *slot = Some((place, value));
        }
        if draft.uri.is_none() && draft.backend_type.is_none() && draft.location.is_none() && draft.options.is_empty() {
            return Ok(None);
        }
        draft.check(registry, &|name| all.get(name).cloned()).map(Some)
    }
}

/// The environment variables of the process that are Unicode, for [`MetadataBackendConfig::from_env`].
///
/// # Errors
/// `Config` for a variable of ours (`PXMETA_*`) that is not Unicode.
pub fn process_environment() -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        // A name that is not Unicode begins like its lossy form, and cannot be one of ours unless that begins like ours.
        match (name.to_str(), value.to_str()) {
            (Some(name), Some(value)) => variables.push((name.to_owned(), value.to_owned())),
            _ if name.to_string_lossy().starts_with(PREFIX) => {
                let what = format!("the environment variable {} is not Unicode", quote(&name.to_string_lossy()));
                return Err(Error::new(ErrorKind::Config, what));
            }
            _ => {}
        }
    }
    Ok(variables)
}
