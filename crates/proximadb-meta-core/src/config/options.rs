//! Checked options, as a backend or a layer gets them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

use super::redact::redact_location;
use super::secret::Secret;
use super::spec::{OptionKind, OptionSpec};
use super::value::OptionValue;

/// The checked options of one backend or layer, and where a backend's data is. Defaults are filled in. `Debug` hides secrets.
///
/// The getters answer `None` for an option that was not given and has no default. Asking for an option that the plugin did not
/// declare, or declared with another kind, is a defect of the plugin: [`ErrorKind::Internal`].
#[derive(Clone)]
pub struct Options {
    scheme: String,
    location: String,
    values: BTreeMap<&'static str, OptionValue>,
    specs: &'static [OptionSpec],
}

impl Options {
    /// Takes from `values` what `specs` declares, and the defaults for the rest.
    pub(crate) fn new(
        scheme: &str,
        location: &str,
        specs: &'static [OptionSpec],
        values: &BTreeMap<&'static str, OptionValue>,
    ) -> Result<Self> {
        let mut own = BTreeMap::new();
        for spec in specs {
            let value = match values.get(spec.name) {
                Some(value) => Some(value.clone()),
                None => spec.default_value()?,
            };
            own.extend(value.map(|v| (spec.name, v)));
        }
        Ok(Self { scheme: scheme.to_owned(), location: location.to_owned(), values: own, specs })
    }

    /// The scheme that chose the backend: one of those it is registered for. Empty for a layer.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What follows `scheme://`, without the options: a path, decoded, where the plugin says that its location is a
    /// [path](crate::registry::LocationKind::Path), otherwise as it was written. It may hold a password: never show it,
    /// [`redacted_location`](Self::redacted_location) is for that. Empty for a layer.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.location
    }

    /// [`rest`](Self::rest) with the password hidden, for a [`Descriptor`](crate::report::Descriptor) or an error.
    #[must_use]
    pub fn redacted_location(&self) -> String {
        redact_location(&self.location)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        self.read(name, |s| s.kind == OptionKind::Text && !s.secret, OptionValue::as_text)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn integer(&self, name: &str) -> Result<Option<u64>> {
        self.read(name, |s| matches!(s.kind, OptionKind::Integer { .. }), OptionValue::as_integer)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn bool(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, |s| s.kind == OptionKind::Bool, OptionValue::as_bool)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        self.read(name, |s| s.kind == OptionKind::Seconds, OptionValue::as_seconds)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn list(&self, name: &str) -> Result<Option<&[String]>> {
        self.read(name, |s| s.kind == OptionKind::List, OptionValue::as_list)
    }

    /// # Errors
    /// `Internal` when the plugin did not declare such an option.
    pub fn secret(&self, name: &str) -> Result<Option<&Secret>> {
        self.read(name, |s| s.secret, OptionValue::as_secret)
    }

    fn read<'a, T>(
        &'a self,
        name: &str,
        kind_is_right: impl FnOnce(&OptionSpec) -> bool,
        read: impl FnOnce(&'a OptionValue) -> Option<T>,
    ) -> Result<Option<T>> {
        if !self.specs.iter().find(|s| s.name == name).is_some_and(kind_is_right) {
            let what = format!("the plugin reads the option {name:?}, which it does not declare with this kind");
            return Err(Error::new(ErrorKind::Internal, what));
        }
        Ok(self.values.get(name).and_then(read))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("scheme", &self.scheme)
            .field("location", &self.redacted_location())
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}
