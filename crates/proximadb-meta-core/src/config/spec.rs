//! The list of options: one entry says what is checked, suggested, documented, and how the environment variable is called.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

use super::value::{OptionValue, accept, plain};

/// Names that every door knows by itself; no plugin may declare an option of the same name.
const TAKEN: [&str; 5] = ["uri", "connection_string", "backend_type", "location", "namespace"];

/// Beginnings of `PXMETA_*` variables that belong to the project's tools: tests, continuous integration, long runs. They are
/// no options, [`from_env`](super::MetadataBackendConfig::from_env) passes over them, and no plugin may declare an option
/// whose variable would begin like that.
pub const RESERVED_VARIABLES: [&str; 3] = ["PXMETA_TEST_", "PXMETA_CI_", "PXMETA_SOAK_"];

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionKind {
    /// Any text up to [`MAX_VALUE_BYTES`](super::MAX_VALUE_BYTES) without NUL.
    Text,
    /// A whole number from `min` to `max`, both included.
    Integer {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
    /// A duration as a number of seconds, whole or decimal (`30`, `0.25`), at most [`MAX_SECONDS`](super::MAX_SECONDS).
    Seconds,
    /// Texts, none of them empty: an array in TOML, `a,b` elsewhere (blanks around an element do not count).
    List,
}

impl OptionKind {
    /// A whole number without a range of its own.
    pub const INTEGER: Self = Self::Integer { min: 0, max: u64::MAX };
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Integer { min: 0, max: u64::MAX } => f.write_str("a whole number"),
            Self::Integer { min, max: u64::MAX } => write!(f, "a whole number of at least {min}"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::Seconds => f.write_str("a number of seconds"),
            Self::List => f.write_str("a list of non-empty texts"),
        }
    }
}

/// One option of a backend or a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The name: small letters, digits and `_`, beginning with a letter. In the environment it is `PXMETA_` and the name in
    /// capitals.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: OptionKind,
    /// Whether its value must never be shown. Such an option is a [`Text`](OptionKind::Text) without a default; it is given as
    /// itself, as `env:NAME` or as `file:PATH`, and read with [`Options::secret`](super::Options::secret).
    pub secret: bool,
    /// Whether it says where the catalog is, beside the location: with another value the same location is another catalog, as with
    /// the schema of a database.
    pub locates: bool,
    /// The value when none is given, as it would stand in a connection string.
    pub default: Option<&'static str>,
    /// What it does, with unit.
    pub doc: &'static str,
}

impl OptionSpec {
    const fn new(name: &'static str, kind: OptionKind, doc: &'static str) -> Self {
        Self { name, kind, secret: false, locates: false, default: None, doc }
    }

    /// An option that takes a text.
    #[must_use]
    pub const fn text(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, OptionKind::Text, doc)
    }

    /// An option that takes a text which must never be shown.
    #[must_use]
    pub const fn secret(name: &'static str, doc: &'static str) -> Self {
        Self { secret: true, ..Self::new(name, OptionKind::Text, doc) }
    }

    /// An option that takes a whole number from `min` to `max`, both included.
    #[must_use]
    pub const fn integer(name: &'static str, min: u64, max: u64, doc: &'static str) -> Self {
        Self::new(name, OptionKind::Integer { min, max }, doc)
    }

    /// An option that is true or false.
    #[must_use]
    pub const fn bool(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, OptionKind::Bool, doc)
    }

    /// An option that takes a number of seconds.
    #[must_use]
    pub const fn seconds(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, OptionKind::Seconds, doc)
    }

    /// An option that takes a list of texts.
    #[must_use]
    pub const fn list(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, OptionKind::List, doc)
    }

    /// With a value for when none is given.
    #[must_use]
    pub const fn with_default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// As a part of where the catalog is.
    #[must_use]
    pub const fn locating(self) -> Self {
        Self { locates: true, ..self }
    }

    /// The environment variable that gives it: `pool_size` is `PXMETA_POOL_SIZE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("PXMETA_{}", self.name.to_ascii_uppercase())
    }

    /// The default as a value.
    pub(crate) fn default_value(&self) -> Result<Option<OptionValue>> {
        self.default.map(|text| accept(self, plain(text), &|_| None)).transpose()
    }

    /// Refuses a declaration that a door could not honour.
    pub(crate) fn check_declaration(&self) -> Result<()> {
        let wrong = |what: &str| {
            Err(Error::new(ErrorKind::Config, format!("the option {:?} cannot be declared: {what}", self.name)))
        };
        let letters = self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !letters || !self.name.starts_with(|c: char| c.is_ascii_lowercase()) || self.name.len() > 64 {
            return wrong("a name has up to 64 small letters, digits and _, and begins with a letter");
        }
        if TAKEN.contains(&self.name) {
            return wrong("every door knows this name by itself");
        }
        if RESERVED_VARIABLES.iter().any(|prefix| self.variable().starts_with(prefix)) {
            return wrong("its environment variable is reserved to tools");
        }
        if self.secret && (self.kind != OptionKind::Text || self.default.is_some()) {
            return wrong("a secret is a text and has no default");
        }
        if self.default_value().is_err() {
            return wrong("its default is not of its kind");
        }
        Ok(())
    }
}
