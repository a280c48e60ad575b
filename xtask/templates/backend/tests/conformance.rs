//! The published suite over the {{name}} backend: the crate is done when no case fails.

use std::sync::Arc;

use async_trait::async_trait;
use {{crate}}::{Config, open};
use proximadb_meta_core::{Clock, Result};
use proximadb_meta_testkit::{Fixture, Opened, run_conformance};

struct {{Type}};

#[async_trait]
impl Fixture for {{Type}} {
    fn name(&self) -> &str {
        "{{name}}"
    }

    /// A fresh, empty store for every case. Put what removes it in place of the `()`.
    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let backend = open(Config::new("test")).await?.with_clock(clock).into_backend();
        Ok(Opened::new(backend, ()))
    }
}

fn main() {
    run_conformance({{Type}});
}
