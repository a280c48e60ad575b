//! The parts of a record that are compared: its fields, and what newer releases added.

use std::collections::BTreeMap;
use std::fmt;

use proximadb_meta_core::suggest::did_you_mean;
use proximadb_meta_core::{CollectionMetadata, Error, Field, Result};
use serde_json::value::RawValue;

/// The name of what is not a field of this release.
const EXTRA: &str = "extra";

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// A field.
    Field(Field),
    /// The members that this release does not know, together.
    Extra,
}

impl Part {
    /// Every part, in the order of the portable form.
    pub fn all() -> impl Iterator<Item = Self> {
        CollectionMetadata::FIELDS.iter().copied().map(Self::Field).chain([Self::Extra])
    }

    /// The field's name, or `extra`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Extra => EXTRA,
        }
    }

    /// The part of a name.
    ///
    /// # Errors
    /// `InvalidInput` with a did-you-mean.
    pub fn parse(name: &str) -> Result<Self> {
        Self::all().find(|part| part.name() == name).ok_or_else(|| {
            Error::invalid(format!("a record has no field {name:?}"))
                .with_hint(did_you_mean(name, Self::all().map(Self::name)))
        })
    }

    /// Whether it is the same in both records.
    #[must_use]
    pub fn is_same(self, a: &CollectionMetadata, b: &CollectionMetadata) -> bool {
        match self {
            Self::Field(Field::Retention) => a.retention == b.retention,
            Self::Field(Field::Tags) => a.tags == b.tags,
            Self::Field(Field::Config) => a.config == b.config,
            Self::Field(field) => {
                field.text_of(a) == field.text_of(b)
                    && field.number_of(a) == field.number_of(b)
                    && field.time_of(a) == field.time_of(b)
            }
            Self::Extra => a.extra == b.extra,
        }
    }

    /// Its value as JSON, as in the portable form; `None` where the record lacks it.
    #[must_use]
    pub fn value(self, r: &CollectionMetadata) -> Option<String> {
        match self {
            Self::Extra => (!r.extra.is_empty()).then(|| r.extra.as_str().to_owned()),
            Self::Field(field) => {
                let json = r.to_json();
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(&json).ok()?;
                members.get(field.name()).map(|value| value.get().to_owned())
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
