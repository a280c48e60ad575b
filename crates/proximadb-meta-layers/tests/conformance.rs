//! The suite over the in-memory backend with every layer around it: a layer changes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::{Clock, Result, Stack};
use proximadb_meta_layers::TracingLayer;
use proximadb_meta_testkit::{BackupDir, Fixture, Opened, run_conformance};

struct Layered;

#[async_trait]
impl Fixture for Layered {
    fn name(&self) -> &str {
        "memory with layers"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let memory = proximadb_meta_memory::memory().with_clock(clock).into_backend();
        Ok(Opened::new(Stack::new(memory).layer(&TracingLayer).build(), ()))
    }

    fn backup_dir(&self) -> Option<BackupDir> {
        let dir = tempfile::tempdir().ok()?;
        Some(BackupDir::new(dir.path().to_str()?.to_owned(), dir))
    }
}

fn main() {
    // Without a subscriber spans are off, and the layer would only be passed through.
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
    run_conformance(Layered);
}
