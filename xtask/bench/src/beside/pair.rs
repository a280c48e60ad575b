//! What is done both ways: the same work, or another way to the same end.

use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::CollectionMetadata;
use proximadb_meta_transfer::copy::{CopyOptions, Unwatched, copy};

use super::{Pair, Place};
use crate::Plan;
use crate::catalog::{BATCH, Catalog, Ours, Result, fill, import};
use crate::records::record;
use crate::work::{Work, each};

/// Records of an import that are written one by one: as many as are needed to know what one takes.
const ONE_BY_ONE: usize = 1_000;
/// Records of a copy in one transaction by hand.
const BIG: usize = 10_000;

/// One row's work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Both {
    /// The same on catalogs that are full.
    Same(Work),
    /// So many records in batches into an empty catalog, so many of these at a time; by hand one by one.
    Import { records: usize, jobs: usize },
    /// From a log into an empty catalog, proved; by hand inserted in transactions of 10,000.
    Copy,
}

impl Both {
    /// Seconds an operation, ours and by hand.
    pub(super) async fn measure(
        self,
        place: &dyn Place,
        pair: &Pair,
        plan: &Plan,
        by_hand_first: bool,
    ) -> Result<(f64, f64)> {
        let work = match self {
            Self::Same(work) => work,
            Self::Import { records, jobs } => return imported(place, records, jobs).await,
            Self::Copy => return copied(place, plan).await,
        };
        let ours: Arc<dyn Catalog> = Arc::new(pair.ours.clone());
        if by_hand_first {
            let by_hand = work.measure(&pair.by_hand, plan.records).await?;
            return Ok((work.measure(&ours, plan.records).await?, by_hand));
        }
        Ok((work.measure(&ours, plan.records).await?, work.measure(&pair.by_hand, plan.records).await?))
    }
}

async fn imported(place: &dyn Place, records: usize, jobs: usize) -> Result<(f64, f64)> {
    let Pair { ours, by_hand } = place.fresh().await?;
    let all: Vec<CollectionMetadata> = (0..records).map(record).collect();
    let batches = all.chunks(BATCH).map(<[_]>::to_vec).collect();
    let start = Instant::now();
    import(&ours, batches, jobs).await?;
    let seconds = each(start, records);
    ours.0.close().await?;
    let some = all.get(..ONE_BY_ONE).unwrap_or(&all);
    let start = Instant::now();
    for r in some {
        by_hand.insert(std::slice::from_ref(r)).await?;
    }
    Ok((seconds, each(start, some.len())))
}

async fn copied(place: &dyn Place, plan: &Plan) -> Result<(f64, f64)> {
    let dir = tempfile::tempdir_in(&plan.dir)?;
    let log = Ours(proximadb_meta::connect(&format!("file://{}", dir.path().join("log").display())).await?);
    let all: Vec<CollectionMetadata> = (0..plan.records).map(record).collect();
    fill(&log, &all).await?;
    let Pair { ours, by_hand } = place.fresh().await?;
    let start = Instant::now();
    let report = copy(&log.0, &ours.0, &CopyOptions::new(), None, &mut Unwatched).await?;
    let seconds = each(start, plan.records);
    if report.counts.created != plan.records as u64 {
        return Err(format!("the copy made {} records", report.counts.created).into());
    }
    let start = Instant::now();
    for part in all.chunks(BIG) {
        by_hand.insert(part).await?;
    }
    let by_hand = each(start, plan.records);
    ours.0.close().await?;
    log.0.close().await?;
    Ok((seconds, by_hand))
}
