//! The stores that are put to the test, opened in a directory of their own.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use proximadb_meta_core::{MetadataBackend, Result};
use proximadb_meta_sqlite::SqliteOptions;

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The embedded log.
    Wal,
    /// An SQLite database.
    Sqlite,
}

/// Bytes of a page of SQLite.
const PAGE: u64 = 4096;

impl Engine {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Sqlite => "sqlite",
        }
    }

    /// Opens the catalog in a directory. A journal that grows over `segment_bytes` is followed by the next, or copied and
    /// cut to that.
    ///
    /// # Errors
    /// What the backend gives.
    pub async fn open(self, directory: &Path, segment_bytes: u64) -> Result<Arc<dyn MetadataBackend>> {
        match self {
            Self::Wal => Ok(proximadb_meta_wal::open_with(directory, segment_bytes).await?.into_backend()),
            Self::Sqlite => {
                let mut options = SqliteOptions::default();
                options.checkpoint_pages = u32::try_from(segment_bytes / PAGE).unwrap_or(u32::MAX).max(1);
                options.journal_size_limit = segment_bytes;
                let path = directory.join("catalog.db");
                Ok(proximadb_meta_sqlite::open_with(path, options).await?.into_backend())
            }
        }
    }
}
