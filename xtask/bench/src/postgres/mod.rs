//! `cargo xtask bench postgres`: the PostgreSQL backend beside the same work written by hand with tokio-postgres and prepared
//! statements, on the server that `PXMETA_TEST_POSTGRES_URL` names.

mod by_hand;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::Plan;
use crate::beside::{
    Both::{Import, Same},
    LEVEL, Pair, Place, Row, run as run_beside,
};
use crate::catalog::{Ours, Result};
use crate::work::Work;
use by_hand::{ByHand, Server};

const VARIABLE: &str = "PXMETA_TEST_POSTGRES_URL";

/// Schemas on one server. They are dropped at the end.
struct Schemas {
    url: String,
    server: Server,
    made: AtomicUsize,
}

impl Schemas {
    fn name(&self, n: usize) -> String {
        format!("pxmeta_bench_{}_{n}", std::process::id())
    }

    /// Our backend in a schema of its own: it makes the tables for both.
    async fn open(&self) -> Result<(String, Ours)> {
        let schema = self.name(self.made.fetch_add(1, Ordering::Relaxed));
        let with = if self.url.contains('?') { '&' } else { '?' };
        let ours = proximadb_meta::connect(&format!("{}{with}schema={schema}", self.url)).await?;
        Ok((schema, Ours(ours)))
    }

    async fn drop_all(&self) -> Result<()> {
        for n in 0..self.made.load(Ordering::Relaxed) {
            self.server.drop_schema(&self.name(n)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Place for Schemas {
    async fn fresh(&self) -> Result<Pair> {
        let (_, ours) = self.open().await?;
        // The same tables and indexes, by the same migrations.
        let (schema, maker) = self.open().await?;
        maker.0.close().await?;
        Ok(Pair { ours, by_hand: Arc::new(ByHand::new(self.server.clone(), &schema)) })
    }
}

/// Measures and prints.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let url = std::env::var(VARIABLE)
        .map_err(|_| format!("{VARIABLE} names no server: eval \"$(cargo xtask servers up postgres)\""))?;
    let server = Server::connect(&url)?;
    let place = Schemas { url, server, made: AtomicUsize::new(0) };
    let rows = vec![
        Row::new("get by id", Same(Work::Get), LEVEL),
        Row::new("get by name", Same(Work::GetByName), LEVEL),
        Row::new("page of 100 by id", Same(Work::Page), LEVEL),
        Row::new("page of 100, filtered by owner and tag", Same(Work::Filtered), LEVEL),
        Row::new("update, compare and set", Same(Work::Update), LEVEL),
        Row::new("batch of 100 creates", Same(Work::Batch), LEVEL),
        Row::new("counters, 64 tasks on 1,000 records", Same(Work::Counters(1_000)), LEVEL),
        Row::new("counters, 64 tasks on 10 records", Same(Work::Counters(10)), Some(3.0)),
        Row::new("create, 64 tasks (by hand: a statement each)", Same(Work::Create), None),
        Row::new("import in batches of 1,000 (by hand: one by one)", Import { records: plan.records, jobs: 1 }, None),
        Row::new(
            "import, 4 batches at a time (by hand: one by one)",
            Import { records: plan.records, jobs: 4 },
            Some(10.0),
        ),
    ];
    let done = run_beside(&place, rows, plan).await;
    place.drop_all().await?;
    done
}
