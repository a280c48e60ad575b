//! The list of a record's fields: name, kind, and whether a record may lack it.

use std::fmt;

use super::CollectionMetadata;
use crate::config::quote;
use crate::error::{Error, Result};
use crate::suggest::did_you_mean;
use crate::time::Timestamp;

/// What kind of value a field holds, and so which comparisons make sense on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// UTF-8 text, compared by bytes.
    Text,
    /// A whole number, `0..=2^53-1`.
    Number,
    /// An instant.
    Time,
    /// A set of texts.
    Set,
    /// A JSON object.
    Json,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $kind:ident $optional:literal;)+) => {
        /// A field of the portable record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// Every field, in the order of the portable form.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in JSON, in filters, in columns.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The kind of its values.
            #[must_use]
            pub const fn kind(self) -> FieldKind {
                match self { $(Self::$variant => FieldKind::$kind),+ }
            }

            /// Whether a record may lack it.
            #[must_use]
            pub const fn is_optional(self) -> bool {
                match self { $(Self::$variant => $optional),+ }
            }
        }
    };
}

fields! {
    /// `id`
    Id "id" Text false;
    /// `name`
    Name "name" Text false;
    /// `dimension`
    Dimension "dimension" Number false;
    /// `distance_metric`
    DistanceMetric "distance_metric" Text false;
    /// `indexing_algorithm`
    IndexingAlgorithm "indexing_algorithm" Text false;
    /// `created_at`
    CreatedAt "created_at" Time false;
    /// `updated_at`
    UpdatedAt "updated_at" Time false;
    /// `vector_count`
    VectorCount "vector_count" Number false;
    /// `total_size_bytes`
    TotalSizeBytes "total_size_bytes" Number false;
    /// `access_pattern`
    AccessPattern "access_pattern" Text false;
    /// `retention`, `{"auto_delete":true,"retain_days":30}`
    Retention "retention" Json true;
    /// `expires_at`
    ExpiresAt "expires_at" Time true;
    /// `config`
    Config "config" Json false;
    /// `description`
    Description "description" Text true;
    /// `owner`
    Owner "owner" Text true;
    /// `tags`
    Tags "tags" Set false;
    /// `version`
    Version "version" Number false;
}

impl Field {
    /// The field of that name.
    ///
    /// # Errors
    /// `InvalidInput` with the nearest name and the whole list.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|f| f.name() == name).ok_or_else(|| {
            Error::invalid(format!("{} is not a field", quote(name)))
                .with_hint(did_you_mean(name, Self::ALL.iter().map(|f| f.name())))
        })
    }

    /// The text of a [`FieldKind::Text`] field; `None` where the record lacks it or the field is of another kind.
    #[must_use]
    pub fn text_of(self, r: &CollectionMetadata) -> Option<&str> {
        match self {
            Self::Id => Some(&r.id),
            Self::Name => Some(&r.name),
            Self::DistanceMetric => Some(r.distance_metric.as_str()),
            Self::IndexingAlgorithm => Some(r.indexing_algorithm.as_str()),
            Self::AccessPattern => Some(r.access_pattern.as_str()),
            Self::Description => r.description.as_deref(),
            Self::Owner => r.owner.as_deref(),
            _ => None,
        }
    }

    /// The value of a [`FieldKind::Number`] field.
    #[must_use]
    pub fn number_of(self, r: &CollectionMetadata) -> Option<u64> {
        match self {
            Self::Dimension => Some(u64::from(r.dimension)),
            Self::VectorCount => Some(r.vector_count),
            Self::TotalSizeBytes => Some(r.total_size_bytes),
            Self::Version => Some(r.version),
            _ => None,
        }
    }

    /// The value of a [`FieldKind::Time`] field.
    #[must_use]
    pub fn time_of(self, r: &CollectionMetadata) -> Option<Timestamp> {
        match self {
            Self::CreatedAt => Some(r.created_at),
            Self::UpdatedAt => Some(r.updated_at),
            Self::ExpiresAt => r.expires_at,
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
