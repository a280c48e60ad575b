//! Which door is asked first.

use std::path::Path;

use crate::error::Result;
use crate::registry::BackendRegistry;

use super::MetadataBackendConfig;

/// What a program may have been told, door by door.
#[derive(Clone, Default)]
pub struct Sources<'a> {
    /// A connection string from the command line.
    pub uri: Option<&'a str>,
    /// Environment variables, as [`process_environment`](super::process_environment) gives them. Every `env:NAME` is looked up
    /// here, whichever door it came by.
    pub variables: Vec<(String, String)>,
    /// A TOML file. Leave it out when there is none: a file that is named and missing is an error.
    pub file: Option<&'a Path>,
    /// The connection string when no door was used.
    pub default: &'a str,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("uri", &self.uri.map(super::redact))
            .field("file", &self.file)
            .field("default", &super::redact(self.default))
            .finish_non_exhaustive()
    }
}

impl MetadataBackendConfig {
    /// The configuration of the first door that was used: command line, environment, file, default. That door alone holds; the
    /// later ones are not read, and options of two doors are never mixed.
    ///
    /// # Errors
    /// `Config`, as the door that was used gives it.
    pub fn resolve(sources: Sources<'_>, registry: &BackendRegistry) -> Result<Self> {
        let Sources { uri, variables, file, default } = sources;
        let found = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        if let Some(uri) = uri {
            return Self::from_uri_in(uri, registry, &found);
        }
        if let Some(config) = Self::from_env(variables.iter().cloned(), registry)? {
            return Ok(config);
        }
        match file {
            Some(path) => Self::from_toml_file_in(path, registry, &found),
            None => Self::from_uri_in(default, registry, &found),
        }
    }
}
