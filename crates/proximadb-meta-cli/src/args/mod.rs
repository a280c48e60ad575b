//! What can be typed: the global options and the list of commands.

mod operate;
mod read;
mod store;
mod transfer;
mod wal;
mod write;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

pub(crate) use operate::{Completions, Schema, SchemaCommand};
pub(crate) use read::{Count, Explain, Export, Get, Ls, Search};
pub(crate) use store::{Backup, Demo, Restore, Verify};
pub(crate) use transfer::{Copy, CopyConflict, Diff, Digest};
pub(crate) use wal::{Wal, WalCommand};
pub(crate) use write::{Create, Import, OnConflict, Rm, Set};

const EXIT_CODES: &str = "\
Exit codes:
  0  done                               6  not permitted
  1  other failure                      7  the store is damaged
  2  usage, bad input, configuration    8  catalogs differ
  3  not found                          9  unsupported
  4  conflict: taken, changed, exists   10 done in part
  5  unavailable: down, locked, full    130 stopped by Ctrl-C or SIGTERM, cleanly

Data goes to stdout, talk and errors to stderr. A second Ctrl-C stops at once.
With -o json, ndjson or yaml an error is one JSON object on stderr: error, kind, causes, hint, exit_code.";

/// The collection catalog of a vector database: import, list, filter, back up.
#[derive(Debug, Parser)]
#[command(name = "pxmeta", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the catalog is: file://DIRECTORY or memory://. Default: the variables PXMETA_URI and PXMETA_*, else
    /// proximadb-meta.toml here, else file://./data/metadata. The first of them that is there holds alone.
    #[arg(long, global = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// A TOML file to read in place of proximadb-meta.toml.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "uri")]
    pub(crate) config_file: Option<std::path::PathBuf>,
    /// Which tenant's part of the catalog, at most 64 bytes. Default: the configured one, else the one without a name.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// How data is printed. Default: what suits the command, for people. A command refuses a format it does not have.
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(
        help = "How data is printed: table, json, ndjson, csv, yaml or name (the id alone). Default: table, or what the \
                  command's own help says; a command refuses a format it does not have"
    )]
    pub(crate) output: Option<Format>,
    /// No talk and no progress on stderr; errors and questions stay.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Traces on stderr: -v what is done, -vv each step, -vvv everything. Default: none.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Never ask: what needs --yes is refused without it. Default: ask, where stdin and stderr are a terminal.
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// No colour. Default: colour on a terminal, unless NO_COLOR is set or TERM is dumb.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
    Yaml,
    Name,
}

impl Format {
    /// Whether it is for programs: JSON, or YAML, of which JSON is a part.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::Yaml)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Yaml => "yaml",
            Self::Name => "name",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Export(Export),
    Ls(Ls),
    Search(Search),
    Get(Get),
    Create(Create),
    Set(Set),
    Rm(Rm),
    Count(Count),
    /// Print the store's measured statistics: records, namespaces, bytes on disk and in memory.
    ///
    /// Formats: table (default), json, ndjson, csv. What the store does not measure is null, in the table "-".
    Stats,
    /// Ask the store whether it serves; exit code 5 when it is down.
    ///
    /// Prints status (ready, read_only, degraded or down), cause, and latency in microseconds. A store that cannot be opened
    /// is down: missing, locked, damaged. Formats: table (default), json, ndjson, csv.
    Health,
    /// Look the store over: limits, settings, free space, versions; each finding with what to do about it.
    ///
    /// Changes nothing. Exit code 1 when something does not work as it should; a store that does not open is looked at from
    /// outside, and the exit code is that of the reason. Formats: table (default), json, yaml, ndjson (a finding a line), csv.
    Doctor,
    Schema(Schema),
    /// Let the store do its housekeeping, as file:// writes a checkpoint. Exit code 9 where there is none to do.
    ///
    /// Formats: table (default: what was done), json, ndjson, csv, yaml.
    Maintain,
    /// List the backends of this program: type, schemes, options, what each can do. Touches no catalog.
    ///
    /// Formats: table (default), json, ndjson, csv, name (the type alone).
    Backends,
    Explain(Explain),
    Backup(Backup),
    Restore(Restore),
    Copy(Copy),
    Diff(Diff),
    Digest(Digest),
    Verify(Verify),
    Wal(Wal),
    Demo(Demo),
    Completions(Completions),
    /// Print the versions: program, record format, keyword revision.
    ///
    /// Formats: table (default: the program's alone), json, ndjson, csv.
    Version,
}

impl Command {
    /// The formats the command has; the first is its default. What has JSON also has YAML.
    pub(crate) fn formats(&self) -> &'static [Format] {
        use Format::{Csv, Json, Name, Ndjson, Table};
        match self {
            Self::Ls(_) | Self::Search(_) | Self::Get(_) | Self::Backends => &[Table, Json, Ndjson, Csv, Name],
            Self::Create(_) | Self::Set(_) | Self::Backup(_) => &[Name, Table, Json, Ndjson, Csv],
            Self::Count(_)
            | Self::Stats
            | Self::Health
            | Self::Explain(_)
            | Self::Digest(_)
            | Self::Verify(_)
            | Self::Version => &[Table, Json, Ndjson, Csv],
            Self::Import(_) | Self::Restore(_) | Self::Copy(_) | Self::Diff(_) => &[Table, Json, Ndjson],
            Self::Rm(_) => &[Table, Json, Ndjson, Name],
            Self::Doctor | Self::Maintain => &[Table, Json, Ndjson, Csv],
            Self::Schema(_) => &[Table, Json, Ndjson],
            Self::Completions(_) => &[Table],
            Self::Wal(_) => &[Table, Json],
            Self::Export(_) | Self::Demo(_) => &[Ndjson],
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Import(_) => "import",
            Self::Export(_) => "export",
            Self::Ls(_) => "ls",
            Self::Search(_) => "search",
            Self::Get(_) => "get",
            Self::Create(_) => "create",
            Self::Set(_) => "set",
            Self::Rm(_) => "rm",
            Self::Count(_) => "count",
            Self::Stats => "stats",
            Self::Health => "health",
            Self::Doctor => "doctor",
            Self::Schema(_) => "schema",
            Self::Maintain => "maintain",
            Self::Backends => "backends",
            Self::Explain(_) => "explain",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Copy(_) => "copy",
            Self::Diff(_) => "diff",
            Self::Digest(_) => "digest",
            Self::Verify(_) => "verify",
            Self::Wal(_) => "wal",
            Self::Demo(_) => "demo",
            Self::Completions(_) => "completions",
            Self::Version => "version",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_and_every_argument_says_what_it_is() {
        let mut root = super::Args::command();
        root.build();
        for command in root.get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
        }
        super::Args::command().debug_assert();
    }
}
