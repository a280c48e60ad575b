//! What can be typed.

use clap::{Parser, Subcommand, ValueEnum};

/// The collection catalog of a vector database: import, list, filter, back up.
#[derive(Debug, Parser)]
#[command(name = "pxmeta", version, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// Where the catalog is: file://PATH or memory://.
    #[arg(long, global = true, env = "PXMETA_URI", default_value = "file://./data/metadata", hide_env_values = true)]
    pub(crate) uri: String,
    /// Which tenant's part of it.
    #[arg(long, global = true, default_value = "")]
    pub(crate) namespace: String,
    /// How data is printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// No talk on stderr.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
    Name,
}

/// What import does with a record whose id or name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    Fail,
    Skip,
    Overwrite,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the records of an NDJSON file (- for standard input).
    Import {
        file: String,
        #[arg(long, value_enum, default_value_t = OnConflict::Fail)]
        on_conflict: OnConflict,
        /// Print each id on stdout once it is durable.
        #[arg(long)]
        ack: bool,
    },
    /// Print every record as canonical NDJSON, ordered by id.
    Export { file: Option<String> },
    /// List records.
    Ls {
        #[arg(long)]
        filter: Option<String>,
        /// id, name, created_at or updated_at, with :desc for the other way round.
        #[arg(long, default_value = "id")]
        order_by: String,
        /// At most this many; all without it.
        #[arg(long)]
        limit: Option<usize>,
        #[arg(long)]
        after: Option<String>,
    },
    /// One record.
    Get {
        #[arg(required_unless_present = "name", conflicts_with = "name")]
        id: Option<String>,
        #[arg(long)]
        name: Option<String>,
    },
    /// Create a record.
    Create {
        name: String,
        #[arg(long)]
        dimension: u32,
        #[arg(long, default_value = "cosine")]
        metric: String,
        #[arg(long, default_value = "")]
        id: String,
        #[arg(long)]
        owner: Option<String>,
        #[arg(long)]
        description: Option<String>,
        #[arg(long)]
        tag: Vec<String>,
        #[arg(long)]
        config: Option<String>,
    },
    /// Change fields of a record, if nobody else changes it meanwhile: owner=bob tags=a,b description=
    Set {
        id: String,
        #[arg(required = true)]
        changes: Vec<String>,
    },
    /// Delete records.
    Rm {
        ids: Vec<String>,
        #[arg(long, conflicts_with = "ids", requires = "yes")]
        filter: Option<String>,
        /// Confirms a deletion by filter.
        #[arg(long)]
        yes: bool,
    },
    /// How many records match.
    Count {
        #[arg(long)]
        filter: Option<String>,
    },
    /// Measured statistics.
    Stats,
    /// Whether the store serves (exit code 5 when it is down).
    Health,
    /// The backends of this program.
    Backends,
    /// How a filter is answered.
    Explain {
        #[arg(long)]
        filter: String,
    },
    /// Back the namespace up below a directory.
    Backup { location: String },
    /// Restore a backup.
    Restore {
        id: String,
        location: String,
        /// Replace what the namespace holds.
        #[arg(long)]
        replace: bool,
    },
    /// Print sample records as NDJSON; touches no store.
    Demo {
        #[arg(long, default_value_t = 100)]
        count: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// A catalog of real data instead: ann-benchmarks or embedding-models.
        #[arg(long, conflicts_with_all = ["count", "seed"])]
        catalog: Option<String>,
    },
    /// The version.
    Version,
}
