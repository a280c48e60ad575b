//! The builder: a configuration made by a program.

use std::fmt;

use crate::error::Result;
use crate::registry::BackendRegistry;
use crate::word::MetadataBackendType;

use super::MetadataBackendConfig;
use super::draft::{Draft, Entry};
use super::place::{Door, Place};
use super::value::{Given, OptionValue};

/// Builds a [`MetadataBackendConfig`]. Nothing is checked before [`build`](Self::build). `Debug` shows no value.
#[must_use]
pub struct ConfigBuilder(Draft);

impl MetadataBackendConfig {
    /// Starts a configuration of a backend.
    ///
    /// ```no_run
    /// # use proximadb_meta_core::{BackendRegistry, MetadataBackendType, config::MetadataBackendConfig};
    /// let config = MetadataBackendConfig::builder(MetadataBackendType::WAL)
    ///     .location("./data/metadata")
    ///     .option("segment_bytes", 16 * 1024 * 1024)
    ///     .build(BackendRegistry::global())?;
    /// # Ok::<(), proximadb_meta_core::Error>(())
    /// ```
    pub fn builder(backend_type: MetadataBackendType) -> ConfigBuilder {
        let mut draft = Draft::new(Door::Builder);
        draft.backend_type = Some((Place::Whole(Door::Builder), backend_type.as_str().to_owned()));
        ConfigBuilder(draft)
    }
}

impl ConfigBuilder {
    /// Where the data is: what would follow `scheme://` in a connection string, but a path as it is, not percent-encoded.
    /// Said again, the later one holds.
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.0.location = Some((Place::Whole(Door::Builder), location.into()));
        self
    }

    /// A whole connection string in place of a location; its scheme must belong to the backend.
    pub fn connection_string(mut self, uri: impl Into<String>) -> Self {
        self.0.uri = Some((Place::Whole(Door::Builder), uri.into()));
        self
    }

    /// An option. A text is read as the option's kind says (`"10"`, `"true"`, `"a,b"`); the other types must fit. For a secret
    /// option a text may be `env:NAME` or `file:PATH`; a [`Secret`](super::Secret) is taken as it is. Once for each option.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<OptionValue>) -> Self {
        let given = match value.into() {
            OptionValue::Text(text) => Given::Plain(text),
            value => Given::Typed(value),
        };
        self.0.options.push(Entry { name: name.into(), given, place: Place::Whole(Door::Builder) });
        self
    }

    /// The namespace that the opened handle is bound to. Once.
    pub fn namespace(self, name: impl Into<String>) -> Self {
        self.option("namespace", name.into())
    }

    /// Checks against what the registry knows.
    ///
    /// # Errors
    /// As [`MetadataBackendConfig::from_uri`].
    pub fn build(self, registry: &BackendRegistry) -> Result<MetadataBackendConfig> {
        self.0.check(registry, &super::variable)
    }
}

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.options.iter().map(|e| e.name.as_str()).collect();
        f.debug_struct("ConfigBuilder").field("options", &names).finish_non_exhaustive()
    }
}
