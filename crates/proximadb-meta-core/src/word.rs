//! Open vocabularies: names with well-known constants whose unknown values survive unchanged.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A short text that is either compiled in or shared. Clones in O(1).
#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

macro_rules! open_word {
    ($(#[$doc:meta])* $name:ident { $($(#[$cdoc:meta])* $konst:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Repr);

        impl $name {
            $($(#[$cdoc])* pub const $konst: Self = Self(Repr::Static($text));)+
            /// The values with a constant of their own. Others are as good: nothing falls back.
            pub const KNOWN: &'static [Self] = &[$(Self::$konst),+];

            /// Any value. Known ones share the constant's text. Limits are checked when a record is written.
            #[must_use]
            pub fn new(text: &str) -> Self {
                match Self::KNOWN.iter().find(|k| k.as_str() == text) {
                    Some(known) => known.clone(),
                    None => Self(Repr::Shared(text.into())),
                }
            }

            /// The text as stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match &self.0 {
                    Repr::Static(s) => s,
                    Repr::Shared(s) => s,
                }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool { self.as_str() == other.as_str() }
        }
        impl Eq for $name {}
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) { self.as_str().hash(state); }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> { Some(self.cmp(other)) }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering { self.as_str().cmp(other.as_str()) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(self.as_str(), f) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self::new(text) }
        }
    };
}

open_word! {
    /// How distance between two vectors is measured. An open name: an unknown one is kept as it is.
    DistanceMetric {
        /// Angle between vectors.
        COSINE = "cosine",
        /// L2 distance.
        EUCLIDEAN = "euclidean",
        /// Inner product.
        DOT_PRODUCT = "dot_product",
        /// L1 distance.
        MANHATTAN = "manhattan",
        /// Differing bits.
        HAMMING = "hamming",
        /// Set overlap.
        JACCARD = "jaccard",
    }
}

open_word! {
    /// The index that serves a collection. An open name: an unknown one is kept as it is.
    IndexingAlgorithm {
        /// Hierarchical navigable small world graph.
        HNSW = "hnsw",
        /// Inverted file over uncompressed vectors.
        IVF_FLAT = "ivf_flat",
        /// Inverted file over product-quantised vectors.
        IVF_PQ = "ivf_pq",
        /// Exhaustive scan.
        FLAT = "flat",
        /// Disk-resident Vamana graph.
        DISKANN = "diskann",
    }
}

open_word! {
    /// The kind of a backend, the key a [`BackendRegistry`](crate::registry::BackendRegistry) knows it by. Open: a foreign crate
    /// brings its own name.
    MetadataBackendType {
        /// The embedded write-ahead log, the default.
        WAL = "wal",
        /// Process memory.
        MEMORY = "memory",
        /// SQLite.
        SQLITE = "sqlite",
        /// PostgreSQL.
        POSTGRESQL = "postgresql",
        /// Amazon DynamoDB.
        DYNAMODB = "dynamodb",
        /// MongoDB.
        MONGODB = "mongodb",
    }
}

/// How often a collection is read; storage tiering hangs on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AccessPattern {
    /// Read all the time.
    Hot,
    /// The default.
    #[default]
    Normal,
    /// Read now and then.
    Cold,
    /// Kept, hardly read.
    Archive,
}

impl AccessPattern {
    /// Every value, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Hot, Self::Normal, Self::Cold, Self::Archive];

    /// The stored text: `hot`, `normal`, `cold`, `archive`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Normal => "normal",
            Self::Cold => "cold",
            Self::Archive => "archive",
        }
    }

    /// Reads the stored text.
    ///
    /// # Errors
    /// `InvalidInput` that lists the four values.
    pub fn parse(text: &str) -> crate::Result<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == text).ok_or_else(|| {
            crate::Error::invalid(format!("{} is not an access pattern", crate::config::quote(text)))
                .with_hint("one of hot, normal, cold, archive")
        })
    }
}

impl fmt::Display for AccessPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
