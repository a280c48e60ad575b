//! The commands on two catalogs, and the digest by which they are compared.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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

/// What copy does with a record whose id or name is taken in DST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CopyConflict {
    Fail,
    Skip,
    Overwrite,
    Newer,
}

const COPY: &str = "\
Copy the records of a namespace from one catalog to another, as they are: ids, times, versions and counters are kept.

A record that DST has already, the same in all its fields, is unchanged. One whose id DST has with other content, or whose \
name another record of DST holds, is a conflict:
  fail       nothing at all is written, and exit code 4 (default); all conflicts are found first
  skip       DST's record stays
  overwrite  SRC's record takes its place; another record that holds the name is removed in the same batch
  newer      overwrite where SRC's record was updated last (then: has the higher version), else skip
Records that exchange names among themselves are written together. Records of DST that SRC does not have stay.

At the end both catalogs are compared: by their digests where nothing was left out, else record by record. Where they are not \
what was copied, because somebody wrote to them meanwhile, the exit code is 8.

Ctrl-C completes the batches in flight and exits with 130. A copy that was cut off, in whatever way, is finished by the same \
command with --resume, which goes on after what is done and gives the counts of the whole; without --resume it begins again, \
and counts what is there as unchanged. What was done is noted in a journal: --journal FILE, else a file in $XDG_STATE_HOME/pxmeta \
or ~/.local/state/pxmeta, removed when the copy is complete.

Formats: table (default: the counts are talk on stderr), json and ndjson ({\"created\", \"overwritten\", \"unchanged\", \
\"skipped\", \"removed\", \"conflicts\", \"dry_run\", \"end\", \"digest\", \"left\"}).";

#[derive(Args, Debug)]
#[command(about = "Copy records from one catalog to another", long_about = COPY)]
pub(crate) struct Copy {
    /// Where from, a URI as --uri takes it.
    pub(crate) src: String,
    /// Where to; made where there is none.
    pub(crate) dst: String,
    /// Only SRC's records that match. Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// What to do where id or name is taken in DST: fail, skip, overwrite or newer. Default: fail.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = CopyConflict::Fail)]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) on_conflict: CopyConflict,
    /// Batches that are being written at once, 1 to 64. Default: 4.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    #[arg(hide_default_value = true)]
    pub(crate) jobs: u8,
    /// Print what would be done, and write nothing. Default: do it.
    #[arg(long, conflicts_with_all = ["resume", "journal"])]
    pub(crate) dry_run: bool,
    /// Go on with a copy that was cut off; where there is none, begin. Default: begin.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Where to note what was done. Default: a file of this copy's own in the state directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// The namespace in DST. Default: that of SRC, or what DST's URI says.
    #[arg(long, value_name = "NAME")]
    pub(crate) to_namespace: Option<String>,
}
