//! What is done to a backend, and how long one call takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proximadb_meta::core::{
    CollectionMetadata, Error, ErrorKind, Filter, ListRequest, MetadataBackend, Operation, Result, StatsDelta,
};
use tokio::task::JoinSet;

use crate::records::{id, owner, record, shuffled};
use crate::table::Row;

const GETS: usize = 20_000;
const CREATES_ALONE: usize = 200;
const TASKS: usize = 64;
const CALLS_A_TASK: usize = 20;
const PAGES: usize = 200;
const SCANS: usize = 5;
/// Records a batch when the store is filled or cleared.
const BATCH: usize = 500;

/// A backend that holds the records `0..records`.
pub(crate) struct Subject {
    backend: Arc<dyn MetadataBackend>,
    records: usize,
}

impl Subject {
    /// Fills an empty store.
    pub(crate) async fn fill(backend: Arc<dyn MetadataBackend>, records: usize) -> Result<Self> {
        for start in (0..records).step_by(BATCH) {
            let batch = (start..records.min(start + BATCH)).map(|n| Operation::Create(record(n))).collect();
            backend.batch_operations(batch).await?;
        }
        Ok(Self { backend, records })
    }

    pub(crate) fn label(&self) -> &'static str {
        self.backend.descriptor().label
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.backend.close().await
    }

    /// One repetition of everything. The store holds the same records before and after it.
    pub(crate) async fn run(&self) -> Result<Vec<(Row, Duration)>> {
        Ok(vec![
            (Row::GetById, self.get_by_id().await?),
            (Row::GetByName, self.get_by_name().await?),
            (Row::CreateAlone, self.create_alone().await?),
            (Row::CreateTogether, self.create_together().await?),
            (Row::CountTogether, self.count_together().await?),
            (Row::FilteredPage, self.filtered_page().await?),
            (Row::FullScan, self.full_scan().await?),
        ])
    }

    async fn get_by_id(&self) -> Result<Duration> {
        let ids: Vec<String> = shuffled(self.records, GETS).into_iter().map(id).collect();
        let start = Instant::now();
        for id in &ids {
            present(self.backend.get_collection(id).await?)?;
        }
        Ok(each(start, GETS))
    }

    async fn get_by_name(&self) -> Result<Duration> {
        let names: Vec<Arc<str>> = shuffled(self.records, GETS).into_iter().map(|n| record(n).name).collect();
        let start = Instant::now();
        for name in &names {
            present(self.backend.get_collection_by_name(name).await?)?;
        }
        Ok(each(start, GETS))
    }

    async fn create_alone(&self) -> Result<Duration> {
        let new: Vec<usize> = (self.records..self.records + CREATES_ALONE).collect();
        let made: Vec<CollectionMetadata> = new.iter().map(|n| record(*n)).collect();
        let start = Instant::now();
        for record in made {
            self.backend.create_collection(record).await?;
        }
        let took = each(start, CREATES_ALONE);
        self.remove(&new).await?;
        Ok(took)
    }

    async fn create_together(&self) -> Result<Duration> {
        let new: Vec<usize> = (self.records..self.records + TASKS * CALLS_A_TASK).collect();
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        for numbers in new.chunks(CALLS_A_TASK) {
            let (backend, made) = (self.backend.clone(), numbers.iter().map(|n| record(*n)).collect::<Vec<_>>());
            tasks.spawn(async move {
                for record in made {
                    backend.create_collection(record).await?;
                }
                Ok(())
            });
        }
        finish(tasks).await?;
        let took = each(start, new.len());
        self.remove(&new).await?;
        Ok(took)
    }

    async fn count_together(&self) -> Result<Duration> {
        let targets: Vec<String> = shuffled(self.records, TASKS * CALLS_A_TASK).into_iter().map(id).collect();
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        for ids in targets.chunks(CALLS_A_TASK) {
            let (backend, ids) = (self.backend.clone(), ids.to_vec());
            tasks.spawn(async move {
                for id in ids {
                    backend.record_stats(&id, StatsDelta { vectors: 10, bytes: 30_720 }).await?;
                }
                Ok(())
            });
        }
        finish(tasks).await?;
        Ok(each(start, targets.len()))
    }

    /// The first 100 of those that one owner has: the fiftieth part of all, with a tag that all have.
    async fn filtered_page(&self) -> Result<Duration> {
        let requests: Result<Vec<ListRequest>> = (0..PAGES)
            .map(|n| {
                let filter = Filter::parse(&format!("owner = \"{}\" AND tags:prod", owner(n)))?;
                Ok(ListRequest::new().with_filter(filter).with_limit(100))
            })
            .collect();
        let requests = requests?;
        let start = Instant::now();
        for request in requests {
            self.backend.list_page(request).await?;
        }
        Ok(each(start, PAGES))
    }

    async fn full_scan(&self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..SCANS {
            let all = self.backend.list_collections(None).await?;
            if all.len() != self.records {
                return Err(wrong(format!("{} records listed, {} are there", all.len(), self.records)));
            }
        }
        Ok(each(start, SCANS))
    }

    async fn remove(&self, numbers: &[usize]) -> Result<()> {
        for part in numbers.chunks(BATCH) {
            let batch = part.iter().map(|n| Operation::Delete { id: id(*n).into() }).collect();
            self.backend.batch_operations(batch).await?;
        }
        Ok(())
    }
}

fn each(start: Instant, calls: usize) -> Duration {
    start.elapsed() / u32::try_from(calls).unwrap_or(u32::MAX)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, what.into())
}

fn present<T>(found: Option<T>) -> Result<()> {
    found.map(drop).ok_or_else(|| wrong("a record that was written is not there"))
}

async fn finish(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done.map_err(|e| wrong(format!("a task ended early: {e}")))??;
    }
    Ok(())
}
