//! A backend beside the same work written by hand with the driver that it uses itself, and whether the ratios that we set
//! ourselves are kept.

mod pair;
mod report;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Plan;
use crate::catalog::{Catalog, Ours, Result, fill};
use crate::records::record;
pub(crate) use pair::Both;

/// Both. What is done to the one is done to the other.
pub(crate) struct Pair {
    pub(crate) ours: Ours,
    /// What somebody would write who needs just this.
    pub(crate) by_hand: Arc<dyn Catalog>,
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
    both: Both,
    ours: Vec<f64>,
    by_hand: Vec<f64>,
}

impl Row {
    pub(crate) fn new(name: &'static str, both: Both, goal: Option<f64>) -> Self {
        Self { name, goal, both, ours: Vec::new(), by_hand: Vec::new() }
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
    let all: Vec<_> = (0..plan.records).map(record).collect();
    fill(&pair.ours, &all).await?;
    fill(&*pair.by_hand, &all).await?;
    // Interleaved, and each of the two first every other time: what slows the machine down for a while slows both.
    for repetition in 0..plan.repetitions {
        for row in &mut rows {
            let (ours, by_hand) = row.both.measure(place, &pair, plan, repetition % 2 == 1).await?;
            row.ours.push(ours);
            row.by_hand.push(by_hand);
        }
    }
    pair.ours.0.close().await?;
    print!("{}", if plan.json { report::json(&rows)? } else { report::table(&rows) });
    Ok(())
}
