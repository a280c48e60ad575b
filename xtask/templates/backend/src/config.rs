//! The options of the backend, and the checked form they take.

use proximadb_meta_core::Result;
use proximadb_meta_core::config::{OptionSpec, Options};

/// Every option: what is checked, suggested and documented derives from this list.
pub(crate) const OPTIONS: &[OptionSpec] = &[];

/// Where the store is and how to use it.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) location: String,
}

impl Config {
    /// The store at `location`: what follows `{{scheme}}://`, without options. Passwords do not belong here: `Debug` shows it.
    #[must_use]
    pub fn new(location: impl Into<String>) -> Self {
        Self { location: location.into() }
    }

    /// From the options of a connection string, checked against the list above.
    pub(crate) fn from_options(options: &Options) -> Result<Self> {
        Ok(Self::new(options.rest()))
    }
}
