//! How a database is opened.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};

/// Settings of an open catalog; none of them is kept in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long a call waits for another process that holds the write lock, before it is refused as `Locked`. 30 s.
    pub busy_timeout: Duration,
    /// Most connections that read at the same time, at least 1. 4.
    pub readers: usize,
    /// The journal is copied into the database when it grows over this many pages of 4 KiB, at least 1. 1,000.
    pub checkpoint_pages: u32,
    /// Bytes to which the journal file is cut after it was copied. 64 MiB.
    pub journal_size_limit: u64,
    /// Whether opening makes the file and applies the migrations that it lacks. Without it a database that lacks any is
    /// refused. True.
    pub auto_migrate: bool,
    /// KiB of pages that each connection keeps in memory. 8,192.
    pub cache_kib: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(30),
            readers: 4,
            checkpoint_pages: 1000,
            journal_size_limit: 64 * 1024 * 1024,
            auto_migrate: true,
            cache_kib: 8192,
        }
    }
}

/// Rows that a connection hands over without waiting: the longest page.
const ROWS_AHEAD: usize = 1024;

impl SqliteOptions {
    /// As the writer connects. An acknowledged commit is synced (`synchronous=FULL`).
    pub(crate) fn writer(&self, path: &std::path::Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(self.busy_timeout)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            .pragma("cell_size_check", "ON")
            .pragma("trusted_schema", "OFF")
            .pragma("cache_size", format!("-{}", self.cache_kib))
            .pragma("wal_autocheckpoint", self.checkpoint_pages.to_string())
            .pragma("journal_size_limit", self.journal_size_limit.to_string())
            .row_buffer_size(ROWS_AHEAD)
            .thread_name(|n| format!("proximadb-sqlite-{n}"))
            .disable_statement_logging()
    }

    /// As a reader connects.
    pub(crate) fn reader(&self, path: &std::path::Path) -> SqliteConnectOptions {
        self.writer(path).pragma("query_only", "ON")
    }
}
