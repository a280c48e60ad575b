//! What is done to a catalog, and how long one operation takes. Records are made before the clock runs.

use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::{Clock as _, CollectionMetadata, SystemClock};
use tokio::task::JoinSet;

use crate::catalog::{BATCH, Catalog, Result};
use crate::records::{id, name, owner, record, shuffled};

const READS: usize = 5_000;
const UPDATES: usize = 300;
const PAGES: usize = 100;
const TASKS: usize = 64;
const CALLS_A_TASK: usize = 32;
const CREATES_ALONE: usize = 200;
const SMALL_BATCH: usize = 100;
const SMALL_BATCHES: usize = 20;

/// An operation. The catalog holds the records `0..n`, before it and after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Get,
    GetByName,
    Page,
    /// The first 100 of those that one owner has: the fiftieth part of all, with a tag that all have.
    Filtered,
    /// Compare and set, one task.
    Update,
    /// Creates of 100 at once.
    Batch,
    /// One task.
    CreateAlone,
    /// 64 tasks.
    Create,
    /// 64 tasks on so many records.
    Counters(usize),
}

impl Work {
    /// Seconds an operation.
    pub(crate) async fn measure(self, catalog: &Arc<dyn Catalog>, n: usize) -> Result<f64> {
        match self {
            Self::Get => {
                let ids: Vec<String> = shuffled(n, READS).into_iter().map(id).collect();
                let start = Instant::now();
                for id in &ids {
                    one(catalog.get(id).await?)?;
                }
                Ok(each(start, READS))
            }
            Self::GetByName => {
                let names: Vec<String> = shuffled(n, READS).into_iter().map(name).collect();
                let start = Instant::now();
                for name in &names {
                    one(catalog.get_by_name(name).await?)?;
                }
                Ok(each(start, READS))
            }
            Self::Page => {
                let pages = PAGES.min(n / 100);
                let start = Instant::now();
                catalog.pages(pages).await?;
                Ok(each(start, pages))
            }
            Self::Filtered => {
                let start = Instant::now();
                for n in 0..PAGES {
                    catalog.filtered(&owner(n), "prod").await?;
                }
                Ok(each(start, PAGES))
            }
            Self::Update => {
                let mut numbers = shuffled(n, UPDATES);
                numbers.sort_unstable();
                numbers.dedup();
                let mut changed = Vec::new();
                for n in numbers {
                    changed.push(grown(catalog.stored(n).await?));
                }
                let (start, calls) = (Instant::now(), changed.len());
                for r in changed {
                    one(catalog.update(r).await?)?;
                }
                Ok(each(start, calls))
            }
            Self::Batch => {
                let new = after(n, SMALL_BATCH * SMALL_BATCHES);
                let start = Instant::now();
                for batch in new.chunks(SMALL_BATCH) {
                    catalog.insert(batch).await?;
                }
                gone(&**catalog, &new, each(start, SMALL_BATCHES)).await
            }
            Self::CreateAlone => {
                let new = after(n, CREATES_ALONE);
                let start = Instant::now();
                for r in &new {
                    catalog.insert(std::slice::from_ref(r)).await?;
                }
                gone(&**catalog, &new, each(start, CREATES_ALONE)).await
            }
            Self::Create => {
                let new = after(n, TASKS * CALLS_A_TASK);
                let start = Instant::now();
                in_tasks(catalog, &new, |catalog, r| async move { catalog.insert(&[r]).await }).await?;
                gone(&**catalog, &new, each(start, new.len())).await
            }
            Self::Counters(of) => {
                let ids: Vec<String> = shuffled(of.min(n), TASKS * CALLS_A_TASK).into_iter().map(id).collect();
                let start = Instant::now();
                in_tasks(catalog, &ids, |catalog, id| async move { one(catalog.count(&id, 1, 3072).await?) }).await?;
                Ok(each(start, ids.len()))
            }
        }
    }
}

pub(crate) fn each(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_secs_f64() / calls as f64
}

fn one(records: usize) -> Result<()> {
    if records == 1 { Ok(()) } else { Err("a record is not there".into()) }
}

/// So many records that are not there yet.
fn after(n: usize, count: usize) -> Vec<CollectionMetadata> {
    (n..n + count).map(record).collect()
}

/// Takes new records away again.
async fn gone(catalog: &dyn Catalog, new: &[CollectionMetadata], took: f64) -> Result<f64> {
    for part in new.chunks(BATCH) {
        catalog.remove(&part.iter().map(|r| r.id.to_string()).collect::<Vec<_>>()).await?;
    }
    Ok(took)
}

/// With another description than it ever had, written now: what an update changes, in the indexes too.
fn grown(mut r: CollectionMetadata) -> CollectionMetadata {
    r.updated_at = SystemClock.now();
    let text = r.description.as_deref().unwrap_or_default();
    let text = text.split_once("Embeddings").map_or(text, |(_, rest)| rest);
    r.description = Some(format!("Written at {}. Embeddings{text}", r.updated_at).into());
    r
}

/// Each of 64 tasks does its part, one call after the other.
async fn in_tasks<T, F>(
    catalog: &Arc<dyn Catalog>,
    all: &[T],
    call: impl Fn(Arc<dyn Catalog>, T) -> F + Clone + Send + Sync + 'static,
) -> Result<()>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for part in all.chunks(CALLS_A_TASK) {
        let (catalog, part, call) = (catalog.clone(), part.to_vec(), call.clone());
        tasks.spawn(async move {
            for one in part {
                call(catalog.clone(), one).await?;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
