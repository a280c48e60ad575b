//! Connection strings: `scheme://rest?option=value&option=value`, split and nothing more.

use crate::error::{Error, ErrorKind, Result};
use crate::registry::BackendRegistry;

use super::MetadataBackendConfig;
use super::draft::{Draft, Entry};
use super::percent::percent_decode;
use super::place::{Door, Place};
use super::value::{Given, Lookup};

/// Longest connection string, in bytes.
pub const MAX_CONNECTION_STRING_BYTES: usize = 64 * 1024;

/// A connection string, split. What follows the scheme may hold a password: no `Debug`.
pub(crate) struct Address {
    pub(crate) scheme: String,
    /// Between `://` and `?`, untouched.
    pub(crate) rest: String,
    /// Names decoded, values still encoded.
    pub(crate) query: Vec<(String, String)>,
    /// The query holds an `@`: perhaps it is no query but the end of a password with a `?` in it.
    pub(crate) doubtful: bool,
}

impl Address {
    /// Splits at the first `://`, then at the first `?`. A URL parser would not do: it makes a host of the `.` in
    /// `file://./data` and refuses the several hosts of a cluster.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_CONNECTION_STRING_BYTES {
            let limit = format!("it is longer than {MAX_CONNECTION_STRING_BYTES} bytes");
            return Err(Error::new(ErrorKind::Config, limit));
        }
        let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).ok_or_else(|| {
            Error::new(ErrorKind::Config, "it does not begin with a scheme and ://")
                .with_hint("write it as file://./data/metadata or memory://")
        })?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Vec::new();
        for pair in options.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Error::new(ErrorKind::Config, "an option has no value")
                    .with_hint("options follow the ? as name=value, joined by &; a ? in a password is written %3F")
            })?;
            let name = percent_decode(name).map_err(|e| e.context("the name of an option"))?;
            query.push((name, value.to_owned()));
        }
        Ok(Self { scheme: scheme.to_owned(), rest: rest.to_owned(), query, doubtful: options.contains('@') })
    }

    /// The options, standing at a place.
    pub(crate) fn entries(&mut self, place: &Place) -> Vec<Entry> {
        let query = std::mem::take(&mut self.query);
        let entry = |(name, value)| Entry { name, given: Given::Encoded(value), place: place.clone() };
        query.into_iter().map(entry).collect()
    }
}

/// Letters, digits, `+`, `-` and `.`, as in RFC 3986; compared as they are.
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

impl MetadataBackendConfig {
    /// Reads a connection string: `file://./data/metadata`, `memory://`,
    /// `postgresql://user:password@host:5432/database?pool_size=10`.
    ///
    /// Option names and values are percent-decoded (`%20`; `+` stands for itself), and so is a location that is a path. Any
    /// other location is left as it is: several hosts, a user and a password reach the driver untouched. A list is `a,b`.
    /// A secret in the string itself is accepted and warned of once, through `tracing`, without its text.
    ///
    /// # Errors
    /// `Config`: no scheme, a scheme that is not registered, an unknown option, one given twice, a value of the wrong kind,
    /// a secret that cannot be found, a broken percent-encoding, a location that the backend cannot have.
    pub fn from_uri(uri: &str, registry: &BackendRegistry) -> Result<Self> {
        Self::from_uri_in(uri, registry, &super::variable)
    }

    pub(crate) fn from_uri_in(uri: &str, registry: &BackendRegistry, environment: &Lookup<'_>) -> Result<Self> {
        let mut draft = Draft::new(Door::ConnectionString);
        draft.uri = Some((Place::Whole(Door::ConnectionString), uri.to_owned()));
        draft.check(registry, environment)
    }
}
