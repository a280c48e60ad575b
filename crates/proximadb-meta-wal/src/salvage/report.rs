//! What a salvage reports. Every type serializes to JSON under its own field names.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::inspect::Verification;

/// What a salvage saved, and what it did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The new directory.
    pub to: String,
    /// Whether everything was saved: nothing is lost, nothing is doubtful. A torn tail is no loss: an opening cuts it off too.
    pub complete: bool,
    /// Records in the new directory.
    pub written: u64,
    /// How many of these are their newest state for certain.
    pub certain: u64,
    /// Records that may be older than the newest state, and any that gave way to another of the same name; by namespace and id.
    pub doubtful: Vec<DoubtfulRecord>,
    /// Names that two records held; at most 1000.
    pub conflicts: Vec<NameConflict>,
    /// Conflicts beyond those.
    pub more_conflicts: u64,
    /// What was found in the damaged directory.
    pub source: Verification,
}

/// A record that is not certain to be what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DoubtfulRecord {
    /// Its namespace.
    #[serde(serialize_with = "text")]
    pub namespace: Arc<str>,
    /// Its id.
    pub id: Box<str>,
    /// The entry that wrote it last, as far as can be read; for one from a checkpoint the last entry that covers.
    pub as_of: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a doubtful record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It is in the new directory, as asked.
    Kept,
    /// It was left out.
    LeftOut,
    /// It was left out because another record took its name later.
    NameTaken,
}

impl Fate {
    /// The word, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::LeftOut => "left_out",
            Self::NameTaken => "name_taken",
        }
    }
}

/// Two records with one name. It was the later one's when that was written; the other must have lost it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NameConflict {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The id of the record that has it now.
    pub kept: String,
    /// The id of the record that was left out.
    pub left_out: String,
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
