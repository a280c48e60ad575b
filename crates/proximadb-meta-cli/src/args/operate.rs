//! The commands for whoever operates a store: its layout, and completions for the shell.

use clap::{Args, Subcommand};
use clap_complete::Shell as Script;

/// Say what layout the store has, and bring it up to date.
///
/// Formats: table (default), json, ndjson, yaml. A store without a layout (memory://) refuses all three: exit code 9.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    #[command(subcommand)]
    pub(crate) what: SchemaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Print the format, who may read and write it, the migrations that were applied and those that are pending.
    Status,
    /// Print what apply would run, in order. Changes nothing.
    Plan,
    /// Apply the pending migrations; needs --yes, or asks on a terminal, where there are any.
    Apply {
        /// Confirms it. Default: ask on a terminal, else refuse.
        #[arg(long)]
        yes: bool,
    },
}

/// Print a script with the completions of pxmeta for a shell. Touches no catalog.
///
/// bash: source <(pxmeta completions bash). zsh: put it into a file _pxmeta of a directory in $fpath. fish: pxmeta completions
/// fish | source. Format: the script.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// bash, zsh, fish, powershell or elvish.
    #[arg(hide_possible_values = true)]
    pub(crate) shell: Script,
}
