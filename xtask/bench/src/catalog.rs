//! A catalog that is measured: ours, or one by hand. What gives a number gives that of the records, every one of them decoded.

use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta::core::{
    CollectionMetadata, Cursor, Filter, ListRequest, MetadataBackend, Operation, PutIf, StatsDelta,
};
use tokio::task::JoinSet;

use crate::records::{id, record};

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// Records of one transaction where many are written.
pub(crate) const BATCH: usize = 1_000;

#[async_trait]
pub(crate) trait Catalog: Send + Sync {
    async fn get(&self, id: &str) -> Result<usize>;

    async fn get_by_name(&self, name: &str) -> Result<usize>;

    /// The first pages of 100 in the order of ids, one after the other.
    async fn pages(&self, pages: usize) -> Result<()>;

    /// The first 100 by id.
    async fn filtered(&self, owner: &str, tag: &str) -> Result<usize>;

    /// All of them or none.
    async fn insert(&self, records: &[CollectionMetadata]) -> Result<()>;

    /// Record `n` as an update expects it.
    async fn stored(&self, n: usize) -> Result<CollectionMetadata> {
        Ok(record(n))
    }

    /// If the record still has the version.
    async fn update(&self, record: CollectionMetadata) -> Result<usize>;

    async fn count(&self, id: &str, vectors: i64, bytes: i64) -> Result<usize>;

    async fn remove(&self, ids: &[String]) -> Result<()>;
}

/// A backend as users hold it.
#[derive(Clone)]
pub(crate) struct Ours(pub(crate) Arc<dyn MetadataBackend>);

#[async_trait]
impl Catalog for Ours {
    async fn get(&self, id: &str) -> Result<usize> {
        Ok(self.0.get_collection(id).await?.into_iter().count())
    }

    async fn get_by_name(&self, name: &str) -> Result<usize> {
        Ok(self.0.get_collection_by_name(name).await?.into_iter().count())
    }

    async fn pages(&self, pages: usize) -> Result<()> {
        let mut cursor: Option<Cursor> = None;
        for _ in 0..pages {
            let request = ListRequest::new().with_limit(100);
            cursor = self.0.list_page(cursor.take().into_iter().fold(request, ListRequest::after)).await?.next;
        }
        Ok(())
    }

    async fn filtered(&self, owner: &str, tag: &str) -> Result<usize> {
        let filter = Filter::parse(&format!("owner = \"{owner}\" AND tags:{tag}"))?;
        Ok(self.0.list_page(ListRequest::new().with_filter(filter).with_limit(100)).await?.records.len())
    }

    async fn insert(&self, records: &[CollectionMetadata]) -> Result<()> {
        if let [one] = records {
            self.0.create_collection(one.clone()).await?;
        } else {
            let puts = records.iter().map(|r| Operation::Put { record: r.clone(), when: PutIf::Absent });
            self.0.batch_operations(puts.collect()).await?;
        }
        Ok(())
    }

    async fn stored(&self, n: usize) -> Result<CollectionMetadata> {
        Ok((*self.0.get_collection(&id(n)).await?.ok_or("a record is not there")?).clone())
    }

    async fn update(&self, record: CollectionMetadata) -> Result<usize> {
        self.0.update_collection(record).await?;
        Ok(1)
    }

    async fn count(&self, id: &str, vectors: i64, bytes: i64) -> Result<usize> {
        self.0.record_stats(id, StatsDelta { vectors, bytes }).await?;
        Ok(1)
    }

    async fn remove(&self, ids: &[String]) -> Result<()> {
        let deletes = ids.iter().map(|id| Operation::Delete { id: id.as_str().into() });
        self.0.batch_operations(deletes.collect()).await?;
        Ok(())
    }
}

/// Puts them in, many at once.
pub(crate) async fn fill(catalog: &dyn Catalog, records: &[CollectionMetadata]) -> Result<()> {
    for part in records.chunks(BATCH) {
        catalog.insert(part).await?;
    }
    Ok(())
}

/// The same as `pxmeta import --jobs` does it: so many batches under way.
pub(crate) async fn import(catalog: &Ours, batches: Vec<Vec<CollectionMetadata>>, jobs: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for batch in batches {
        if tasks.len() >= jobs
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        let catalog = catalog.clone();
        tasks.spawn(async move { catalog.insert(&batch).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
