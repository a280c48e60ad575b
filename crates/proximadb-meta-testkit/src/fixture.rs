//! What a backend brings to be tested: how to open a fresh store, and how to open the same data again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::{Clock, MetadataBackend, Result};

/// An open store and what cleans up after it.
pub struct Opened {
    /// The backend under test.
    pub backend: Arc<dyn MetadataBackend>,
    /// Dropped when the case is over: removes directories, drops databases.
    pub guard: Box<dyn Any + Send>,
}

impl Opened {
    /// A store with its guard; `()` where nothing is to be cleaned up.
    #[must_use]
    pub fn new(backend: Arc<dyn MetadataBackend>, guard: impl Any + Send) -> Self {
        Self { backend, guard: Box::new(guard) }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// A place for backups and what removes it.
pub struct BackupDir {
    /// A location as `backup` takes it.
    pub location: String,
    /// Dropped when the case is over.
    pub guard: Box<dyn Any + Send>,
}

impl BackupDir {
    /// A place with its guard.
    #[must_use]
    pub fn new(location: impl Into<String>, guard: impl Any + Send) -> Self {
        Self { location: location.into(), guard: Box::new(guard) }
    }
}

impl fmt::Debug for BackupDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupDir").field("location", &self.location).finish_non_exhaustive()
    }
}

/// How the suite gets stores of one backend.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// The backend's name, for messages.
    fn name(&self) -> &str;

    /// A fresh, empty store that takes "now" from `clock`. A server that is not there is an error, and the suite fails.
    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened>;

    /// Closes the store and opens the same data again; `None` for a store that keeps nothing.
    async fn reopen(&self, opened: Opened, clock: Arc<dyn Clock>) -> Result<Option<Opened>> {
        let _ = (opened, clock);
        Ok(None)
    }

    /// A new, empty place for backups; `None` where the backend takes none.
    fn backup_dir(&self) -> Option<BackupDir> {
        None
    }
}
