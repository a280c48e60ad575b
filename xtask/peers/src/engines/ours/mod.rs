//! Our backends, as users hold them: opened by a connection string, called through `Arc<dyn MetadataBackend>`.

mod convert;
mod wait;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use proximadb_meta::core::filter::Op as Compare;
use proximadb_meta::core::page::MAX_PAGE;
use proximadb_meta::core::{
    self as core, CollectionMetadata, ErrorKind, Field, ListRequest, MetadataBackend, Operation, Order, StatsDelta,
};

use crate::catalog::{Answer, AsyncWriter, Catalog, Filter, Got, Job, Op, Record, Reject, Sum};
pub(crate) use convert::{from_ours, to_ours};
use wait::{now, runtime, wait};

/// Most records of one batch when many are loaded.
const BATCH: usize = 5_000;

/// One of our backends.
#[derive(Clone)]
pub(super) struct Ours(Arc<dyn MetadataBackend>);

impl Ours {
    pub(super) fn on_disk(dir: &Path) -> Result<Self> {
        let path = dir.to_str().context("the path is not UTF-8")?.replace('%', "%25").replace(' ', "%20");
        Self::connect(&format!("file://{path}"))
    }

    pub(super) fn in_memory() -> Result<Self> {
        Self::connect("memory://")
    }

    fn connect(uri: &str) -> Result<Self> {
        Ok(Self(runtime()?.block_on(proximadb_meta::connect(uri))?))
    }

    /// Every page of a request, up to `limit` records.
    fn pages(&self, request: ListRequest, limit: usize) -> Result<Vec<Got>> {
        let mut request = request.with_order(Order::by(Field::Name)?).with_limit(limit.min(MAX_PAGE));
        let mut all = Vec::new();
        loop {
            let page = now(self.0.list_page(request.clone()))??;
            all.extend(page.records.into_iter().map(Got::Ours));
            match page.next {
                Some(cursor) if all.len() < limit => request = request.after(cursor),
                _ => return Ok(all),
            }
        }
    }
}

/// A write in our own form.
enum Step {
    Create(CollectionMetadata),
    Update { record: CollectionMetadata },
    Delete(String),
    Count { id: String, delta: StatsDelta },
}

impl Step {
    fn of(op: &Op) -> Result<Self> {
        Ok(match op {
            Op::Create(record) => Self::Create(to_ours(record)?),
            Op::Update { id, expect, record } => {
                let mut record = to_ours(record)?;
                record.id = id.as_str().into();
                record.version = *expect;
                Self::Update { record }
            }
            Op::Delete(id) => Self::Delete(id.clone()),
            Op::Count { id, vectors, bytes } => {
                Self::Count { id: id.clone(), delta: StatsDelta { vectors: *vectors, bytes: *bytes } }
            }
        })
    }

    async fn perform(self, backend: &dyn MetadataBackend) -> Result<Answer> {
        match self {
            Self::Create(record) => answer(backend.create_collection(record).await),
            Self::Update { mut record } => {
                // What is replaced must have been read: that is where the incarnation comes from.
                let Some(read) = backend.get_collection(&record.id).await? else { return Ok(Err(Reject::NotFound)) };
                record.incarnation = read.incarnation;
                answer(backend.update_collection(record).await)
            }
            Self::Delete(id) => {
                let there = backend.delete_collection(&id).await?;
                Ok(if there { Ok(()) } else { Err(Reject::NotFound) })
            }
            Self::Count { id, delta } => answer(backend.record_stats(&id, delta).await),
        }
    }
}

fn answer<T>(result: core::Result<T>) -> Result<Answer> {
    let Err(e) = result else { return Ok(Ok(())) };
    match e.kind() {
        ErrorKind::AlreadyExists => Ok(Err(Reject::Exists)),
        ErrorKind::NotFound => Ok(Err(Reject::NotFound)),
        ErrorKind::VersionConflict => Ok(Err(Reject::Conflict)),
        _ => Err(e.into()),
    }
}

impl AsyncWriter for Ours {
    fn prepare(&self, op: Op) -> Result<Job> {
        let (backend, step) = (self.0.clone(), Step::of(&op)?);
        Ok(Box::new(move || Box::pin(async move { step.perform(&*backend).await })))
    }
}

impl Catalog for Ours {
    /// One after the other: a batch of ours is all or nothing, and here a rejected operation must not stop the others.
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        ops.iter().map(|op| wait(Step::of(op)?.perform(&*self.0))?).collect()
    }

    fn load(&self, records: Vec<Record>) -> Result<()> {
        for part in records.chunks(BATCH) {
            let batch: Result<Vec<Operation>> = part.iter().map(|r| Ok(Operation::Create(to_ours(r)?))).collect();
            wait(self.0.batch_operations(batch?))??;
        }
        Ok(())
    }

    fn get(&self, id: &str) -> Result<Option<Got>> {
        Ok(now(self.0.get_collection(id))??.map(Got::Ours))
    }

    fn get_by_name(&self, name: &str) -> Result<Option<Got>> {
        Ok(now(self.0.get_collection_by_name(name))??.map(Got::Ours))
    }

    fn list(&self, f: &Filter<'_>) -> Result<Vec<Got>> {
        let mut filter = core::Filter::eq(Field::Owner, f.owner)
            .and(core::Filter::has_tag(f.tag))
            .and(core::Filter::number(Field::Dimension, Compare::Ge, f.min_dimension.into()));
        // Our cursors are opaque; a place that is given as a name is a part of the filter.
        if !f.after.is_empty() {
            filter = filter.and(core::Filter::text(Field::Name, Compare::Gt, f.after));
        }
        self.pages(ListRequest::new().with_filter(filter), f.limit)
    }

    fn first(&self, limit: usize) -> Result<Vec<Got>> {
        self.pages(ListRequest::new(), limit)
    }

    fn scan(&self) -> Result<Sum> {
        let mut sum = Sum::default();
        for record in now(self.0.list_collections(None))?? {
            sum.add(record.dimension);
        }
        Ok(sum)
    }

    fn native_async(self: Arc<Self>) -> Option<Arc<dyn AsyncWriter>> {
        Some(self)
    }

    fn checkpoint(&self) -> Result<()> {
        if self.0.capabilities().maintain {
            wait(self.0.maintain())??;
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(wait(self.0.close())??)
    }
}
