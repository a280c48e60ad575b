//! `cargo xtask bench sqlite`: the SQLite backend beside the same work written by hand with sqlx.

mod by_hand;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::Plan;
use crate::beside::{
    Both::{Copy, Import, Same},
    LEVEL, Pair, Place, Row, run as run_beside,
};
use crate::catalog::{Ours, Result};
use crate::work::Work;
use by_hand::ByHand;

/// Files in one directory.
struct Files {
    dir: PathBuf,
    made: AtomicUsize,
}

#[async_trait]
impl Place for Files {
    async fn fresh(&self) -> Result<Pair> {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let ours = format!("sqlite://{}", self.dir.join(format!("ours-{n}.db")).display());
        let by_hand = ByHand::open(&self.dir.join(format!("by-hand-{n}.db"))).await?;
        Ok(Pair { ours: Ours(proximadb_meta::connect(&ours).await?), by_hand: Arc::new(by_hand) })
    }
}

/// Measures and prints.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir_in(&plan.dir)?;
    let place = Files { dir: dir.path().to_owned(), made: AtomicUsize::new(0) };
    let rows = vec![
        Row::new("get by id", Same(Work::Get), LEVEL),
        Row::new("get by name", Same(Work::GetByName), LEVEL),
        Row::new("page of 100 by id", Same(Work::Page), LEVEL),
        Row::new("page of 100, filtered by owner and tag", Same(Work::Filtered), LEVEL),
        Row::new("update, compare and set", Same(Work::Update), None),
        Row::new("create, 64 tasks (by hand: a transaction each)", Same(Work::Create), Some(3.0)),
        Row::new(
            "import in batches of 1,000 (by hand: one by one)",
            Import { records: plan.records, jobs: 1 },
            Some(20.0),
        ),
        Row::new("import, 4 batches at a time (by hand: one by one)", Import { records: plan.records, jobs: 4 }, None),
        Row::new("copy from a log (by hand: inserted, 10,000 a transaction)", Copy, Some(0.5)),
    ];
    run_beside(&place, rows, plan).await
}
