//! A backend beside the same work written by hand with the driver that it uses itself, and whether the ratios that we set
//! ourselves are kept.

mod report;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta::core::{CollectionMetadata, MetadataBackend};

use crate::Plan;
pub(crate) use work::Work;

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// What somebody would write who needs just this. Every answer is decoded; what gives a number gives that of the rows.
#[async_trait]
pub(crate) trait ByHand: Send + Sync {
    async fn get(&self, id: &str) -> Result<usize>;

    async fn get_by_name(&self, name: &str) -> Result<usize>;

    /// The next 100 by id.
    async fn page(&self, after: &str) -> Result<usize>;

    /// The first 100 by id.
    async fn filtered(&self, owner: &str, tag: &str) -> Result<usize>;

    /// All of them or none.
    async fn insert(&self, records: &[CollectionMetadata]) -> Result<()>;

    /// If the record still has the version. The number of rows.
    async fn update(&self, record: &CollectionMetadata) -> Result<usize>;

    async fn count(&self, id: &str, vectors: i64, bytes: i64) -> Result<usize>;

    async fn remove(&self, ids: &[String]) -> Result<()>;

    /// Puts them into an empty catalog as fast as a statement a record allows, many in one transaction.
    async fn raw_insert(&self, records: &[CollectionMetadata]) -> Result<()>;
}

/// Both. What is done to the one is done to the other.
pub(crate) struct Pair {
    pub(crate) ours: Arc<dyn MetadataBackend>,
    pub(crate) by_hand: Arc<dyn ByHand>,
}

/// Where both can be.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// Both, empty.
    async fn fresh(&self) -> Result<Pair>;
}

/// A row of the table: seconds an operation, once a repetition.
pub(crate) struct Row {
    name: &'static str,
    /// How many times as fast as by hand it is to be, at least; nothing: it is only reported.
    goal: Option<f64>,
    work: Work,
    ours: Vec<f64>,
    by_hand: Vec<f64>,
}

impl Row {
    pub(crate) fn new(name: &'static str, work: Work, goal: Option<f64>) -> Self {
        Self { name, goal, work, ours: Vec::new(), by_hand: Vec::new() }
    }
}

/// "At most 1.10 times its time", as a speed.
pub(crate) const LEVEL: Option<f64> = Some(1.0 / 1.10);

/// Fills both, measures the rows and prints them.
pub(crate) async fn run(place: &dyn Place, mut rows: Vec<Row>, plan: &Plan) -> Result<()> {
    rows.retain(|row| row.name.contains(&plan.rows));
    if rows.is_empty() {
        return Err(format!("no row has {:?} in its name", plan.rows).into());
    }
    let pair = place.fresh().await?;
    work::fill(&pair, plan.records).await?;
    // Interleaved, and each of the two first every other time: what slows the machine down for a while slows both.
    for repetition in 0..plan.repetitions {
        for row in &mut rows {
            let seconds = row.work.run(place, &pair, plan, repetition % 2 == 1).await?;
            row.ours.push(seconds.ours);
            row.by_hand.push(seconds.by_hand);
        }
    }
    pair.ours.close().await?;
    print!("{}", if plan.json { report::json(&rows)? } else { report::table(&rows) });
    Ok(())
}
