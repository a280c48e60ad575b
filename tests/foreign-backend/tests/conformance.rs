//! The published suite over the shelf.

use std::sync::Arc;

use proximadb_meta_core::{Clock, Result};
use proximadb_meta_testkit::{Fixture, Opened, run_conformance};

struct Shelf;

#[async_trait::async_trait]
impl Fixture for Shelf {
    fn name(&self) -> &str {
        "shelf"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        Ok(Opened::new(foreign_backend::shelf(100_000).with_clock(clock).into_backend(), ()))
    }
}

fn main() {
    run_conformance(Shelf);
}
