//! Connection strings and the options of a backend, checked against the backend's own list.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::suggest::did_you_mean;

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionKind {
    /// Any text.
    Text,
    /// A whole number of at least 0.
    Integer,
    /// `true` or `false`.
    Bool,
}

/// One option of a backend: the one list from which checks, suggestions and documentation derive.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: OptionKind,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// The value when none is given.
    pub default: Option<&'static str>,
    /// What it does, with unit.
    pub doc: &'static str,
}

/// A connection string, split at the first `:`. What follows the scheme may hold a password: it is never shown.
#[derive(Clone)]
pub struct ConnectionString {
    scheme: String,
    rest: String,
    query: Vec<(String, String)>,
}

impl ConnectionString {
    /// Splits `scheme://rest?key=value&key=value`.
    ///
    /// # Errors
    /// `Config` when there is no `scheme://`. The text is not repeated: it may hold a secret.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorKind::Config, "the connection string has no scheme")
                .with_hint("write it as file://./data/metadata or memory://")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            return Err(wrong());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Error::new(ErrorKind::Config, "an option of the connection string has no value")
                    .with_hint("options follow the ? as key=value, joined by &")
            })?;
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self { scheme: scheme.to_owned(), rest: rest.to_owned(), query: pairs })
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Checks the options against a backend's list.
    ///
    /// # Errors
    /// `Config` for an unknown option (with the nearest one), one given twice, or a value of the wrong kind.
    pub fn options(self, specs: &'static [OptionSpec]) -> Result<Options> {
        let mut values = BTreeMap::new();
        for (key, value) in self.query {
            let spec = specs.iter().find(|s| s.name == key).ok_or_else(|| {
                Error::new(ErrorKind::Config, format!("{}:// has no option {key:?}", self.scheme))
                    .with_hint(did_you_mean(&key, specs.iter().map(|s| s.name)))
            })?;
            let fits = match spec.kind {
                OptionKind::Text => true,
                OptionKind::Integer => value.parse::<u64>().is_ok(),
                OptionKind::Bool => matches!(&*value, "true" | "false"),
            };
            if !fits {
                return Err(Error::new(ErrorKind::Config, format!("the option {key} takes {:?}", spec.kind))
                    .with_hint(spec.doc));
            }
            if values.insert(spec.name, value).is_some() {
                return Err(Error::new(ErrorKind::Config, format!("the option {key} is given twice")));
            }
        }
        Ok(Options { rest: self.rest, values, specs })
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({}://...)", self.scheme)
    }
}

/// Checked options of a backend. Not shown by `Debug`: some are secret.
#[derive(Clone)]
pub struct Options {
    rest: String,
    values: BTreeMap<&'static str, String>,
    specs: &'static [OptionSpec],
}

impl Options {
    /// What follows `scheme://`, without the options. It may hold a secret.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// The value of an option, or its default.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let default = || self.specs.iter().find(|s| s.name == name)?.default;
        self.values.get(name).map(String::as_str).or_else(default)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("given", &self.values.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[OptionSpec] = &[OptionSpec {
        name: "threads",
        kind: OptionKind::Integer,
        secret: false,
        default: Some("1"),
        doc: "how many",
    }];

    #[test]
    fn a_relative_path_survives() {
        let o = ConnectionString::parse("file://./data/metadata?threads=2").unwrap().options(SPECS).unwrap();
        assert_eq!((o.rest(), o.get("threads")), ("./data/metadata", Some("2")));
    }

    #[test]
    fn wrong_options_are_named_and_secrets_are_not() {
        for (text, says) in [
            ("x://y?thread=2", "thread"),
            ("x://y?threads=two", "threads"),
            ("x://y?threads=1&threads=2", "twice"),
            ("user:hunter2@host", "no scheme"),
        ] {
            let e = ConnectionString::parse(text).and_then(|c| c.options(SPECS)).unwrap_err();
            assert!(e.to_string().contains(says), "{text}: {e}");
            assert!(!format!("{e:?}").contains("hunter2"));
        }
        let c = ConnectionString::parse("postgresql://user:hunter2@host:5432/db").unwrap();
        assert!(!format!("{c:?}").contains("hunter2"));
    }
}
