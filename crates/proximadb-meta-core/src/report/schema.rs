//! What a store is laid out like: its format, the migrations it went through, the ones it still needs.

use std::fmt;

use super::finding::Finding;
use crate::time::Timestamp;

/// What to do about the layout of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaAction {
    /// Say what is there and what is missing. Changes nothing.
    Status,
    /// As `Status`, with the steps that `Apply` would run. Changes nothing.
    Plan,
    /// Run what is missing, in order, each migration whole or not at all. Nothing to run is no error.
    Apply,
}

impl SchemaAction {
    /// `status`, `plan`, `apply`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

impl fmt::Display for SchemaAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may use a store, as the store itself says it (rule 18). A release knows the formats up to a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreFormat {
    /// The format it is in, counted from 1.
    pub format: u32,
    /// A release must know at least this format to read it; at most `format`.
    pub min_reader: u32,
    /// A release must know at least this format to write to it; at least `min_reader`, at most `format`.
    pub min_writer: u32,
}

impl StoreFormat {
    /// A format that only a release that knows it may read or write.
    #[must_use]
    pub const fn strict(format: u32) -> Self {
        Self { format, min_reader: format, min_writer: format }
    }
}

/// A migration that a store went through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppliedMigration {
    /// Its number, counted from 1.
    pub version: u64,
    /// Its name (`"collections"`).
    pub name: String,
    /// The checksum of its text as the store keeps it, hexadecimal.
    pub checksum: String,
    /// When it was applied, as the store keeps it.
    pub applied_at: Option<Timestamp>,
}

impl AppliedMigration {
    /// A migration with every field.
    #[must_use]
    pub fn new(
        version: u64,
        name: impl Into<String>,
        checksum: impl Into<String>,
        applied_at: Option<Timestamp>,
    ) -> Self {
        Self { version, name: name.into(), checksum: checksum.into(), applied_at }
    }
}

/// A migration that a store still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingMigration {
    /// Its number, counted from 1.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// The checksum of its text, hexadecimal.
    pub checksum: String,
    /// What it runs, in order: statements as they are sent, or steps in words. Empty in the answer to `Status`.
    pub steps: Vec<String>,
}

impl PendingMigration {
    /// A migration with every field.
    #[must_use]
    pub fn new(version: u64, name: impl Into<String>, checksum: impl Into<String>, steps: Vec<String>) -> Self {
        Self { version, name: name.into(), checksum: checksum.into(), steps }
    }
}

/// The layout of a store. For `Apply` as it is afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaReport {
    /// The format the store says it has; `None` where no store was made yet.
    pub format: Option<StoreFormat>,
    /// What it went through, by version. Empty for a store that is made whole at once.
    pub applied: Vec<AppliedMigration>,
    /// What it still needs, by version. Empty after `Apply`.
    pub pending: Vec<PendingMigration>,
    /// The versions among `applied` that this call ran, in order. Empty unless it was `Apply`.
    pub ran: Vec<u64>,
}

impl SchemaReport {
    /// The report of a store without migrations.
    #[must_use]
    pub fn of_format(format: StoreFormat) -> Self {
        Self { format: Some(format), ..Self::default() }
    }

    /// What `doctor` is told of it.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let missing = self.pending.len();
        if missing > 0 {
            let found = format!("{missing} migrations are missing");
            return Finding::problem("layout", found, "run pxmeta schema apply");
        }
        let format = self.format.map_or(0, |f| f.format);
        Finding::ok("layout", format!("format {format}, {} migrations applied", self.applied.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_that_lacks_a_step_is_a_problem() {
        let mut report = SchemaReport::of_format(StoreFormat::strict(2));
        report.applied.push(AppliedMigration::new(1, "shelf", "00", None));
        assert_eq!(report.finding(), Finding::ok("layout", "format 2, 1 migrations applied"));
        report.pending.push(PendingMigration::new(2, "books", "11", Vec::new()));
        assert!(report.finding().is_problem() && report.finding().found.starts_with("1 migrations"));
    }
}
