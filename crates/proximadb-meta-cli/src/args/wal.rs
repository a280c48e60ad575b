//! The arguments of the commands on a log directory.

use std::path::PathBuf;

use clap::Subcommand;

/// Look at a log directory without opening it, also a damaged one: inspect, verify, salvage.
///
/// Formats: table (default), json.
#[derive(clap::Args, Debug)]
pub(crate) struct Wal {
    #[command(subcommand)]
    pub(crate) what: WalCommand,
}

/// What to do with the directory. Nothing is ever changed in it.
#[derive(Debug, Subcommand)]
pub(crate) enum WalCommand {
    /// List the files: header, frames, where the good part ends, what follows it. Exit code 0, whatever is found.
    Inspect {
        /// The directory, or its file:// URI.
        directory: String,
    },
    /// Replay the log, past any damage, and say what is lost. Exit code 0 when an opening would succeed, 7 for damage.
    Verify {
        /// The directory, or its file:// URI.
        directory: String,
    },
    /// Write what is provably whole into a new directory. Exit code 0 when that is everything, 10 when something is missing.
    Salvage {
        /// The damaged directory, or its file:// URI.
        directory: String,
        /// The new directory: missing or empty.
        #[arg(long, value_name = "NEW")]
        to: PathBuf,
        /// Also keep records that may be older than their newest state. Default: leave them out, and list them.
        #[arg(long)]
        include_stale: bool,
    },
}
