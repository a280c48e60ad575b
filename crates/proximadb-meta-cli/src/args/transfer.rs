//! The commands on two catalogs, and the digest by which they are compared.

use clap::Args;

/// Print the digest of the namespace: equal on every backend for equal records.
///
/// A tree of BLAKE3 hashes over all records with their times, versions and counters; the documentation of the core's module
/// "digest" says how it is made. Formats: table (default), json ({"digest": HASH, "count": N}), ndjson, csv.
#[derive(Args, Debug)]
pub(crate) struct Digest {
    /// Also the nodes of the tree at this depth that are not empty, 1 to 4. Default: the root alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=4), default_value_t = 0)]
    #[arg(hide_default_value = true)]
    pub(crate) depth: u8,
}

const DIFF: &str = "\
Say what two catalogs differ in. Exit code 8 when they do, 0 when they do not.

  + ID   only in A
  - ID   only in B
  * ID   in both, not the same; below it each field as A and B have it
  = ID   the same (with --same)

Where both backends make digests and neither --filter, --fields nor --same is given, only the part that differs is read. A \
record that matches --filter in one of the catalogs is compared.

Formats: table (default), json ({\"differences\": [{\"sign\", \"id\", \"name\", \"fields\": {FIELD: {\"a\", \"b\"}}}, ...], \
\"same\": N, \"only_in_a\": N, \"only_in_b\": N, \"changed\": N}), ndjson (one difference a line). The counts are talk on stderr.";

#[derive(Args, Debug)]
#[command(about = "Say what two catalogs differ in", long_about = DIFF)]
pub(crate) struct Diff {
    /// The first catalog, a URI as --uri takes it.
    pub(crate) a: String,
    /// The second catalog.
    pub(crate) b: String,
    /// Only records that match in A or B. Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Only these fields, comma-separated; "extra" is what newer releases added. Default: all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    /// Also the records that are the same. Default: differences alone.
    #[arg(long)]
    pub(crate) same: bool,
    /// The namespace in B. Default: that of A, or what B's URI says.
    #[arg(long, value_name = "NAME")]
    pub(crate) to_namespace: Option<String>,
}
