//! The suite over the in-memory backend.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::{Clock, Result};
use proximadb_meta_testkit::{BackupDir, Fixture, Opened, run_conformance};

struct Memory;

#[async_trait]
impl Fixture for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        Ok(Opened::new(proximadb_meta_memory::memory().with_clock(clock).into_backend(), ()))
    }

    fn backup_dir(&self) -> Option<BackupDir> {
        let dir = tempfile::tempdir().ok()?;
        Some(BackupDir::new(dir.path().to_str()?.to_owned(), dir))
    }
}

fn main() {
    run_conformance(Memory);
}
