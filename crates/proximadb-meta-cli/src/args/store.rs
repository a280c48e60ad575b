//! The commands on the store as a whole, and sample data.

use clap::Args;

/// Back the namespace up: a new directory below LOCATION, named by the backup's id.
///
/// The portable archive: compressed NDJSON in parts, and a manifest with counts and BLAKE3 hashes; it appears whole or not at
/// all. Formats: name (default: the backup's id), table, json, ndjson, csv.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// A directory, or file:// and a directory; made where it is missing.
    pub(crate) location: String,
}

/// Restore a backup into the namespace, and read it back before saying done.
///
/// The archive is verified whole before anything is changed. A restore that ends half way leaves the namespace marked: it
/// refuses use until a restore with --replace completes. Formats: table (default: the counts are talk on stderr), json,
/// ndjson.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup's id, as backup printed it.
    pub(crate) id: String,
    /// The directory that was given to backup.
    pub(crate) location: String,
    /// Replace what the namespace holds; needs --yes, or asks on a terminal. Default: refuse a namespace that is not empty
    /// (exit code 4).
    #[arg(long)]
    pub(crate) replace: bool,
    /// Confirms --replace. Default: ask on a terminal, else refuse.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Restore only the records that match, as in: owner = search AND tags:gpu. The backup is verified whole all the same.
    /// Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}

/// Check a backup whole, without a catalog: every hash, every count, every record.
///
/// Exit code 7 when it is damaged, with the place; 3 when there is none. Formats: table (default), json, ndjson, csv.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The backup: LOCATION/ID. Or its location, and the id after it.
    pub(crate) backup: String,
    /// The backup's id, where the location alone stands before it. Default: the last part of BACKUP.
    pub(crate) id: Option<String>,
}

/// Print sample records as NDJSON, the same for the same seed. Touches no catalog.
///
/// Format: ndjson.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// How many records. Default: 100.
    #[arg(long, value_name = "N", default_value_t = 100, hide_default_value = true)]
    pub(crate) count: u64,
    /// What they are made from. Default: 1.
    #[arg(long, value_name = "S", default_value_t = 1, hide_default_value = true)]
    pub(crate) seed: u64,
    /// Real data instead: ann-benchmarks (120 data sets) or embedding-models (498 models). Default: made by seed.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["count", "seed"])]
    pub(crate) catalog: Option<String>,
}
