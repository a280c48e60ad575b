//! The commands that write records.

use clap::{Args, ValueEnum};

/// What import does with a line whose record is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    Fail,
    Skip,
    Overwrite,
}

const IMPORT: &str = "\
Write the records of an NDJSON file: one JSON object a line with at least name, dimension and distance_metric.

What a line says of id, times, version and counters is kept. What it does not say is made: an id (a UUIDv7), the present \
time, version 1, counters of 0. A line without id is identified by its name.

Lines are written in atomic batches, each durable before the next. What stops the import: a line that is no JSON object, no \
UTF-8, longer than 1536 KiB or over a limit of the record (exit code 2); with --on-conflict fail a line whose id or name is \
taken, with overwrite one whose name is another record's (4); a store that fails (5, 6, 7). Every line before it is kept, \
nothing of it, nothing after it; the exit code is that of the reason. With --jobs N the N - 1 batches after the one that failed \
may be kept as well: they were being written at the same time. What does not stop it: blank lines; lines skipped or \
overwritten as asked; a line whose expires_at is past, which is skipped.

overwrite replaces all fields. Where the line says nothing of times, version and counters it is an update: created_at and \
counters stay, the version grows by one. Where it says some of them, these are stored as said, and the others as in an update.

Ctrl-C completes the batch in flight, prints the summary and exits with 130; the lines not yet written are not counted.

Formats: table (default: the summary is talk on stderr), json and ndjson (the summary as the last line of stdout: \
{\"created\": N, \"failed\": N, \"overwritten\": N, \"skipped\": N}).";

#[derive(Args, Debug)]
#[command(about = "Write the records of an NDJSON file", long_about = IMPORT)]
pub(crate) struct Import {
    /// The file; "-" is stdin.
    pub(crate) file: String,
    /// What to do with a line whose id or name is taken: fail, skip or overwrite. Default: fail.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = OnConflict::Fail)]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) on_conflict: OnConflict,
    /// Print each id on stdout once its record is durable, in the order of the lines. Skipped lines print nothing. If
    /// nobody reads them any more the import ends after that batch, with exit code 10. Default: no.
    #[arg(long)]
    pub(crate) ack: bool,
    /// Lines of one atomic batch, 1 to 10000; fewer where a batch would exceed 8 MiB of text or what the backend takes at
    /// once. A batch waits until it is full or the input ends. Default: 500 lines.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    #[arg(hide_default_value = true)]
    pub(crate) batch: u16,
    /// Batches that are being written at once, 1 to 64; faster where the backend writes several at a time or overlaps its work
    /// (SQLite, PostgreSQL). More than 1 only with --on-conflict fail or skip. Default: 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    #[arg(hide_default_value = true)]
    pub(crate) jobs: u8,
}

/// Create a record.
///
/// Formats: name (default: the id), table, json, ndjson, csv. Exit code 4 when id or name is taken.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The name, unique, at most 255 bytes.
    pub(crate) name: String,
    /// Numbers in a vector, 1 to 2147483647.
    #[arg(long, value_name = "N")]
    pub(crate) dimension: u32,
    /// How distance is measured: cosine, euclidean, dot_product, manhattan, hamming, jaccard, or a name of your own.
    /// Default: cosine.
    #[arg(long, value_name = "NAME", default_value = "cosine", hide_default_value = true)]
    pub(crate) metric: String,
    /// The index: hnsw, ivf_flat, ivf_pq, flat, diskann, or a name of your own. Default: hnsw.
    #[arg(long, value_name = "NAME", default_value = "hnsw", hide_default_value = true)]
    pub(crate) index: String,
    /// The id, unique, at most 255 bytes. Default: a new UUIDv7.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Who it belongs to, at most 255 bytes. Default: nobody.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Prose, at most 16 KiB. Default: none.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// A tag, at most 128 bytes; may be given 32 times. Default: none.
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// How often it is read: hot, normal, cold or archive. Default: normal.
    #[arg(long, value_name = "PATTERN", default_value = "normal", hide_default_value = true)]
    pub(crate) access_pattern: String,
    /// Settings: a JSON object of at most 64 KiB. Default: {}.
    #[arg(long, value_name = "JSON")]
    pub(crate) config: Option<String>,
    /// How many days it is kept, 1 to 365250; a note to operators unless --auto-delete. Default: for ever.
    #[arg(long, value_name = "DAYS")]
    pub(crate) retain_days: Option<u32>,
    /// The record expires by itself when the days are over. Default: no.
    #[arg(long, requires = "retain_days")]
    pub(crate) auto_delete: bool,
    /// When it expires: RFC 3339 (2026-12-24T08:00:00Z) or a date (midnight UTC). Default: never, or what --auto-delete
    /// gives.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_at: Option<String>,
}

const SET: &str = "\
Change fields of a record, if nobody else changes it meanwhile (exit code 4).

  name=TEXT dimension=N distance_metric=NAME indexing_algorithm=NAME
  access_pattern=hot|normal|cold|archive config=JSON
  owner=TEXT description=TEXT      empty: none
  tags=a,b  tags+=a,b  tags-=a,b   replace, add, remove; a tag with a comma needs import
  retention=30d[:auto-delete]      days; empty: none
  expires_at=TIME                  RFC 3339 or a date; empty: never (auto-delete fills it again)

The id, the times and the version are the catalog's own, the counters are moved by the database: they cannot be set. All \
changes apply together; the version grows by one.

Formats: name (default: the id), table, json, ndjson, csv.";

#[derive(Args, Debug)]
#[command(about = "Change fields of a record, if nobody else changes it meanwhile", long_about = SET)]
pub(crate) struct Set {
    /// The id.
    pub(crate) id: String,
    /// What to change: owner=bob tags+=gpu description=
    #[arg(required = true, value_name = "KEY=VALUE")]
    pub(crate) changes: Vec<String>,
    /// Only if the record is at this version. Default: at the one that is read now.
    #[arg(long, value_name = "N")]
    pub(crate) if_version: Option<u64>,
}

/// Delete records.
///
/// Ids go in atomic batches of 500. Exit code 3 when no id was there, 10 when some were not; the others are deleted.
/// Formats: table (default: the count is talk on stderr), json and ndjson ({"deleted": N, "missing": [...]}), name (each
/// deleted id).
#[derive(Args, Debug)]
pub(crate) struct Rm {
    /// The ids.
    #[arg(required_unless_present = "filter")]
    pub(crate) ids: Vec<String>,
    /// Every record that matches; needs --yes, or asks on a terminal. None that matches is no error.
    #[arg(long, value_name = "FILTER", conflicts_with = "ids")]
    pub(crate) filter: Option<String>,
    /// Confirms a deletion by filter. Default: ask on a terminal, else refuse.
    #[arg(long)]
    pub(crate) yes: bool,
}
