//! What is done both ways. Records are made before the clock runs, for both.

use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::{
    Clock as _, CollectionMetadata, Cursor, Filter, ListRequest, MetadataBackend, Operation, PutIf, StatsDelta,
    SystemClock,
};
use proximadb_meta_transfer::copy::{CopyOptions, Unwatched, copy};
use tokio::task::JoinSet;

use super::{ByHand, Pair, Place, Result};
use crate::Plan;
use crate::records::{id, name, owner, record, shuffled};

const READS: usize = 5_000;
const UPDATES: usize = 300;
const PAGES: usize = 100;
const TASKS: usize = 64;
const CALLS_A_TASK: usize = 32;
/// Records that counters move on: many, and few.
const SPREAD: usize = 1_000;
const HOT: usize = 10;
const ONE_BY_ONE: usize = 1_000;
const SMALL_BATCH: usize = 100;
const SMALL_BATCHES: usize = 20;
const BATCH: usize = 1_000;
/// Records of an import and of a copy in one transaction by hand.
const BIG: usize = 10_000;

/// Seconds an operation.
pub(crate) struct Seconds {
    pub(super) ours: f64,
    pub(super) by_hand: f64,
}

/// An operation, measured both ways.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Get,
    GetByName,
    Page,
    Filtered,
    /// Compare and set, one task.
    Update,
    /// Creates of 100 at once.
    Batch,
    /// 64 tasks; by hand a transaction each.
    Create,
    /// 64 tasks on 1,000 records.
    Counters,
    /// 64 tasks on 10 records.
    HotCounters,
    /// So many records in batches into an empty catalog; by hand one by one.
    Import(usize),
    /// From a log into an empty catalog, proved; by hand inserted in transactions of 10,000.
    Copy,
}

impl Work {
    /// Both, one after the other.
    pub(super) async fn run(self, place: &dyn Place, pair: &Pair, plan: &Plan, by_hand_first: bool) -> Result<Seconds> {
        match self {
            Self::Copy => return copied(place, plan).await,
            Self::Import(records) => return imported(place, records).await,
            _ => {}
        }
        let (mut ours, mut by_hand) = (0.0, 0.0);
        for is_ours in [!by_hand_first, by_hand_first] {
            match is_ours {
                true => ours = self.ours(&pair.ours, plan.records).await?,
                false => by_hand = self.by_hand(&pair.by_hand, plan.records).await?,
            }
        }
        Ok(Seconds { ours, by_hand })
    }

    async fn ours(self, db: &Arc<dyn MetadataBackend>, n: usize) -> Result<f64> {
        match self {
            Self::Get => {
                let ids: Vec<String> = shuffled(n, READS).into_iter().map(id).collect();
                let start = Instant::now();
                for id in &ids {
                    db.get_collection(id).await?.ok_or("a record is not there")?;
                }
                Ok(each(start, READS))
            }
            Self::GetByName => {
                let names: Vec<String> = shuffled(n, READS).into_iter().map(name).collect();
                let start = Instant::now();
                for name in &names {
                    db.get_collection_by_name(name).await?.ok_or("a record is not there")?;
                }
                Ok(each(start, READS))
            }
            Self::Page => {
                let start = Instant::now();
                let mut cursor: Option<Cursor> = None;
                for _ in 0..PAGES.min(n / 100) {
                    let request = ListRequest::new().with_limit(100);
                    cursor = db.list_page(cursor.take().into_iter().fold(request, ListRequest::after)).await?.next;
                }
                Ok(each(start, PAGES.min(n / 100)))
            }
            Self::Filtered => {
                let filters: std::result::Result<Vec<Filter>, _> =
                    (0..PAGES).map(|n| Filter::parse(&format!("owner = \"{}\" AND tags:prod", owner(n)))).collect();
                let filters = filters?;
                let start = Instant::now();
                for filter in filters {
                    db.list_page(ListRequest::new().with_filter(filter).with_limit(100)).await?;
                }
                Ok(each(start, PAGES))
            }
            Self::Update => {
                let mut records = Vec::new();
                for n in shuffled(n, UPDATES) {
                    records.push(db.get_collection(&id(n)).await?.ok_or("a record is not there")?);
                }
                records.sort_by(|a, b| a.id.cmp(&b.id));
                records.dedup_by(|a, b| a.id == b.id);
                let changed: Vec<CollectionMetadata> = records.iter().map(|r| grown((**r).clone())).collect();
                let (start, calls) = (Instant::now(), changed.len());
                for r in changed {
                    db.update_collection(r).await?;
                }
                Ok(each(start, calls))
            }
            Self::Batch => {
                let new: Vec<CollectionMetadata> = (n..n + SMALL_BATCH * SMALL_BATCHES).map(record).collect();
                let batches: Vec<Vec<Operation>> = new.chunks(SMALL_BATCH).map(creates).collect();
                let start = Instant::now();
                for batch in batches {
                    db.batch_operations(batch).await?;
                }
                let took = each(start, SMALL_BATCHES);
                take_away(&**db, &ids(&new)).await?;
                Ok(took)
            }
            Self::Create => {
                let new: Vec<CollectionMetadata> = (n..n + TASKS * CALLS_A_TASK).map(record).collect();
                let start = Instant::now();
                let db_of_all = db.clone();
                in_tasks(new.clone(), move |r| {
                    let db = db_of_all.clone();
                    async move { db.create_collection(r).await.map(drop).map_err(Into::into) }
                })
                .await?;
                let took = each(start, new.len());
                take_away(&**db, &ids(&new)).await?;
                Ok(took)
            }
            Self::Counters | Self::HotCounters => {
                let ids = self.counted(n);
                let (start, calls) = (Instant::now(), ids.len());
                let db = db.clone();
                in_tasks(ids, move |id| {
                    let db = db.clone();
                    async move {
                        let delta = StatsDelta { vectors: 1, bytes: 3072 };
                        db.record_stats(&id, delta).await.map(drop).map_err(Into::into)
                    }
                })
                .await?;
                Ok(each(start, calls))
            }
            Self::Import(_) | Self::Copy => Err("it begins with an empty catalog".into()),
        }
    }

    async fn by_hand(self, db: &Arc<dyn ByHand>, n: usize) -> Result<f64> {
        let one = |rows: usize| if rows == 1 { Ok(()) } else { Err("a record is not there") };
        match self {
            Self::Get => {
                let ids: Vec<String> = shuffled(n, READS).into_iter().map(id).collect();
                let start = Instant::now();
                for id in &ids {
                    one(db.get(id).await?)?;
                }
                Ok(each(start, READS))
            }
            Self::GetByName => {
                let names: Vec<String> = shuffled(n, READS).into_iter().map(name).collect();
                let start = Instant::now();
                for name in &names {
                    one(db.get_by_name(name).await?)?;
                }
                Ok(each(start, READS))
            }
            Self::Page => {
                let start = Instant::now();
                let mut after = String::new();
                for page in 1..=PAGES.min(n / 100) {
                    db.page(&after).await?;
                    after = id(100 * page - 1);
                }
                Ok(each(start, PAGES.min(n / 100)))
            }
            Self::Filtered => {
                let start = Instant::now();
                for n in 0..PAGES {
                    db.filtered(&owner(n), "prod").await?;
                }
                Ok(each(start, PAGES))
            }
            Self::Update => {
                let mut numbers = shuffled(n, UPDATES);
                numbers.sort_unstable();
                numbers.dedup();
                // Their versions stay: what is compared is the same work.
                let changed: Vec<CollectionMetadata> = numbers.into_iter().map(|n| grown(record(n))).collect();
                let start = Instant::now();
                for r in &changed {
                    one(db.update(r).await?)?;
                }
                Ok(each(start, changed.len()))
            }
            Self::Batch => {
                let new: Vec<CollectionMetadata> = (n..n + SMALL_BATCH * SMALL_BATCHES).map(record).collect();
                let start = Instant::now();
                for batch in new.chunks(SMALL_BATCH) {
                    db.insert(batch).await?;
                }
                let took = each(start, SMALL_BATCHES);
                db.remove(&ids(&new)).await?;
                Ok(took)
            }
            Self::Create => {
                let new: Vec<CollectionMetadata> = (n..n + TASKS * CALLS_A_TASK).map(record).collect();
                let start = Instant::now();
                let db_of_all = db.clone();
                in_tasks(new.clone(), move |r| {
                    let db = db_of_all.clone();
                    async move { db.insert(&[r]).await }
                })
                .await?;
                let took = each(start, new.len());
                db.remove(&ids(&new)).await?;
                Ok(took)
            }
            Self::Counters | Self::HotCounters => {
                let ids = self.counted(n);
                let (start, calls) = (Instant::now(), ids.len());
                let db = db.clone();
                in_tasks(ids, move |id| {
                    let db = db.clone();
                    async move { Ok(one(db.count(&id, 1, 3072).await?)?) }
                })
                .await?;
                Ok(each(start, calls))
            }
            Self::Import(_) | Self::Copy => Err("it begins with an empty catalog".into()),
        }
    }

    /// The ids of the records whose counters move, in an order that no cache can guess.
    fn counted(self, n: usize) -> Vec<String> {
        let of = if matches!(self, Self::HotCounters) { HOT } else { SPREAD };
        shuffled(of.min(n), TASKS * CALLS_A_TASK).into_iter().map(id).collect()
    }
}

async fn imported(place: &dyn Place, records: usize) -> Result<Seconds> {
    let Pair { ours, by_hand } = place.fresh().await?;
    let all: Vec<CollectionMetadata> = (0..records).map(record).collect();
    let start = Instant::now();
    put(&*ours, &all).await?;
    let seconds = each(start, records);
    ours.close().await?;
    // As many as are needed to know what one takes.
    let some = all.get(..ONE_BY_ONE.min(records)).unwrap_or_default();
    let start = Instant::now();
    for r in some {
        by_hand.insert(std::slice::from_ref(r)).await?;
    }
    Ok(Seconds { ours: seconds, by_hand: each(start, some.len()) })
}

async fn copied(place: &dyn Place, plan: &Plan) -> Result<Seconds> {
    let dir = tempfile::tempdir_in(&plan.dir)?;
    let log = proximadb_meta::connect(&format!("file://{}", dir.path().join("log").display())).await?;
    let all: Vec<CollectionMetadata> = (0..plan.records).map(record).collect();
    put(&*log, &all).await?;
    let Pair { ours, by_hand } = place.fresh().await?;
    let start = Instant::now();
    let report = copy(&log, &ours, &CopyOptions::new(), None, &mut Unwatched).await?;
    let seconds = each(start, plan.records);
    if report.counts.created != plan.records as u64 {
        return Err(format!("the copy made {} records", report.counts.created).into());
    }
    let start = Instant::now();
    for part in all.chunks(BIG) {
        by_hand.raw_insert(part).await?;
    }
    let by_hand = each(start, plan.records);
    ours.close().await?;
    log.close().await?;
    Ok(Seconds { ours: seconds, by_hand })
}

/// Fills both.
pub(super) async fn fill(pair: &Pair, n: usize) -> Result<()> {
    let all: Vec<CollectionMetadata> = (0..n).map(record).collect();
    put(&*pair.ours, &all).await?;
    for part in all.chunks(BATCH) {
        pair.by_hand.insert(part).await?;
    }
    Ok(())
}

fn each(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_secs_f64() / calls as f64
}

/// With another description than it ever had, written now: what an update changes, in the indexes too.
fn grown(mut r: CollectionMetadata) -> CollectionMetadata {
    r.updated_at = SystemClock.now();
    let text = r.description.as_deref().unwrap_or_default();
    let text = text.split_once("Embeddings").map_or(text, |(_, rest)| rest);
    r.description = Some(format!("Written at {}. Embeddings{text}", r.updated_at).into());
    r
}

fn ids(records: &[CollectionMetadata]) -> Vec<String> {
    records.iter().map(|r| r.id.to_string()).collect()
}

fn creates(records: &[CollectionMetadata]) -> Vec<Operation> {
    records.iter().map(|r| Operation::Put { record: r.clone(), when: PutIf::Absent }).collect()
}

async fn put(db: &dyn MetadataBackend, records: &[CollectionMetadata]) -> Result<()> {
    for part in records.chunks(BATCH) {
        db.batch_operations(creates(part)).await?;
    }
    Ok(())
}

async fn take_away(db: &dyn MetadataBackend, ids: &[String]) -> Result<()> {
    for part in ids.chunks(BATCH) {
        let deletes = part.iter().map(|id| Operation::Delete { id: id.as_str().into() }).collect();
        db.batch_operations(deletes).await?;
    }
    Ok(())
}

/// Each of 64 tasks does its part, one call after the other.
async fn in_tasks<T, F>(all: Vec<T>, call: impl Fn(T) -> F + Clone + Send + Sync + 'static) -> Result<()>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for part in all.chunks(CALLS_A_TASK) {
        let (part, call) = (part.to_vec(), call.clone());
        tasks.spawn(async move {
            for one in part {
                call(one).await?;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
