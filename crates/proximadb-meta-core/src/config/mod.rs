//! Configuration: four doors, one meaning.
//!
//! A connection string, TOML, environment variables and the builder all give one checked [`MetadataBackendConfig`], which
//! [`BackendRegistry::open`] turns into a backend:
//!
//! | door | function | an option is |
//! |---|---|---|
//! | connection string | [`from_uri`](MetadataBackendConfig::from_uri) | `file://./data?segment_bytes=16777216` |
//! | TOML | [`from_toml`](MetadataBackendConfig::from_toml) | `[metadata_storage.options]` `segment_bytes = 16777216` |
//! | environment | [`from_env`](MetadataBackendConfig::from_env) | `PXMETA_SEGMENT_BYTES=16777216` |
//! | builder | [`builder`](MetadataBackendConfig::builder) | `.option("segment_bytes", 16777216)` |
//!
//! What there is to give comes from one list, the `options()` of the backend's plugin and of every registered layer
//! ([`OptionSpec`]); core adds `namespace`. What nobody declares is refused with what was probably meant, a value of the wrong
//! kind with what is expected, an option given twice with both places. Every error says by which door and where.
//!
//! A secret option is given as itself, as `env:NAME` or as `file:PATH` (read when the configuration is checked, on the calling
//! thread, up to [`MAX_VALUE_BYTES`]; one line end at its end is taken off). No `Debug`, error or trace of this module shows
//! one. [`resolve`](MetadataBackendConfig::resolve) asks the doors in order: command line, environment, file, default.

mod builder;
mod draft;
mod env;
mod options;
mod percent;
mod place;
mod redact;
mod reference;
mod resolve;
mod secret;
mod spec;
mod store;
mod table;
mod unknown;
mod uri;
mod value;

use std::collections::BTreeMap;
use std::fmt;

pub use builder::ConfigBuilder;
pub use env::process_environment;
pub use options::Options;
pub use percent::{percent_decode, percent_encode};
pub use place::Door;
pub use redact::redact;
pub use resolve::Sources;
pub use secret::Secret;
pub use spec::{OptionKind, OptionSpec, RESERVED_VARIABLES};
pub use table::MAX_TOML_BYTES;
pub use uri::MAX_CONNECTION_STRING_BYTES;
pub use value::{MAX_SECONDS, MAX_VALUE_BYTES, OptionValue};

pub(crate) use place::{quote, shorten};
pub(crate) use uri::is_scheme;

use crate::context::Namespace;
use crate::registry::LocationKind;
use crate::word::MetadataBackendType;

#[cfg(doc)]
use crate::registry::BackendRegistry;

/// A checked configuration: which backend, where, in which namespace, with which options. Defaults are filled in, so that two
/// configurations are equal when they mean the same, by whichever [door](Self::door) they came. `Debug` hides secrets.
#[derive(Clone)]
pub struct MetadataBackendConfig {
    backend_type: MetadataBackendType,
    scheme: String,
    location: String,
    location_kind: LocationKind,
    namespace: Namespace,
    values: BTreeMap<&'static str, OptionValue>,
    door: Door,
}

impl MetadataBackendConfig {
    /// The kind of the backend.
    #[must_use]
    pub fn backend_type(&self) -> &MetadataBackendType {
        &self.backend_type
    }

    /// The scheme that chose it, or its first one when it was chosen by its kind.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Where the data is: a path as the file system knows it, or an address as it was written. It may hold a password: never
    /// show it, [`redacted`](Self::redacted) is for that.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The namespace that an opened handle is bound to.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The value of an option of the backend or of a layer, given or by default.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&OptionValue> {
        self.values.get(name)
    }

    /// By which door it came in.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door
    }

    /// As a connection string that may be shown, with every option, defaults too; passwords and secret options are `***`.
    #[must_use]
    pub fn redacted(&self) -> String {
        let location = match self.location_kind {
            LocationKind::Path => percent_encode(&self.location),
            _ => redact::redact_location(&self.location),
        };
        let mut out = format!("{}://{location}", self.scheme);
        let mut push = |name: &str, value: String| {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.extend([name, "=", &value]);
        };
        if !self.namespace.as_str().is_empty() {
            push("namespace", percent_encode(self.namespace.as_str()));
        }
        for (name, value) in &self.values {
            let text = match value {
                OptionValue::List(list) => list.iter().map(|s| percent_encode(s)).collect::<Vec<_>>().join(","),
                other => percent_encode(&other.to_string()),
            };
            push(name, text);
        }
        out
    }

    pub(crate) fn values(&self) -> &BTreeMap<&'static str, OptionValue> {
        &self.values
    }
}

impl PartialEq for MetadataBackendConfig {
    fn eq(&self, other: &Self) -> bool {
        // Destructured, so that a new field must be thought of. The door is no part of the meaning.
        let Self { backend_type, scheme, location, location_kind, namespace, values, door: _ } = self;
        *backend_type == other.backend_type
            && *scheme == other.scheme
            && *location == other.location
            && *location_kind == other.location_kind
            && *namespace == other.namespace
            && *values == other.values
    }
}

impl fmt::Debug for MetadataBackendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataBackendConfig")
            .field("backend_type", &self.backend_type)
            .field("address", &self.redacted())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

/// A variable of the process, for `env:NAME`.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
