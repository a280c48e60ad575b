//! SQLite's files, operation by operation: disturbed while it writes, or recorded, so that a disk can be made of them that kept
//! any part of what was not synced.

mod disk;
mod shim;
pub mod simulated;
pub mod trace;
pub mod trouble;

use clap::ValueEnum;

pub(crate) use shim::install;

/// One of a database's files. The index of the journal is no part of it: SQLite makes it anew from the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The database itself: once it is made, only a checkpoint writes to it.
    Database,
    /// The journal (`-wal`): every transaction is written to it.
    Journal,
    /// The journal of the old kind (`-journal`), there only while the database is made.
    Rollback,
}

/// What is done to a file. Reads are not looked at.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// Bytes are written.
    Write {
        /// From here on.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
    /// The file is cut to this length.
    Truncate(u64),
    /// What was written is made durable.
    Sync,
    /// The file is removed.
    Delete,
}

impl Part {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Database, Self::Journal, Self::Rollback];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Journal => "journal",
            Self::Rollback => "rollback",
        }
    }

    /// What the name of the file has behind that of the database.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Database => "",
            Self::Journal => "-wal",
            Self::Rollback => "-journal",
        }
    }
}

impl Act<'_> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Truncate(_) => "truncate",
            Self::Sync => "sync",
            Self::Delete => "delete",
        }
    }
}
